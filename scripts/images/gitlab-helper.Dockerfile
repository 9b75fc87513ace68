# With what gitlab-ci-local copies a job's files; its own such image is in a registry.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends rsync git \
 && rm -rf /var/lib/apt/lists/*
