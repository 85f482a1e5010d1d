#!/usr/bin/env bash
# Builds the programs of a board for another architecture: Embedded Swift, stripped, in build/ARCH.
#   Boards/Cross/ship.sh arm64 cairn-agent cairn-uplink-https cairn
set -euo pipefail
cd "$(dirname "$0")/../.."
architecture=$1
shift

# The instruction sets are those of Debian's ports: arm64 any ARMv8, armhf ARMv7 with VFPv3-D16.
case $architecture in
  arm64) triple=aarch64-none-none-elf target=aarch64-linux-gnu compile=() c=() ;;
  armhf)
    triple=armv7-none-none-eabi target=arm-linux-gnueabihf
    compile=(-mfloat-abi=hard -mfpu=vfpv3-d16) c=(-march=armv7-a -mfpu=vfpv3-d16)
    ;;
  *)
    echo "Boards/Cross/ship.sh: no architecture $architecture: arm64 or armhf" >&2
    exit 64
    ;;
esac

sysroot=build/sysroot/$architecture
Boards/Cross/sysroot.sh "$architecture" "$sysroot"
root=$(cd "$sysroot/root" && pwd)
scratch=.build-embedded-$architecture
tools=$(dirname "$(readlink -f "$(command -v swift)")")

# What a compiler for Linux would define by itself, and where the headers are. Offsets in files and times have
# 64 bits on armhf too, for Swift's view of C as for C itself: CLinux.h does not compile otherwise.
compile+=(
  -D__linux__=1 -D__gnu_linux__=1 -D_GNU_SOURCE=1 -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -fPIC
  "-isystem$root/usr/include/$target" "-isystem$root/usr/include"
)
c+=("--target=$target" -fPIC "--sysroot=$root")
# Nothing unwinds a stack: the tables for it would be a twelfth of the program.
compile+=(-fno-asynchronous-unwind-tables -fno-unwind-tables)
c+=(-fno-asynchronous-unwind-tables -fno-unwind-tables)
list() { printf '"%s",' "$@" | sed 's/,$//'; }
swift_options=()
for option in "${compile[@]}"; do swift_options+=(-Xcc "$option"); done
cat >"$sysroot/toolset.json" <<JSON
{
  "schemaVersion": "1.0",
  "swiftCompiler": {"extraCLIOptions": [$(list "${swift_options[@]}")]},
  "cCompiler": {"extraCLIOptions": [$(list "${c[@]}")]}
}
JSON

export EMBEDDED=1 CROSS_SYSROOT=$root CROSS_TARGET=$target
export PKG_CONFIG_LIBDIR=$root/usr/lib/$target/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
mkdir -p "build/$architecture"
for program in "$@"; do
  swift build -c release --triple "$triple" --toolset "$sysroot/toolset.json" \
    --scratch-path "$scratch" --product "$program"
  linked=$scratch/$triple/release/$program
  # Where the compiler could not refuse an allocation the linker shows it: nothing of Swift's heap is left.
  case $program in cairn-bench | cairn-transcript) may_allocate=yes ;; *) may_allocate=no ;; esac
  if [ $may_allocate = no ] && "$tools/llvm-nm" "$linked" | grep -E 'swift_(alloc|slowAlloc|initStackObject)'; then
    echo "Boards/Cross/ship.sh: $program for $architecture can allocate, see the symbols above" >&2
    exit 1
  fi
  "$tools/llvm-objcopy" --strip-all "$linked" "build/$architecture/$program"
done
