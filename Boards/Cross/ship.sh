#!/usr/bin/env bash
# Builds the programs of a board: Embedded Swift, stripped, in build/ARCH.
#   Boards/Cross/ship.sh arm64 cairn-agent cairn-uplink-https cairn
set -euo pipefail
cd "$(dirname "$0")/../.."
architecture=$1
shift
host=$(dpkg --print-architecture)

# The instruction sets are those of Debian's ports: amd64 and arm64 any, armhf ARMv7 with VFPv3-D16.
compile=() c=() abi=gnu libc=musl
case $architecture in
  amd64) triple=x86_64-unknown-none-elf machine=x86_64-linux ;;
  arm64) triple=aarch64-none-none-elf machine=aarch64-linux ;;
  # Debian's static libraries of armhf have times of 32 bits, musl has 64.
  armhf)
    triple=armv7-none-none-eabi machine=arm-linux abi=gnueabihf libc=glibc
    compile=(-mfloat-abi=hard -mfpu=vfpv3-d16) c=(-march=armv7-a -mfpu=vfpv3-d16)
    ;;
  *) triple= ;;
esac
if [ -z "$triple" ] || { [ "$architecture" = amd64 ] && [ "$host" != amd64 ]; }; then
  echo "Boards/Cross/ship.sh: no architecture $architecture here: $host, arm64 or armhf" >&2
  exit 64
fi

# Where Debian's headers and libraries of that architecture are.
if [ "$architecture" = "$host" ]; then
  root=
else
  sysroot=build/sysroot/$architecture
  Boards/Cross/sysroot.sh "$architecture" "$sysroot"
  root=$(cd "$sysroot/root" && pwd)
fi
tools=$(dirname "$(readlink -f "$(command -v swift)")")
mkdir -p "build/$architecture" build/toolset build/musl

# What a compiler for Linux would define by itself. Offsets in files and times have 64 bits on armhf too, for Swift's
# view of C as for C itself: CLinux.h does not compile otherwise.
compile+=(
  -D__linux__=1 -D__gnu_linux__=1 -D_GNU_SOURCE=1 -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -fPIC
)
# Nothing unwinds a stack: the tables for it would be a twelfth of the program.
tables=(-fno-asynchronous-unwind-tables -fno-unwind-tables)

list() { printf '"%s",' "$@" | sed 's/,$//'; }
toolset() { # FILE INCLUDE... -- OPTION-OF-C...
  local file=$1 option swift_options=()
  shift
  for option in "${compile[@]}" "${tables[@]}"; do swift_options+=(-Xcc "$option"); done
  while [ "$1" != -- ]; do
    swift_options+=(-Xcc "-isystem$1")
    shift
  done
  shift
  cat >"$file" <<JSON
{
  "schemaVersion": "1.0",
  "swiftCompiler": {"extraCLIOptions": [$(list "${swift_options[@]}")]},
  "cCompiler": {"extraCLIOptions": [$(list "$@" -fPIC "${c[@]}" "${tables[@]}")]}
}
JSON
}

# One static file for any distribution; elsewhere the system's own libraries.
is_static() { case $1 in cairn-agent | cairn-bench | cairn-transcript) true ;; *) false ;; esac; }

built= # where the last one is
build_with_musl() { # PROGRAM
  local musl=build/musl/$architecture
  Boards/Cross/musl.sh "$machine" "$root/" "$musl"
  musl=$(cd "$musl" && pwd)
  toolset "build/toolset/$architecture-musl.json" "$musl/usr/include" -- "--target=$machine-musl" "--sysroot=$musl"
  CROSS_SYSROOT=$musl CROSS_TARGET=$machine-musl PKG_CONFIG_PATH=$musl/pkgconfig \
    swift build -c release --triple "$triple" --toolset "build/toolset/$architecture-musl.json" \
    --scratch-path ".build-embedded-musl-$architecture" --product "$1"
  built=.build-embedded-musl-$architecture/$triple/release/$1
}
build_for_another() { # PROGRAM
  local target=$machine-$abi
  toolset "build/toolset/$architecture.json" "$root/usr/include/$target" "$root/usr/include" -- \
    "--target=$target" "--sysroot=$root"
  CROSS_SYSROOT=$root CROSS_TARGET=$target \
    PKG_CONFIG_LIBDIR=$root/usr/lib/$target/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root \
    swift build -c release --triple "$triple" --toolset "build/toolset/$architecture.json" \
    --scratch-path ".build-embedded-$architecture" --product "$1"
  built=.build-embedded-$architecture/$triple/release/$1
}
build_here() { # PROGRAM
  swift build -c release --scratch-path .build-embedded --product "$1"
  built=.build-embedded/release/$1
}

export EMBEDDED=1
for program in "$@"; do
  if is_static "$program" && [ $libc = musl ]; then
    build_with_musl "$program"
  elif [ "$architecture" = "$host" ]; then
    build_here "$program"
  else
    build_for_another "$program"
  fi
  # Where the compiler could not refuse an allocation the linker shows it: nothing of Swift's heap is left.
  case $program in cairn-bench | cairn-transcript) may_allocate=yes ;; *) may_allocate=no ;; esac
  if [ $may_allocate = no ] && "$tools/llvm-nm" "$built" | grep -E 'swift_(alloc|slowAlloc|initStackObject)'; then
    echo "Boards/Cross/ship.sh: $program for $architecture can allocate, see the symbols above" >&2
    exit 1
  fi
  "$tools/llvm-objcopy" --strip-all "$built" "build/$architecture/$program"
done
