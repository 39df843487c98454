# Shell functions that the lab's recipes share; sourced, never run.
#
# A recipe is called with the folder that it has to make. It builds in a temporary folder beside it
# and renames that at the end, so the folder exists only when it is complete; a lock lets the second
# of two processes wait for the first and find its work done.

set -eu
umask 022

# The Debian mirror that packages of the lab's own release come from.
mirror=${LAB_DEBIAN_MIRROR:-http://deb.debian.org/debian}
release=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
recipe_name=$(basename "$0")
recipe_started=$(date +%s)

# Prints one progress line with the seconds since the recipe began.
say() {
  echo "lab: $recipe_name: $* ($(($(date +%s) - recipe_started)) s)" >&2
}

# Ends the recipe with what failed and what to do about it.
fail() {
  echo "$recipe_name: $*" >&2
  exit 1
}

# Ends the recipe unless it runs as root on Debian with the release's signing keys.
require_debian_root() {
  [ "$(id -u)" = 0 ] || fail "root is needed to build the lab: run it with sudo"
  command -v apt-get >/dev/null || fail "apt-get not found: the lab is built on Debian 12 or 13"
}

# Installs the Debian packages among the arguments that are missing.
install_packages() {
  missing=
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  say "installing$missing"
  # shellcheck disable=SC2086 # one word a package
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing \
    >"$work/install.log" 2>&1 ||
    { DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
      DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing; } \
      >"$work/install.log" 2>&1 ||
    { tail -n 20 "$work/install.log" >&2
      fail "could not install$missing: see the lines above, install them by hand, then run again"; }
}

# Takes the lock of the folder "$1"; ends the recipe with success when the folder is there already.
# Sets destination and work (a new temporary folder that goes away when the recipe ends).
begin() {
  destination=$1
  case $destination in /*) ;; *) fail "the folder to make must be an absolute path: $destination" ;; esac
  mkdir -p "$(dirname "$destination")"
  exec 9>"$destination.lock"
  if ! flock -n 9; then
    say "waiting for another process that builds $destination"
    flock 9
  fi
  [ ! -d "$destination" ] || exit 0
  # The lock is held, so what an interrupted build left behind belongs to nobody.
  rm -rf "$destination".partial.*
  work=$(mktemp -d "$destination.partial.XXXXXX")
  chmod 755 "$work"
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

# Gives the finished folder "$1" (inside $work) its final name.
publish() {
  mv -T "$1" "$destination"
  say "made $destination"
}
