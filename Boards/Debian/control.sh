# What each package says about itself. Read by deb.sh.
maintainer='Cairn <cairn@localhost.invalid>'

# The package that brings a shared library, in Debian 12.
library_package() {
  case $1 in
    libc.so.6 | ld-linux-*) echo 'libc6 (>= 2.34)' ;;
    libm.so.6) echo 'libc6 (>= 2.34)' ;;
    libsodium.so.23) echo libsodium23 ;;
    libcurl.so.4) echo 'libcurl4 (>= 7.87)' ;;
    libinih.so.1) echo libinih1 ;;
    libi2c.so.0) echo libi2c0 ;;
    libgpiod.so.2) echo libgpiod2 ;;
    libqrencode.so.4) echo libqrencode4 ;;
    libusb-1.0.so.0) echo 'libusb-1.0-0 (>= 2:1.0.26)' ;;
    libmosquitto.so.1) echo 'libmosquitto1 (>= 2.0)' ;;
    libedit.so.2) echo libedit2 ;;
    libcrypto.so.3 | libssl.so.3) echo libssl3 ;;
    libgcc_s.so.1) echo libgcc-s1 ;;
    *)
      echo "Boards/Debian/control.sh: no package is known for $1" >&2
      return 1
      ;;
  esac
}

# What the programs in a package's folder are linked with, as a list for Depends.
libraries() {
  local name package all=()
  for name in $(find "$1/usr/bin" -type f -exec readelf -d {} + 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u); do
    package=$(library_package "$name") || return 1
    all+=("$package")
  done
  printf '%s\n' "${all[@]+"${all[@]}"}" | sort -u | paste -sd, | sed 's/,/, /g'
}

control() { # PACKAGE ARCHITECTURE FOLDER
  local package=$1 folder=$3 depends summary text needed=
  [ ! -d "$folder/usr/bin" ] || needed=$(libraries "$folder")
  case $package in
    cairn-common)
      depends='systemd, udev'
      summary='users, board profiles and device rules of Cairn'
      text='Users and groups of the two processes, their folders, profiles of boards,
 and rules that name radios, bridges and receivers, and that start the agent
 when one is plugged in.'
      ;;
    cairn-agent)
      depends="cairn-common (= $version)"
      summary='measures, signs, and keeps a log that anyone can check'
      text='Reads sensors and receivers of a Raspberry-Pi-class board, keeps each
 measurement in a signed, append-only log, and never touches the network.
 One static program.'
      ;;
    cairn-uplink-https)
      depends="cairn-common (= $version), ca-certificates"
      summary='delivers a Cairn log to its gateway'
      text='Reads the log that the agent of the same board keeps, and delivers it in
 signed batches to the gateway that the operator has chosen. It has neither
 the key nor devices.'
      ;;
    cairn-uplink-mqtt)
      depends="cairn-common (= $version), ca-certificates"
      summary='delivers a Cairn log to its gateway by MQTT'
      text='Reads the log that the agent of the same board keeps, and delivers it in
 signed batches through a broker to the gateway that the operator has chosen.
 It has neither the key nor devices.'
      ;;
    cairn-usb)
      depends="cairn-common (= $version)"
      summary='USB converters as buses of a Cairn node'
      text='Serves the I2C bus of a USB converter that no kernel driver knows to the
 agent of the same board. One process for each converter, started when it is
 plugged in, with neither the key nor the network.'
      ;;
    cairn-forwarder)
      depends="cairn-common (= $version)"
      summary='gives a Cairn node what a LoRa concentrator hears'
      text='Stands between the packet forwarder of a LoRa concentrator and its network
 server (Semtech UDP protocol), passes everything on unchanged, and serves
 what was heard on a local socket. It has neither the key nor devices.'
      ;;
    cairn)
      depends=''
      summary="operator's tool for Cairn nodes"
      text='Status of a node on one screen, its log, its key, and verification of
 batches, proofs and receipts; on a board and on any other machine.'
      ;;
  esac
  depends="${depends}${depends:+${needed:+, }}${needed}"
  printf 'Package: %s\nSource: cairn\nVersion: %s\nArchitecture: %s\nMaintainer: %s\nInstalled-Size: %s\n' \
    "$package" "$version" "$2" "$maintainer" "$(du -sk --apparent-size "$folder" | cut -f1)"
  [ -z "$depends" ] || printf 'Depends: %s\n' "$depends"
  case $package in
    cairn-agent) printf 'Recommends: cairn, cairn-uplink-https | cairn-uplink\n' ;;
    # One delivers: both have the same cursor.
    cairn-uplink-*) printf 'Provides: cairn-uplink\nConflicts: cairn-uplink\nReplaces: cairn-uplink\n' ;;
  esac
  printf 'Section: net\nPriority: optional\nDescription: %s\n %s\n' "$summary" "$text"
}
