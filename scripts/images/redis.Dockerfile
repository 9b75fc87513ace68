# Debian's Redis 7, listening on all addresses, with a health check.
FROM debian:bookworm-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends redis-server \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/ldconfig/* /var/cache/debconf/*-old \
 && install -d -o redis -g redis /data
USER redis
WORKDIR /data
VOLUME /data
EXPOSE 6379
HEALTHCHECK --interval=1s --timeout=3s --retries=30 CMD ["sh", "-c", "redis-cli ping | grep -q PONG"]
CMD ["redis-server", "--bind", "* -::*", "--protected-mode", "no"]
