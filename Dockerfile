# An image for CI jobs: Node, git and the bundled Lockstep. `docker build .` works from a fresh clone; a bundle that is there is taken.
FROM node:24-bookworm-slim AS build
WORKDIR /lockstep
COPY . .
RUN [ -f dist/start.cjs ] || { npm ci --ignore-scripts --no-audit --no-fund && npm run build; }
RUN mkdir /made && cp -R --parents bin dist /made && rm -f /made/dist/action.js /made/dist/*-thread.js

FROM debian:bookworm-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates git \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/ldconfig/* /var/cache/debconf/*-old \
 # A checkout that CI made belongs to whom it likes.
 && git config --system --add safe.directory '*' \
 && ln -s /opt/lockstep/bin/lockstep /usr/local/bin/lockstep
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /made /opt/lockstep
ARG VERSION=source
LABEL org.opencontainers.image.title=Lockstep \
      org.opencontainers.image.description="Runs a lockstep.yml in containers, with the same result as on your laptop." \
      org.opencontainers.image.version=$VERSION
