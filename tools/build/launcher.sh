#!/bin/sh
# userpipe @VERSION@: a POSIX shell program with the runtime and the code as a gzip tar behind its last line. The first
# start unpacks them, once, into a cache folder named by their hash; every start runs them from there.
id=@ID@

fail() {
  printf 'error: %s\n  %s\n' "$1" "$2" >&2
  exit 2
}

unpack() (
  umask 077
  hint='Set XDG_CACHE_HOME to a folder that can be written, with 150 MB free'
  broken='Make 150 MB of room, or set XDG_CACHE_HOME to another folder; where this file is damaged, get it again'
  said=$(mkdir -p "$cache" 2>&1) || fail "Cannot make the cache folder \"$cache\": $said" "$hint"
  new=$(mktemp -d "$cache/.new.XXXXXX" 2>&1) || fail "Cannot write to the cache folder \"$cache\": $new" "$hint"
  trap 'rm -rf "$new"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  said=$(tail -n +@LINE@ "$0" | tar -xozf - -C "$new" 2>&1) ||
    fail "Cannot unpack into \"$cache\": $(printf '%s' "$said" | head -n 3)" "$broken"
  mv "$new" "$dir" 2>/dev/null
  # Where another first start was faster, ours was moved into its folder.
  rm -rf "${dir:?}/${new##*/}"
)

case ${XDG_CACHE_HOME:-} in
/*) cache=$XDG_CACHE_HOME/userpipe ;;
*)
  if [ -n "${HOME:-}" ]; then
    cache=$HOME/.cache/userpipe
  else
    # Others may write there too, and what is in the cache is run: it has to be ours.
    cache=${TMPDIR:-/tmp}/userpipe-cache-$(id -u)
    mkdir -m 700 "$cache" 2>/dev/null
    if [ -L "$cache" ] || { [ -e "$cache" ] && [ ! -O "$cache" ]; }; then
      fail "The cache folder \"$cache\" belongs to another user" 'Set XDG_CACHE_HOME to a folder of your own'
    fi
  fi
  ;;
esac
dir=$cache/$id

[ -x "$dir/deno" ] || unpack || exit
[ -x "$dir/deno" ] || fail "Cannot run programs from \"$dir\", or it is damaged" \
  'Remove it, or set XDG_CACHE_HOME to a folder whose file system lets programs run'
export DENO_DIR="$dir/cache" DENO_NO_UPDATE_CHECK=1
# Of glibc's malloc: what is free goes back to the system, which is 10 MB of an idle process, and costs no time.
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}" MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-131072}"
export MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-131072}"
exec "$dir/deno" run @FLAGS@ "$dir/app/main.js" "$@"
