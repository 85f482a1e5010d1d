#!/bin/bash
# Measures what docs/measurements.md speaks of, and prints tables. Run from the root, after `make ship`:
#   Tests/Bench/bench.sh [log] [heap] [memory] [start] [heard] [rest] [concentrator]      all of them, about seven minutes
# Takes CAIRN_SIMULATE and CAIRN_GATEWAY for programs that stand elsewhere than in .build/debug.
set -euo pipefail
cd "$(dirname "$0")/../.."

scratch=.build-embedded-musl-amd64
mkdir -p build/bench

Boards/Cross/ship.sh amd64 cairn-agent cairn-uplink-https cairn-forwarder cairn cairn-bench
for name in cairn-simulate cairn-gateway; do
  case $name in cairn-simulate) given=${CAIRN_SIMULATE:-} ;; *) given=${CAIRN_GATEWAY:-} ;; esac
  [ -n "$given" ] || [ -x ".build/debug/$name" ] || swift build --product "$name"
done

# The ship build's own objects once more, with every heap call counted.
musl=(--target=x86_64-linux-musl "--sysroot=$PWD/build/musl/amd64")
count_calls() { # program, name of its main function
  clang "${musl[@]}" -fuse-ld=lld -static "@$scratch/release/$1.product/Objects.LinkFileList" build/bench/count_calls.o \
    -Wl,--defsym="main=$2" -Wl,--gc-sections \
    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=aligned_alloc,--wrap=posix_memalign \
    -lsodium -linih -li2c -lgpiod -o "build/bench/$1-counting"
}
clang "${musl[@]}" -O1 -Wall -Werror -c Tests/Bench/count_calls.c -o build/bench/count_calls.o
count_calls cairn-agent cairn_agent_main
count_calls cairn-bench cairn_bench_main

# The agent's once more, with its calls to files told as they happen.
trace=build/bench/trace_calls.o
clang ${musl[@]+"${musl[@]}"} -O1 -Wall -Werror -c Tests/Bench/trace_calls.c -o $trace
clang ${musl[@]+"${musl[@]}"} -fuse-ld=lld -static "@$scratch/release/cairn-agent.product/Objects.LinkFileList" $trace \
  -Wl,--defsym=main=cairn_agent_main -Wl,--gc-sections \
  -Wl,--wrap=cairn_file_read,--wrap=cairn_file_write,--wrap=cairn_file_write_at,--wrap=cairn_file_sync_data \
  -Wl,--wrap=cairn_file_sync,--wrap=cairn_poll -lsodium -linih -li2c -lgpiod -o build/bench/cairn-agent-tracing

echo
echo "$(nproc) processors, $(uname -m), Linux $(uname -r | cut -d- -f1), $(swift --version 2>/dev/null | sed -n 's/.*Swift version \([^ ]*\).*/Swift \1/p' | head -1)"
exec python3 Tests/Bench/measure.py "$@"
