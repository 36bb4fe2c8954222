#!/bin/sh
# NeuroQuant's container without a container tool: Debian by debootstrap, the steps of envs/recipe.sh in it by bubblewrap.
#   envs/chroot.sh build FOLDER              make it below an empty or new FOLDER (as root, for debootstrap)
#   envs/chroot.sh run FOLDER COMMAND ...    run a command in it, in the present folder, with the host's network
# Folders of the host that the inside needs as well, e.g. a mirror of PyPI, are named in BIND, separated by spaces; pip's
# own variables (PIP_INDEX_URL, PIP_CERT, ...) are handed on. DEBIAN_MIRROR replaces debootstrap's default mirror.
set -eu
project=$(cd "$(dirname "$0")/.." && pwd)
place=/opt/neuroquant

usage() {
  sed -n '3,4s/^# *//p' "$0" >&2
  exit 2
}

inside() {
  for shared in ${BIND:-}; do
    set -- --ro-bind "$shared" "$shared" "$@"
  done
  bwrap --bind "$folder" / --dev /dev --proc /proc --perms 1777 --tmpfs /tmp --ro-bind /etc/resolv.conf /etc/resolv.conf \
    --die-with-parent --setenv HOME /root --setenv LC_ALL C.UTF-8 \
    --setenv PATH "$place/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "$@"
}

[ $# -ge 2 ] || usage
verb=$1
case $verb in
build) mkdir -p "$2" ;;
run) [ -d "$2$place" ] || {
  echo "$2: nothing was built there: envs/chroot.sh build $2" >&2
  exit 1
} ;;
*) usage ;;
esac
folder=$(cd "$2" && pwd)
shift 2
for tool in debootstrap bwrap; do
  command -v "$tool" >/dev/null || {
    echo "$tool is missing: apt-get install debootstrap bubblewrap" >&2
    exit 1
  }
done

case $verb in
build)
  [ -x "$folder/usr/bin/apt-get" ] || debootstrap --variant=minbase bookworm "$folder" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
  while read -r name; do
    mkdir -p "$folder$place/$(dirname "$name")"
    cp -a "$project/$name" "$folder$place/$(dirname "$name")/"
  done <"$project/envs/files.txt"
  # apt gives up its rights and changes owners of files, which a sandbox forbids by default
  inside --cap-add ALL sh "$place/envs/recipe.sh"
  ;;
run)
  [ $# -ge 1 ] || usage
  here=$(pwd)
  inside --bind "$here" "$here" --chdir "$here" "$@"
  ;;
esac
