#!/bin/bash
# Measures what docs/measurements.md speaks of, and prints tables. Run from the root, after `make ship`:
#   Tests/Bench/bench.sh [log] [heap] [memory] [start] [rest]      all of them, about four minutes
# Takes CAIRN_SIMULATE and CAIRN_GATEWAY for programs that stand elsewhere than in .build/debug.
set -euo pipefail
cd "$(dirname "$0")/../.."

scratch=.build-embedded
ship=build/amd64
mkdir -p "$ship" build/bench

for name in cairn-agent cairn-uplink-https; do
  if [ ! -x "$ship/$name" ]; then
    EMBEDDED=1 swift build -c release --scratch-path $scratch --product $name
    strip -o "$ship/$name" "$scratch/release/$name"
  fi
done
EMBEDDED=1 swift build -c release --scratch-path $scratch --product cairn-bench
for name in cairn-simulate cairn-gateway; do
  case $name in cairn-simulate) given=${CAIRN_SIMULATE:-} ;; *) given=${CAIRN_GATEWAY:-} ;; esac
  [ -n "$given" ] || [ -x ".build/debug/$name" ] || swift build --product "$name"
done

# The ship build's own objects once more, with every heap call counted.
count_calls() { # program, name of its main function
  [ -f "$scratch/release/$1.product/Objects.LinkFileList" ] ||
    EMBEDDED=1 swift build -c release --scratch-path $scratch --product "$1"
  clang -fuse-ld=lld -static "@$scratch/release/$1.product/Objects.LinkFileList" build/bench/count_calls.o \
    -Wl,--defsym="main=$2" -Wl,--gc-sections \
    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=aligned_alloc,--wrap=posix_memalign \
    -lsodium -linih -li2c -o "build/bench/$1-counting"
}
clang -O1 -Wall -Werror -c Tests/Bench/count_calls.c -o build/bench/count_calls.o
count_calls cairn-agent cairn_agent_main
count_calls cairn-bench cairn_bench_main

echo
echo "$(nproc) processors, $(uname -m), Linux $(uname -r | cut -d- -f1), $(swift --version 2>/dev/null | sed -n 's/.*Swift version \([^ ]*\).*/Swift \1/p' | head -1)"
exec python3 Tests/Bench/measure.py "$@"
