#!/usr/bin/env bash
# Builds the kernel's own simulator of GPIO lines, which Debian's kernel leaves out, against Debian's headers for exactly
# the kernel of the image. Nothing is installed, and this machine's package lists are not touched.
#   Tests/BoardTests/modules.sh build/image/kernel build/board-test/modules
# Leaves irq_sim.ko and gpio-sim.ko in the second folder, and keeps them while the kernel stays.
set -euo pipefail
kernel=$1
folder=$2
version=$(basename "$(ls -d "$kernel"/lib/modules/*)")
package=$(sed -n 's/^linux-image-[^ ]* //p' "$(dirname "$kernel")/boot-packages.files")
mirror=${CAIRN_DEBIAN_MIRROR:-http://deb.debian.org}
if [ "$(cat "$folder/.complete" 2>/dev/null)" = "$version $package" ]; then exit 0; fi

echo "building gpio-sim for kernel $version ($package)"
rm -rf "$folder"
mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/packages" "$folder/headers"
state=$(cd "$folder/apt" && pwd)
folder=$(cd "$folder" && pwd)
: >"$state/status"
host=$(dpkg --print-architecture)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
for suite in debian/bookworm debian/bookworm-updates debian-security/bookworm-security; do
  echo "deb [signed-by=$keys] $mirror/${suite%/*} ${suite#*/} main"
done >"$state/sources.list"
apt=(
  apt-get -qq -o APT::Architecture="$host" -o APT::Architectures::="$host" -o APT::Architectures::=arm64
  -o Dir::State="$state" -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status"
  -o Dir::Cache="$state/cache" -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3
)
"${apt[@]}" update >"$state/update.log" 2>&1 || true
abi=${version%-arm64}
series=$(cut -d. -f1,2 <<<"$version")
if ! (cd "$folder/packages" && "${apt[@]}" download "linux-headers-$version:arm64=$package" \
  "linux-headers-$abi-common=$package" "linux-source-$series=$package" "linux-kbuild-$series") >"$state/download.log" 2>&1; then
  cat "$state/update.log" "$state/download.log" >&2
  echo "Tests/BoardTests/modules.sh: Debian's headers and sources of kernel $package can't be had; see above" >&2
  exit 1
fi

for deb in "$folder"/packages/linux-headers*.deb "$folder"/packages/linux-kbuild*.deb; do
  dpkg-deb --extract "$deb" "$folder/headers"
done
headers=$folder/headers/usr/src/linux-headers-$version
# The packages expect to be installed.
sed -i "s|/usr/src/|$folder/headers/usr/src/|" "$headers/Makefile"
mkdir "$folder/build"
source=linux-source-$series
dpkg-deb --fsys-tarfile "$folder"/packages/linux-source*.deb | tar -xO "./usr/src/$source.tar.xz" |
  tar -xJ -C "$folder/build" --strip-components=3 "$source/drivers/gpio/gpio-sim.c" \
  "$source/drivers/gpio/gpiolib.h" "$source/kernel/irq/irq_sim.c"
cd "$folder/build"
# In a kernel with it, irq_sim is a part of the kernel: as a module it needs a licence, and calls what is exported.
printf '\nMODULE_LICENSE("GPL");\n' >>irq_sim.c
sed -i 's/handle_simple_irq(irq_to_desc(irqnum))/generic_handle_irq(irqnum)/' irq_sim.c
echo 'obj-m := irq_sim.o gpio-sim.o' >Makefile
make -C "$headers" M="$PWD" ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- DEB_BUILD_ARCH="$host" DEB_HOST_ARCH=arm64 \
  DEB_HOST_GNU_TYPE=aarch64-linux-gnu modules >make.log 2>&1 || {
  cat make.log >&2
  echo "Tests/BoardTests/modules.sh: gpio-sim can't be built for kernel $version; see above" >&2
  exit 1
}
cp irq_sim.ko gpio-sim.ko "$folder/"
cd "$folder"
rm -rf build headers packages apt
echo "$version $package" >.complete
