# Node 24 with npm, git and ca-certificates on Debian; beside this file in the context: node, npm/, node.entry.
FROM debian:bookworm-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates git \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/ldconfig/* /var/cache/debconf/*-old \
 && useradd --uid 1000 --user-group --shell /bin/bash --create-home node
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY node.entry /usr/local/bin/docker-entrypoint.sh
RUN cd /usr/local/bin \
 && ln -s node nodejs \
 && ln -s ../lib/node_modules/npm/bin/npm-cli.js npm \
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js npx
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["node"]
