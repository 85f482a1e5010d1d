#!/bin/bash
# Sizes of the board's programs after `make ship`, of each architecture that is built, and what takes the room.
# Run from anywhere:
#   Tests/Bench/size.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

scratch=.build-embedded
ship=build/amd64
mkdir -p "$ship"
for name in cairn-agent cairn-uplink-https cairn-usb cairn; do
  if [ ! -x "$ship/$name" ]; then
    EMBEDDED=1 swift build -c release --scratch-path $scratch --product $name
    strip -o "$ship/$name" "$scratch/release/$name"
  fi
done
exec python3 Tests/Bench/sizes.py "$scratch/release"
