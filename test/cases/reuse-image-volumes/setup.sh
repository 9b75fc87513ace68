printf 'FROM busybox:latest\nVOLUME /data\n' | docker build -q -t lockstep-test/volumes:1 - >/dev/null
