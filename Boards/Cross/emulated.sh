#!/usr/bin/env bash
# Wrappers that run build/ARCH's programs under qemu-user, in build/ARCH/emulated: for tests and `make run`.
#   Boards/Cross/emulated.sh armhf cairn-agent cairn-uplink-https cairn
set -euo pipefail
cd "$(dirname "$0")/../.."
architecture=$1
shift
case $architecture in
  arm64) emulator=qemu-aarch64-static ;;
  armhf) emulator=qemu-arm-static ;;
  *)
    echo "Boards/Cross/emulated.sh: no architecture $architecture: arm64 or armhf" >&2
    exit 64
    ;;
esac
folder=build/$architecture
mkdir -p "$folder/emulated"
for program in "$@"; do
  cat >"$folder/emulated/$program" <<SH
#!/bin/sh
exec $emulator -L "$PWD/build/sysroot/$architecture/root" "$PWD/$folder/$program" "\$@"
SH
  chmod +x "$folder/emulated/$program"
done
