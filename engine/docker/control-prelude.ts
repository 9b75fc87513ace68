// The functions that our requests call in the container's main shell and in root's. Plain POSIX sh, as in step-script.ts.
import { caPath, ourFolder, outputPath, scriptPath, stepsPath, summaryPath } from './step-script.ts';

/**
 * Fed first to the container's main shell, and to the one beside it for the steps of root. It runs as root, does its work by
 * builtins where it can (a fork costs a millisecond), and never in a way that ends it: a failed redirection of a special
 * builtin such as `:` would. Its variables begin with `_`: an image may have some of any name, and root's steps inherit them.
 */
export const controlFunctions = `
unset IFS
umask 022
cd /
_owner=

# Sets _u and _g to what the engine makes of user $1 and group $2; false when there is no such.
ids() {
  _u= _g=
  if [ -r /etc/passwd ]; then
    while IFS=: read -r _name _ _i _j _ || [ "$_name" ]; do
      case $1 in "$_name" | "$_i") _u=$_i _g=$_j; break ;; esac
    done </etc/passwd
  fi
  if [ -z "$_u" ]; then
    case $1 in '' | *[!0-9]*) return 1 ;; *) _u=$1 _g=0 ;; esac
  fi
  [ "$2" ] || return 0
  _g=
  if [ -r /etc/group ]; then
    while IFS=: read -r _name _ _i _ || [ "$_name" ]; do
      case $2 in "$_name" | "$_i") _g=$_i; break ;; esac
    done </etc/group
  fi
  if [ -z "$_g" ]; then
    case $2 in *[!0-9]*) return 1 ;; *) _g=$2 ;; esac
  fi
}

# Sends signal $1 to all processes but init, this shell and the others named; sets _n to how many live ones there were.
signal() {
  _s=$1 _n=0
  shift
  for _p in /proc/[0-9]*; do
    _p=\${_p#/proc/} _state=
    case " 1 $$ $* " in *" $_p "*) continue ;; esac
    while read -r _key _value _; do
      case $_key in State:) _state=$_value; break ;; esac
    done </proc/$_p/status
    case $_state in '' | Z | X) continue ;; esac
    _n=$((_n + 1))
    kill -$_s $_p
  done
}

# Sets _o to the number of memory kills so far (cgroup v2, v1), empty where the container cannot see it.
memory_kills() {
  _o=
  for _f in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    if [ -r $_f ]; then
      while read -r _key _value; do
        case $_key in oom_kill) _o=$_value ;; esac
      done <$_f
    fi
  done
}

# Reads files $2 and on into _h, as long as that is how $1 begins. What no shell should hold is never the same.
contents() {
  _known=$1 _h=
  shift
  for _f; do
    if [ -f $_f ]; then
      while IFS= read -r _line || [ "$_line" ]; do
        _h="$_h$_line
"
        case $_known in '' | "$_h"*) ;; *) return 1 ;; esac
        case \${#_h} in ?????*) _h="$_h$_known."; return 1 ;; esac
      done <$_f
    fi
    _h=$_h/
  done
}

# Sets _h to what is in no snapshot, as long as that is how $1 begins: files that the engine mounts over the image's,
# objects of System V, and names in file systems that go with the container.
host_files() {
  contents "$1" /etc/hosts /etc/hostname /etc/resolv.conf /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg || return
  set -- /dev/* /dev/.[!.]* /dev/mqueue/* /dev/mqueue/.[!.]*
  _h="$_h$*"
  for _f in ${ourFolder}/* ${ourFolder}/.[!.]*; do
    case $_f in ${scriptPath} | ${outputPath} | ${summaryPath} | ${caPath} | '${ourFolder}/*' | '${ourFolder}/.[!.]*') ;;
    *) _h="$_h $_f" ;;
    esac
  done
}

# From a step's change on, what they were before it stays the measure.
_edited=
note_host_files() {
  [ "$_edited" ] || { host_files ''; _hosts=$_h; }
}
compare_host_files() {
  _edited=
  host_files "$_hosts"
  [ "$_h" = "$_hosts" ] || _edited=1
}

# What a shell that was started before does not see.
_accounts=
compare_accounts() {
  _other=
  contents "$_accounts" /etc/passwd /etc/group
  [ "$_h" = "$_accounts" ] && return
  _other=1
  contents '' /etc/passwd /etc/group
  _accounts=$_h
}

# Makes file $1 an empty plain file, whatever a step made of it.
fresh() {
  if [ ! -f $1 ] || [ -L $1 ]; then rm -rf $1; _owner=; fi
  true >$1
}

begin() {
  fresh ${scriptPath}
  fresh ${outputPath}
  fresh ${summaryPath}
  if [ "$_owner" != $1 ]; then chown $1 ${outputPath} ${summaryPath} && _owner=$1; fi
}

has_bytes() {
  [ -f $1 ] && [ ! -L $1 ] && [ -s $1 ]
}

is_empty() {
  for _f in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    if [ -e "$_f" ] || [ -L "$_f" ]; then return 1; fi
  done
}

empty() {
  is_empty $1 || rm -rf $1/* $1/.[!.]* $1/..?*
}

# Starts a shell that is fed through descriptor 5. It must not be waited for, and not be a background job: that would
# ignore SIGINT for good. Who leads a session cannot make another one, so the second setsid forks and its parent ends.
# The pipe loses its name before any step could come upon it.
start_shell() {
  command -v setsid >/dev/null && mkfifo -m 600 ${stepsPath} && [ -p ${stepsPath} ] || return
  exec 5<>${stepsPath}
  setsid setsid sh -c '
    exec 3>&2 2>/dev/null
    rm -f ${stepsPath}
    read -r _marker
    sh 2>&3 3>&-
    set -- "$_marker gone $?"
    echo "$1"
    echo "$1" >&3
  ' <${stepsPath} 2>&4 4>&- 5>&-
}

# Makes root's folder $1 user $_u:$_g's.
give() {
  if [ $_u:$_g != 0:0 ] && [ -O "$1" ] && [ ! -L "$1" ]; then chown $_u:$_g "$1"; fi
}
`;

// Nobody else is there yet, so these are plain files of root's: the first step needs no programs to make sure of it.
export const controlPrelude = `
exec 4>&2 2>/dev/null
${controlFunctions}
true >${scriptPath}
true >${outputPath}
true >${summaryPath}
_owner=0:0
`;
