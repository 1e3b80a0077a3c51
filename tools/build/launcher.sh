#!/bin/sh
# userpipe @VERSION@: a POSIX shell program with the runtime and the code as a gzip tar behind its last line. The first
# start unpacks them, once, into a cache folder named by their hash; every start runs them from there.
id=@ID@
files='@FILES@'
hint='Set XDG_CACHE_HOME to a folder that can be written, with 150 MB free'

fail() {
  printf 'error: %s\n  %s\n' "$1" "$2" >&2
  exit 2
}

# What is in the cache is run: nobody else may have made it, or write there.
only_ours() {
  for folder in "$@"; do
    [ -O "$folder" ] ||
      fail "The cache folder \"$folder\" belongs to another user" 'Set XDG_CACHE_HOME to a folder of your own'
  done
  modes=$(ls -ld "$@") || fail "Cannot see who may write to the cache folder \"$cache\"" "$hint"
  case "
$modes" in
*"
d"????w* | *"
d"???????w*)
    fail "Others may write to the cache folder \"$cache\", or to \"$id\" in it" \
      'Remove it, since they may have changed it, or set XDG_CACHE_HOME to a folder of your own'
    ;;
  esac
}

# Some clean a cache file by file.
whole() {
  for file in $files; do
    [ -f "$dir/$file" ] || return
  done
  [ -x "$dir/deno" ]
}

unpack() (
  umask 077
  broken='Make 150 MB of room, or set XDG_CACHE_HOME to another folder; where this file is damaged, get it again'
  new=$(mktemp -d "$cache/.new.XXXXXX" 2>&1) || fail "Cannot write to the cache folder \"$cache\": $new" "$hint"
  trap 'rm -rf "$new"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  said=$(tail -n +@LINE@ "$0" | tar -xozf - -C "$new" 2>&1) ||
    fail "Cannot unpack into \"$cache\": $(printf '%s' "$said" | head -n 3)" "$broken"
  if [ ! -e "$dir" ]; then
    mv "$new" "$dir" 2>/dev/null
    # Where another first start was faster, ours was moved into its folder.
    rm -rf "${dir:?}/${new##*/}"
  else
    # One by one, since others may run from there.
    for file in $files; do
      said=$(mkdir -p "$(dirname "$dir/$file")" 2>&1 && mv -f "$new/$file" "$dir/$file" 2>&1) ||
        fail "Cannot mend \"$dir\": $said" 'Remove it'
    done
  fi
)

case ${XDG_CACHE_HOME:-} in
/*) cache=$XDG_CACHE_HOME/userpipe ;;
*)
  cache=${HOME:+$HOME/.cache/userpipe}
  # A user of a service often has a home that is not there.
  if [ -z "$cache" ] || ! { [ -d "$cache" ] || (umask 077 && mkdir -p "$cache" 2>/dev/null); }; then
    cache=${TMPDIR:-/tmp}/userpipe-cache-$(id -u)
    [ -L "$cache" ] && fail "The cache folder \"$cache\" is a link" 'Set XDG_CACHE_HOME to a folder of your own'
  fi
  ;;
esac
[ -d "$cache" ] || said=$(umask 077 && mkdir -p "$cache" 2>&1) ||
  fail "Cannot make the cache folder \"$cache\": $said" "$hint"
# Followed before the look, so that a link cannot be turned elsewhere after it.
cache=$(CDPATH='' cd -P "$cache" 2>&1 && pwd) || fail "Cannot open the cache folder: $cache" "$hint"
dir=$cache/$id
if [ -e "$dir" ]; then only_ours "$cache" "$dir"; else only_ours "$cache"; fi

whole || unpack || exit
whole || fail "Cannot run programs from \"$dir\", or it is damaged" \
  'Remove it, or set XDG_CACHE_HOME to a folder whose file system lets programs run'
export DENO_DIR="$dir/cache" DENO_NO_UPDATE_CHECK=1
# Of glibc's malloc: what is free goes back to the system, which is 10 MB of an idle process, and costs no time.
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}" MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-131072}"
export MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-131072}"
exec "$dir/deno" run @FLAGS@ "$dir/app/main.js" "$@"
