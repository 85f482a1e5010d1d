#!/usr/bin/env bash
# Makes an initial file system: busybox, the modules that find a disk, and one first program.
#   Boards/Image/initrd.sh KERNEL-ROOT VERSION FIRST-PROGRAM OUT [FILE...]
# Each FILE, or what is in a folder, goes to its root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kernel=$1 version=$2 first=$3 out=$4
shift 4
work=$out.work
rm -rf "$work"
mkdir -p "$work/bin" "$work/lib/modules"
install -m 755 "$kernel/bin/busybox" "$work/bin/busybox"
install -m 755 "$first" "$work/init"
python3 "$here/modules.py" "$kernel" "$version" "$here/initrd.list" "$work/lib/modules" >/dev/null
/sbin/depmod -b "$work" "$version"
[ $# -eq 0 ] || cp -a "$@" "$work/"
find "$work" -exec touch -h -d "@${SOURCE_DATE_EPOCH:-0}" {} +
(cd "$work" && find . | LC_ALL=C sort | cpio -o -H newc --owner=0:0 --reproducible --quiet | gzip -1n) >"$out"
rm -rf "$work"
