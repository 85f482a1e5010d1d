#!/usr/bin/env bash
# Runs a script within a root file system of another architecture: in an emulated machine of its own, so that neither
# root nor any setting of this machine is needed.
#   Boards/Image/stage.sh KERNEL-ROOT VERSION ROOT.ext4 SCRIPT [PAYLOAD-FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kernel=$1 version=$2 disk=$3 script=$4
log=$disk.log
work=$disk.stage
rm -rf "$work"
mkdir -p "$work/payload"
[ $# -lt 5 ] || cp -a "$5/." "$work/payload/"
cp "$script" "$work/stage.sh"
"$here/initrd.sh" "$kernel" "$version" "$here/stage-init" "$work.cpio.gz" "$work/stage.sh" "$work/payload"
# A machine that hangs ends all the same.
timeout 1800 qemu-system-aarch64 -M virt -cpu max,pauth-impdef=on -smp 2 -m 1024 -nodefaults -nographic -no-reboot \
  -kernel "$kernel/boot/vmlinuz-$version" -initrd "$work.cpio.gz" -append 'console=ttyAMA0 panic=-1 quiet' \
  -drive "file=$disk,format=raw,if=none,id=root,cache=unsafe" -device virtio-blk-pci,drive=root \
  -serial stdio </dev/null >"$log" 2>&1 || true
rm -rf "$work" "$work.cpio.gz"
if ! grep -q '^cairn-stage: done' "$log"; then
  tail -40 "$log" >&2
  echo "Boards/Image/stage.sh: $script did not succeed in the emulated machine; $log has all that it said" >&2
  exit 1
fi
