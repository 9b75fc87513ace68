# Debian's PostgreSQL 15 behind the variables of the official image (POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB).
FROM debian:bookworm-slim
# Without LLVM, half of the size: it is for just-in-time compilation alone, which the entry script turns off.
RUN apt-get update \
 && mkdir -p /etc/postgresql-common \
 && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql-15 \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/ldconfig/* /var/cache/debconf/*-old \
      /usr/lib/*/libLLVM-*.so.* /usr/lib/llvm-* /usr/lib/postgresql/15/lib/bitcode /etc/ssl/private/*.key \
 && install -d -m 3777 -o postgres -g postgres /var/run/postgresql \
 && install -d -m 700 -o postgres -g postgres /var/lib/postgresql/data
COPY postgres.entry /usr/local/bin/docker-entrypoint.sh
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
