#!/bin/sh
# agent.sh IMAGE WORDS…: runs `lockstep WORDS…` on this agent, with its own Node or with one that is copied out of IMAGE.
#
# Copied, not run as a container: the agent may be a container itself, whose files the engine cannot see. IMAGE has Node at
# /usr/local/bin/node, and the libraries that it needs come along, so that any Linux will do, Alpine too.
set -eu
image=$1
shift
program=${0%/*}/lockstep.mjs

new_enough() {
  "$@" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 18) ? 0 : 1)' >/dev/null 2>&1
}
fail() {
  printf 'error[no-node]: %s\n  hint: %s\n' "$1" "$2" >&2
  exit 3
}
hint="install Node 22.18 or newer on the agent, or name one that has it: lockstep(agent: 'LABEL')"

if new_enough node; then
  exec node --max-semi-space-size=4 "$program" "$@"
fi

home=${HOME:-}
if [ ! -d "$home" ] || [ ! -w "$home" ]; then home=${0%/*}; fi
kept=$home/.cache/lockstep/node/$(printf '%s' "$image" | tr -c 'A-Za-z0-9._-' '-')

copy_node() {
  command -v docker >/dev/null 2>&1 ||
    fail 'this agent has neither Node 22.18 or newer nor the docker command to take it from an image' "$hint"
  echo "lockstep: this agent has no Node 22.18 or newer: taking it from $image" >&2
  new=$kept.$$ container=
  trap 'docker rm -f "$container" >/dev/null 2>&1; rm -rf "$new"' EXIT
  trap 'exit 143' HUP INT TERM
  mkdir -p "$new/lib"
  container=$(docker create "$image" node) || fail "the image $image cannot be had" "$hint"
  # They are there under these names on Debian and its kin, whichever the processor.
  docker cp -L "$container:/usr/local/bin/node" "$new/node" >/dev/null ||
    fail "the image $image has no Node at /usr/local/bin/node" "give another one: lockstep(image: 'node:24-bookworm-slim')"
  for machine in x86_64 aarch64; do
    docker cp -L "$container:/usr/lib/$machine-linux-gnu/libc.so.6" "$new/lib/libc.so.6" >/dev/null 2>&1 || continue
    for library in libdl.so.2 libm.so.6 libpthread.so.0 librt.so.1 libgcc_s.so.1 libstdc++.so.6 libatomic.so.1; do
      docker cp -L "$container:/usr/lib/$machine-linux-gnu/$library" "$new/lib/$library" >/dev/null 2>&1 || :
    done
    for loader in "lib64/ld-linux-x86-64.so.2" "lib/ld-linux-aarch64.so.1"; do
      docker cp -L "$container:/$loader" "$new/loader" >/dev/null 2>&1 && break
    done
  done
  # Another build may have been faster.
  [ -e "$kept" ] || mv "$new" "$kept"
}

run() {
  if new_enough "$kept/node"; then
    exec "$kept/node" --max-semi-space-size=4 "$program" "$@"
  fi
  if new_enough "$kept/loader" --library-path "$kept/lib" "$kept/node"; then
    exec "$kept/loader" --library-path "$kept/lib" "$kept/node" --max-semi-space-size=4 "$program" "$@"
  fi
}

run "$@"
(copy_node)
run "$@"
fail "the Node of $image is too old, or cannot run here" "$hint"
