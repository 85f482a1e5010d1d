#!/bin/bash
# Sizes of the board's programs after `make ship`, of each architecture that is built, and what takes the room.
# Run from anywhere:
#   Tests/Bench/size.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

programs=(cairn-agent cairn-uplink-https cairn-usb cairn)
missing=()
for name in "${programs[@]}"; do [ -x "build/amd64/$name" ] || missing+=("$name"); done
[ ${#missing[@]} -eq 0 ] || Boards/Cross/ship.sh amd64 "${missing[@]}"
exec python3 Tests/Bench/sizes.py .build-embedded-musl-amd64/release .build-embedded/release
