printf 'FROM busybox:latest\nLABEL a=1\n' | docker build -q -t lockstep-test/goes-away:1 - >/dev/null
