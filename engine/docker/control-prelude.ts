// The functions that our requests call in the container's main shell. Plain POSIX sh, as in step-script.ts.
import { caPath, ourFolder, outputPath, scriptPath, summaryPath } from './step-script.ts';

/**
 * Fed to the container's main shell first; the functions that its requests call. It runs as root, does its work by
 * builtins where it can (a fork costs a millisecond), and never in a way that ends it: a failed redirection of a special
 * builtin such as `:` would.
 */
export const controlPrelude = `
exec 2>/dev/null
unset IFS
umask 022
cd /
owner=

# Sets u and g to what the engine makes of user $1 and group $2; false when there is no such.
ids() {
  u= g=
  if [ -r /etc/passwd ]; then
    while IFS=: read -r name _ i j _ || [ "$name" ]; do
      case $1 in "$name" | "$i") u=$i g=$j; break ;; esac
    done </etc/passwd
  fi
  if [ -z "$u" ]; then
    case $1 in '' | *[!0-9]*) return 1 ;; *) u=$1 g=0 ;; esac
  fi
  [ "$2" ] || return 0
  g=
  if [ -r /etc/group ]; then
    while IFS=: read -r name _ i _ || [ "$name" ]; do
      case $2 in "$name" | "$i") g=$i; break ;; esac
    done </etc/group
  fi
  if [ -z "$g" ]; then
    case $2 in *[!0-9]*) return 1 ;; *) g=$2 ;; esac
  fi
}

# Sends signal $1 to all processes but init, this shell and the others named; sets n to how many live ones there were.
signal() {
  s=$1 n=0
  shift
  for p in /proc/[0-9]*; do
    p=\${p#/proc/} state=
    case " 1 $$ $* " in *" $p "*) continue ;; esac
    while read -r key value _; do
      case $key in State:) state=$value; break ;; esac
    done </proc/$p/status
    case $state in '' | Z | X) continue ;; esac
    n=$((n + 1))
    kill -$s $p
  done
}

# Sets o to the number of memory kills so far (cgroup v2, v1), empty where the container cannot see it.
memory_kills() {
  o=
  for f in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    if [ -r $f ]; then
      while read -r key value; do
        case $key in oom_kill) o=$value ;; esac
      done <$f
    fi
  done
}

# Reads files $2 and on into h, as long as that is how $1 begins. What no shell should hold is never the same.
contents() {
  known=$1 h=
  shift
  for f; do
    if [ -f $f ]; then
      while IFS= read -r line || [ "$line" ]; do
        h="$h$line
"
        case $known in '' | "$h"*) ;; *) return 1 ;; esac
        case \${#h} in ?????*) h="$h$known."; return 1 ;; esac
      done <$f
    fi
    h=$h/
  done
}

# Sets h to what is in no snapshot, as long as that is how $1 begins: files that the engine mounts over the image's,
# objects of System V, and names in file systems that go with the container.
host_files() {
  contents "$1" /etc/hosts /etc/hostname /etc/resolv.conf /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg || return
  set -- /dev/* /dev/.[!.]* /dev/mqueue/* /dev/mqueue/.[!.]*
  h="$h$*"
  for f in ${ourFolder}/* ${ourFolder}/.[!.]*; do
    case $f in ${scriptPath} | ${outputPath} | ${summaryPath} | ${caPath} | '${ourFolder}/*' | '${ourFolder}/.[!.]*') ;;
    *) h="$h $f" ;;
    esac
  done
}

# From a step's change on, what they were before it stays the measure.
edited=
note_host_files() {
  [ "$edited" ] || { host_files ''; hosts=$h; }
}
compare_host_files() {
  edited=
  host_files "$hosts"
  [ "$h" = "$hosts" ] || edited=1
}

# What a shell that was started before does not see.
accounts=
compare_accounts() {
  other=
  contents "$accounts" /etc/passwd /etc/group
  [ "$h" = "$accounts" ] && return
  other=1
  contents '' /etc/passwd /etc/group
  accounts=$h
}

# Makes file $1 an empty plain file, whatever a step made of it.
fresh() {
  if [ ! -f $1 ] || [ -L $1 ]; then rm -rf $1; owner=; fi
  true >$1
}

begin() {
  fresh ${scriptPath}
  fresh ${outputPath}
  fresh ${summaryPath}
  if [ "$owner" != $1 ]; then chown $1 ${outputPath} ${summaryPath} && owner=$1; fi
}

show() {
  if [ -f $1 ] && [ ! -L $1 ] && [ -s $1 ]; then cat $1; fi
}

is_empty() {
  for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    if [ -e "$f" ] || [ -L "$f" ]; then return 1; fi
  done
}

empty() {
  is_empty $1 || rm -rf $1/* $1/.[!.]* $1/..?*
}

# Makes root's folder $1 user $u:$g's.
give() {
  if [ $u:$g != 0:0 ] && [ -O "$1" ] && [ ! -L "$1" ]; then chown $u:$g "$1"; fi
}
`;
