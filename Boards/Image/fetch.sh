#!/usr/bin/env bash
# Fetches the Debian packages of an image into FOLDER/packages and FOLDER/boot-packages. Nothing is installed, and this
# machine's own package lists are not touched: apt works on a state of its own below that folder.
#   Boards/Image/fetch.sh build/image
# Prints one line: a hash of all names and versions, by which whatever is made of them is kept.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$1
mirror=${CAIRN_DEBIAN_MIRROR:-http://deb.debian.org}
suite=bookworm

mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
state=$(cd "$folder/apt" && pwd)
: >"$state/status"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
cat >"$state/sources.list" <<LIST
deb [arch=arm64 signed-by=$keys] $mirror/debian $suite main non-free-firmware
deb [arch=arm64 signed-by=$keys] $mirror/debian $suite-updates main non-free-firmware
deb [arch=arm64 signed-by=$keys] $mirror/debian-security $suite-security main non-free-firmware
LIST
apt_options=(
  -o APT::Architecture=arm64 -o APT::Architectures::=arm64
  -o Dir::State="$state" -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status"
  -o Dir::Cache="$state/cache" -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null -o APT::Sandbox::User=root
  -o APT::Install-Recommends=false -o Acquire::Languages=none -o Acquire::Retries=3
)
apt=(apt-get -qq -y "${apt_options[@]}")

refuse() {
  cat "$state"/*.log >&2
  echo "Boards/Image/fetch.sh: $1" >&2
  exit 1
}

# Without that option apt only warns, and goes on with lists that it does not have.
if ! "${apt[@]}" -o APT::Update::Error-Mode=any update >"$state/update.log" 2>&1; then
  compgen -G "$state/lists/*_Packages*" >/dev/null ||
    refuse "Debian's package lists can't be had from $mirror; see above. CAIRN_DEBIAN_MIRROR names another mirror"
  echo "Boards/Image/fetch.sh: $mirror can't be reached: going on with the package lists of the last time" >&2
fi

# What a group of packages is, file by file: kept while names and versions stay.
group() { # NAME PACKAGE...
  local name=$1 uris file
  shift
  uris=$("${apt[@]}" --print-uris install "$@" 2>"$state/solve.log") ||
    refuse "Debian's packages for the image can't be chosen; see above"
  sed -n "s/^'[^']*' \([^ ]*\) \([0-9]*\) .*/\1/p" <<<"$uris" | sort >"$folder/$name.files"
  mkdir -p "$folder/$name"
  while read -r file; do
    if [ ! -f "$folder/$name/$file" ]; then
      "${apt[@]}" --download-only install "$@" >"$state/download.log" 2>&1 ||
        refuse "Debian's packages for the image can't be fetched; see above"
      break
    fi
  done <"$folder/$name.files"
  while read -r file; do
    if [ -f "$state/cache/archives/$file" ]; then mv "$state/cache/archives/$file" "$folder/$name/"; fi
    [ -f "$folder/$name/$file" ] || refuse "$file is missing after the download"
  done <"$folder/$name.files"
  # What an earlier list had and this one has not.
  (cd "$folder/$name" && for file in *.deb; do grep -qxF "$file" "../$name.files" || rm -f "$file"; done)
}

mapfile -t packages < <(grep -v '^#' Boards/Image/packages.list | grep .)
group packages '?essential' "${packages[@]}"

# What is taken apart and not installed: the kernel, the busybox of the first program, firmware. Where the component
# non-free-firmware can't be had, the image can't start on a Raspberry Pi, and none is made.
kernel=$(apt-cache "${apt_options[@]}" depends linux-image-arm64 | sed -n 's/^  Depends: \(linux-image-[0-9].*\)$/\1/p')
download() { # FOLDER PACKAGE...
  local name=$1 package policy version
  shift
  mkdir -p "$folder/$name"
  : >"$folder/$name.files"
  for package in "$@"; do
    policy=$(apt-cache "${apt_options[@]}" policy "$package")
    version=$(sed -n 's/^  Candidate: //p' <<<"$policy")
    case $version in '' | '(none)')
      refuse "Debian at $mirror has no package $package. Raspberry Pi firmware is in the component non-free-firmware; without it no image can be made, and docs/installing.md says how the packages go onto Raspberry Pi OS"
      ;;
    esac
    echo "$package $version" >>"$folder/$name.files"
    if [ "$(cat "$folder/$name/$package.version" 2>/dev/null)" != "$version" ]; then
      (cd "$folder/$name" && rm -f "${package}"_*.deb && "${apt[@]}" download "$package" >"$state/download.log" 2>&1) ||
        refuse "$package can't be fetched; see above"
      echo "$version" >"$folder/$name/$package.version"
    fi
  done
  # A kernel of another version is a package of another name: an earlier one goes.
  (cd "$folder/$name" && for file in *.deb *.version; do
    package=${file%%_*}
    package=${package%.version}
    grep -q "^$package " "../$name.files" || rm -f "$file"
  done)
}
download boot-packages "$kernel" busybox-static raspi-firmware firmware-brcm80211
cat "$folder/packages.files" "$folder/boot-packages.files" | sha256sum | cut -c1-32
