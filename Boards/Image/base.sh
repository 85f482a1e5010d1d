#!/usr/bin/env bash
# Debian's part of the root file system, configured, as FOLDER/base-HASH.ext4: kept while packages and lists stay.
#   Boards/Image/base.sh build/image HASH
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$1 hash=$2
base=$folder/base-$hash.ext4
here=Boards/Image
kernel=$folder/kernel

# The kernel's package and the others that are taken apart.
if [ "$(cat "$kernel/.hash" 2>/dev/null)" != "$hash" ]; then
  rm -rf "$kernel"
  mkdir -p "$kernel"
  for deb in "$folder"/boot-packages/*.deb; do dpkg-deb --extract "$deb" "$kernel"; done
  echo "$hash" >"$kernel/.hash"
fi
[ ! -f "$base" ] || exit 0
version=$(basename "$(ls -d "$kernel"/lib/modules/*)")
echo "configuring Debian's packages in an emulated machine: $base"
rm -rf "$folder"/base-*.ext4* "$folder/tree"
# Owners are Debian's within this one command, and nobody has to be root.
export folder here kernel version base
fakeroot bash -euo pipefail -c '
  mkdir -p "$folder/tree"
  python3 "$here/unpack.py" "$folder/tree" "$folder"/packages/*.deb
  python3 "$here/modules.py" "$kernel" "$version" "$here/modules.list" "$folder/tree/usr/lib/modules"
  mkdir -p "$folder/tree/usr/lib/firmware/brcm"
  cp -a "$kernel"/lib/firmware/brcm/brcmfmac4343* "$kernel"/lib/firmware/brcm/brcmfmac43455* "$folder/tree/usr/lib/firmware/brcm/"
  mke2fs -q -t ext4 -L cairn-root -O ^metadata_csum_seed -E hash_seed=5f1c9f3b-2d3a-4c1e-8a7b-6c5d4e3f2a1b \
    -d "$folder/tree" "$base.new" "${CAIRN_ROOT_MIB:-384}M"
'
rm -rf "$folder/tree"
"$here/stage.sh" "$kernel" "$version" "$base.new" "$here/configure.sh"
mv "$base.new" "$base"
