#!/usr/bin/env bash
# Puts the Debian packages of one architecture together, from programs in build/ARCH: those that are named.
#   Boards/Debian/deb.sh arm64 cairn-agent cairn-uplink-https cairn
# Takes CAIRN_DEB_VERSION for another version than the programs', CAIRN_DEB_FOLDER for another folder than build/deb.
set -euo pipefail
cd "$(dirname "$0")/../.."
architecture=$1
shift
names=("$@")
programs=build/$architecture
version=$(sed -n 's/^var agentVersion: StaticString { "\(.*\)" }$/\1/p' Sources/cairn-agent/Program.swift)
version=${CAIRN_DEB_VERSION:-$version}
deb=${CAIRN_DEB_FOLDER:-build/deb}
work=$deb/work-$architecture
# Times in the packages are the last commit's, so that two builds of it are the same.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)
export SOURCE_DATE_EPOCH
rm -rf "$work" "$deb"/cairn*_"$architecture".deb "$deb"/cairn-common_*_all.deb
mkdir -p "$deb"
. Boards/Debian/control.sh

# put PACKAGE MODE FILE... FOLDER
put() {
  local package=$1 mode=$2
  shift 2
  local folder=$work/$package${*: -1}
  mkdir -p "$folder"
  install -m "$mode" "${@:1:$#-1}" "$folder"
}

# put_as PACKAGE MODE FILE PATH
put_as() {
  mkdir -p "$work/$1$(dirname "$4")"
  install -m "$2" "$3" "$work/$1$4"
}

# What every package has: licence, changes, and what lintian is told.
document() {
  local package=$1 folder=$work/$1/usr/share/doc/$1
  mkdir -p "$folder"
  { printf 'cairn (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md of the sources.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")"; } | gzip -9n >"$folder/changelog.gz"
  printf '%s\n' 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/' \
    'Upstream-Name: Cairn' '' 'Files: *' 'Copyright: 2026 the Cairn authors' 'License: Apache-2.0' \
    ' On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0.' >"$folder/copyright"
  chmod 644 "$folder"/*
}

# A static program has these in it: their licences come along, as Debian's packages of them tell it.
licences() { # PACKAGE
  local library libc=musl-dev root=build/sysroot/$architecture/root
  [ "$architecture" != "$(dpkg --print-architecture)" ] || root=
  [ "$architecture" != armhf ] || libc=libc6-dev
  for library in $libc libsodium-dev libinih-dev libi2c-dev libgpiod-dev; do
    put_as "$1" 644 "$root/usr/share/doc/$library/copyright" "/usr/share/doc/$1/$library.copyright"
  done
}

manual() { # PACKAGE PROGRAM SECTION WHAT
  mkdir -p "$work/$1/usr/share/man/man$3"
  Boards/Debian/manual.sh "$2" "$3" "$4" "$version" | gzip -9n >"$work/$1/usr/share/man/man$3/$2.$3.gz"
}

# What a package's scripts do for its services: service for one, instances for one of each device.
scripts() { # PACKAGE service|instances UNIT
  local script
  mkdir -p "$work/$1/DEBIAN"
  for script in postinst prerm postrm; do
    sed -e "s/@PACKAGE@/$1/g" -e "s/@UNIT@/$3/g" "Boards/Debian/$2.$script" >"$work/$1/DEBIAN/$script"
    chmod 755 "$work/$1/DEBIAN/$script"
  done
}

build() { # PACKAGE ARCHITECTURE
  local package=$1 folder=$work/$1
  document "$package"
  mkdir -p "$folder/DEBIAN"
  for script in postinst prerm postrm; do
    if [ -f "Boards/Debian/$package.$script" ]; then
      install -m 755 "Boards/Debian/$package.$script" "$folder/DEBIAN/$script"
    fi
  done
  (cd "$folder" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
  control "$package" "$2" "$folder" >"$folder/DEBIAN/control"
  find "$folder" -type d -exec chmod 755 {} +
  find "$folder" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz --build "$folder" "$deb/${package}_${version}_$2.deb" >/dev/null
  ls -l "$deb/${package}_${version}_$2.deb" | awk '{ printf "  %-52s %9d bytes\n", $9, $5 }'
}

# The console is a part of cairn: a unit for it is made when the program has it.
has_console=no
if "build/$(dpkg --print-architecture)/cairn" --help 2>/dev/null | grep -q 'cairn console'; then has_console=yes; fi

put_as cairn-common 644 Boards/Systemd/cairn.sysusers /usr/lib/sysusers.d/cairn.conf
put_as cairn-common 644 Boards/Systemd/cairn.tmpfiles /usr/lib/tmpfiles.d/cairn.conf
put_as cairn-common 644 Boards/Systemd/cairn.timesyncd /usr/lib/systemd/timesyncd.conf.d/60-cairn.conf
put_as cairn-common 644 Boards/Systemd/cairn.preset /usr/lib/systemd/system-preset/70-cairn.preset
if [ $has_console = yes ]; then
  put_as cairn-common 644 Boards/Systemd/cairn-console.sysusers /usr/lib/sysusers.d/cairn-console.conf
  put_as cairn-common 644 Boards/Systemd/cairn-console.tmpfiles /usr/lib/tmpfiles.d/cairn-console.conf
fi
put cairn-common 644 Udev/70-cairn.rules /usr/lib/udev/rules.d
put cairn-common 644 Boards/*.ini /usr/share/cairn/boards
put cairn-common 644 docs/*.md docs/site.ini.sample docs/board.ini.sample README.md /usr/share/doc/cairn-common
build cairn-common all

for package in "${names[@]}"; do
  put "$package" 755 "$programs/$package" /usr/bin
  case $package in
    cairn-agent)
      manual "$package" "$package" 8 "measures, signs, keeps a log that anyone can check"
      put_as "$package" 644 Boards/Debian/cairn-agent.lintian-overrides /usr/share/lintian/overrides/cairn-agent
      licences "$package"
      put "$package" 644 Boards/Systemd/cairn-agent.service /usr/lib/systemd/system
      scripts "$package" service "$package.service"
      ;;
    cairn-uplink-*)
      manual "$package" "$package" 8 "delivers a Cairn log to its gateway"
      put "$package" 644 "Boards/Systemd/$package.service" /usr/lib/systemd/system
      scripts "$package" service "$package.service"
      ;;
    cairn-usb)
      manual "$package" "$package" 8 "USB converters as buses of a node"
      put "$package" 644 Boards/Systemd/cairn-usb@.service /usr/lib/systemd/system
      put "$package" 644 Udev/70-cairn-usb.rules /usr/lib/udev/rules.d
      put_as "$package" 644 Boards/Systemd/cairn-usb.sysusers /usr/lib/sysusers.d/cairn-usb.conf
      scripts "$package" instances 'cairn-usb@*.service'
      ;;
    cairn-forwarder)
      manual "$package" "$package" 8 "between a LoRa packet forwarder, its network server and a node"
      put "$package" 644 Boards/Systemd/cairn-forwarder.service /usr/lib/systemd/system
      put_as "$package" 644 Boards/Systemd/cairn-forwarder.sysusers /usr/lib/sysusers.d/cairn-forwarder.conf
      scripts "$package" service "$package.service"
      ;;
    cairn)
      manual "$package" "$package" 1 "what a node measures, proves and delivers"
      if [ $has_console = yes ]; then
        put "$package" 644 Boards/Systemd/cairn-console@.service /usr/lib/systemd/system
        scripts "$package" instances 'cairn-console@*.service'
      fi
      ;;
    *)
      echo "Boards/Debian/deb.sh: no package is known for $package" >&2
      exit 1
      ;;
  esac
  build "$package" "$architecture"
done
rm -rf "$work"
