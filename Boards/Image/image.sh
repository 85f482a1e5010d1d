#!/usr/bin/env bash
# Makes the image of a board: build/image/BOARD/cairn-BOARD.img. Neither root nor a loop device is needed.
#   Boards/Image/image.sh raspberry-pi-4 [check]
# The packages of `make deb ARCH=arm64` are taken from build/deb.
set -euo pipefail
cd "$(dirname "$0")/../.."
board=${1-}
case $board in
  raspberry-pi-3) trees=(bcm2837-rpi-3-b bcm2837-rpi-3-b-plus bcm2837-rpi-3-a-plus) ;;
  raspberry-pi-4) trees=(bcm2711-rpi-4-b bcm2711-rpi-400 bcm2711-rpi-cm4-io) ;;
  raspberry-pi-zero-2-w) trees=(bcm2837-rpi-zero-2-w) ;;
  raspberry-pi-5 | orange-pi-zero-3)
    echo "Boards/Image/image.sh: Debian 12's kernel has no device tree for $board: docs/image.md says how the packages go onto the system that its maker has" >&2
    exit 64
    ;;
  *)
    echo "Boards/Image/image.sh: no image for $board: raspberry-pi-3, raspberry-pi-4 or raspberry-pi-zero-2-w" >&2
    exit 64
    ;;
esac
# Before anything is built, whether there is an image for that board at all.
[ "${2-}" != check ] || exit 0
here=Boards/Image
all=build/image
folder=$all/$board
mkdir -p "$folder"
# Two at once would take files from under each other. What hangs ends by itself, after half an hour at most.
exec 9>"$all/.lock"
if ! flock --nonblock 9; then
  echo "another image is being made: waiting until it is done" >&2
  flock --timeout 7200 9 || { echo "Boards/Image/image.sh: $all/.lock is held for two hours: by whom, fuser $all/.lock says" >&2; exit 75; }
fi

# Times in the image are the last commit's; file systems' identifiers come from what is in them.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)
export SOURCE_DATE_EPOCH E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH
version=$(sed -n 's/^var agentVersion: StaticString { "\(.*\)" }$/\1/p' Sources/cairn-agent/Program.swift)

hash=$("$here/fetch.sh" "$all")
hash=$(cat <(echo "$hash") "$here"/{modules.list,modules.py,initrd.list,initrd.sh,unpack.py,configure.sh,base.sh,stage.sh,stage-init} | sha256sum | cut -c1-32)
"$here/base.sh" "$all" "$hash"
kernel=$all/kernel
release=$(basename "$(ls -d "$kernel"/lib/modules/*)")

# The root file system is one for all boards.
debs=(build/deb/cairn-common_"$version"_all.deb build/deb/cairn{-agent,-uplink-https,-usb,}_"$version"_arm64.deb)
for deb in "${debs[@]}"; do
  [ -f "$deb" ] || { echo "Boards/Image/image.sh: $deb is missing: make deb ARCH=arm64" >&2; exit 1; }
done
content=$(cat <(echo "$hash") "${debs[@]}" build/deb/cairn-uplink-mqtt_"$version"_arm64.deb "$here/finish.sh" \
  <(cd "$here" && find root -type f -exec sha256sum {} + | sort) | sha256sum | cut -c1-32)
root=$all/root-$content.ext4
if [ ! -f "$root" ]; then
  echo "installing the packages of the node in an emulated machine: $root"
  rm -rf "$all"/root-*.ext4* "$all/payload"
  mkdir -p "$all/payload"
  cp -a "${debs[@]}" "$here/root" "$all/payload/"
  # Packages of both uplinks can't be installed together; the second one's program and unit lie beside the first's.
  dpkg-deb --extract build/deb/cairn-uplink-mqtt_"$version"_arm64.deb "$all/payload/mqtt"
  mkdir -p "$all/payload/root/usr/bin" "$all/payload/root/usr/lib/systemd/system"
  cp "$all/payload/mqtt/usr/bin/cairn-uplink-mqtt" "$all/payload/root/usr/bin/"
  cp "$all/payload/mqtt/usr/lib/systemd/system/cairn-uplink-mqtt.service" "$all/payload/root/usr/lib/systemd/system/"
  rm -rf "$all/payload/mqtt"
  cp --sparse=always "$all/base-$hash.ext4" "$root.new"
  "$here/stage.sh" "$kernel" "$release" "$root.new" "$here/finish.sh" "$all/payload"
  rm -rf "$all/payload"
  /sbin/e2fsck -f -y -E discard "$root.new" >"$root.log" 2>&1 || [ $? -eq 1 ]
  mv "$root.new" "$root"
fi

signature=$(echo "$content $board" | sha256sum | cut -c1-8)
boot=$folder/boot
rm -rf "$boot"
mkdir -p "$boot"
cp "$kernel/boot/vmlinuz-$release" "$boot/vmlinuz"
"$here/initrd.sh" "$kernel" "$release" "$here/init" "$boot/initrd.img"
firmware=$kernel/usr/lib/raspi-firmware
case $board in
  raspberry-pi-4) cp "$firmware"/start4.elf "$firmware"/start4cd.elf "$firmware"/fixup4.dat "$firmware"/fixup4cd.dat "$boot/" ;;
  *) cp "$firmware"/bootcode.bin "$firmware"/start.elf "$firmware"/start_cd.elf "$firmware"/fixup.dat "$firmware"/fixup_cd.dat "$boot/" ;;
esac
cp "$kernel/usr/share/doc/raspi-firmware/copyright" "$boot/LICENCE.broadcom"
for tree in "${trees[@]}"; do
  "$here/device-tree.sh" "$kernel/usr/lib/linux-image-$release/broadcom/$tree.dtb" "$boot/$tree.dtb"
done
cp "$here/boot/config.txt" "$boot/config.txt"
sed "s/@DISK@/$signature/" "$here/boot/cmdline.txt" >"$boot/cmdline.txt"
cp "$here/cairn.ini" "$boot/cairn.ini"

rm -f "$folder"/{boot.vfat,data.ext4}
truncate -s 128M "$folder/boot.vfat"
find "$boot" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
/sbin/mkfs.vfat -F 32 -n CAIRN -i "$signature" --invariant "$folder/boot.vfat" >/dev/null
MTOOLS_SKIP_CHECK=1 mcopy -m -i "$folder/boot.vfat" "$boot"/* ::
# The whole is 1 GiB: QEMU's card readers take powers of two only.
mkdir -p "$folder/data"
fakeroot /sbin/mke2fs -q -t ext4 -b 4096 -L cairn-data -O ^metadata_csum_seed -U "${content:0:8}-${content:8:4}-4000-8000-${content:12:12}" \
  -E "hash_seed=${content:0:8}-${content:8:4}-4000-8000-${content:12:12},lazy_itable_init=0,lazy_journal_init=0" \
  -d "$folder/data" "$folder/data.ext4" 124M
rmdir "$folder/data"
image=$folder/cairn-$board.img
python3 "$here/disk.py" "$image.new" "$signature" "$folder/boot.vfat" "$root" "$folder/data.ext4"
rm -f "$folder"/{boot.vfat,data.ext4}
mv "$image.new" "$image"
(cd "$folder" && sha256sum "cairn-$board.img" >"cairn-$board.img.sha256")
for file in vmlinuz initrd.img cmdline.txt; do cp "$boot/$file" "$folder/$file"; done
cp "$boot/${trees[0]}.dtb" "$folder/board.dtb"
rm -rf "$boot"
ls -ls "$image" | awk '{ printf "  %-52s %d bytes, %d MiB of them not empty\n", $10, $6, $1 / 1024 }'
