#!/usr/bin/env bash
# Debian's headers and libraries of another architecture, unpacked into a folder. Nothing is installed, and
# this machine's own package lists are not touched: apt works on a state of its own below that folder.
#   Boards/Cross/sysroot.sh arm64 build/sysroot/arm64
set -euo pipefail
architecture=$1
folder=$2

packages=(
  libc6-dev musl-dev libgcc-12-dev libsodium-dev libinih-dev libi2c-dev libgpiod-dev libcurl4-openssl-dev
  libssl-dev libqrencode-dev libmosquitto-dev libusb-1.0-0-dev libedit-dev
)

wanted="$architecture ${packages[*]}"
if [ -f "$folder/.complete" ] && [ "$(cat "$folder/.complete")" = "$wanted" ]; then exit 0; fi

echo "unpacking Debian's libraries for $architecture into $folder"
rm -rf "$folder"
mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
state=$(cd "$folder/apt" && pwd)
: >"$state/status"
apt=(
  apt-get -qq -y
  -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture"
  -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status"
  -o Dir::Cache="$state/cache" -o APT::Sandbox::User=root -o APT::Install-Recommends=false
)
# Some mirror's list of some suite may be broken for an architecture; what is missing is seen below.
"${apt[@]}" update >"$state/update.log" 2>&1 || true
if ! "${apt[@]}" --download-only install "${packages[@]}" >"$state/download.log" 2>&1; then
  cat "$state/update.log" "$state/download.log" >&2
  echo "Boards/Cross/sysroot.sh: Debian's packages for $architecture can't be had; see above" >&2
  exit 1
fi

# The layout of Debian since 12: one /usr. Packages still name /lib.
root=$folder/root
mkdir -p "$root/usr/lib" "$root/usr/bin" "$root/usr/sbin"
for name in lib bin sbin; do ln -s "usr/$name" "$root/$name"; done
for package in "$state"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink --no-same-owner -C "$root"
done
rm -rf "$state/cache" "$state/lists"
echo "$wanted" >"$folder/.complete"
