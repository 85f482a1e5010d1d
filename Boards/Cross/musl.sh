#!/usr/bin/env bash
# A root that has musl's headers and library, and of the libraries that static programs are linked with no more than they
# need: nothing of glibc, whose headers contradict musl's. Everything in it is a link to Debian's packages.
#   Boards/Cross/musl.sh aarch64-linux / build/musl/arm64
set -euo pipefail
machine=$1 # as in aarch64-linux-gnu and aarch64-linux-musl
root=${2%/}
folder=$3

libc=$root/usr/lib/$machine-musl
include=$root/usr/include
if [ ! -f "$libc/libc.a" ]; then
  echo "Boards/Cross/musl.sh: there is no $libc/libc.a: Debian's package musl-dev has it (make setup)" >&2
  exit 1
fi

new=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$new"' EXIT
mkdir -p "$new/usr/include/i2c" "$new/usr/lib/gcc" "$new/pkgconfig"
link() { # FOLDER FILE...: under their own names
  local to=$1 file
  shift
  for file in "$@"; do
    [ -e "$file" ] || { echo "Boards/Cross/musl.sh: there is no $file" >&2; exit 1; }
    ln -s "$file" "$new/$to/"
  done
}
link usr/include "$include/$machine-musl"/*
# The kernel's, of which musl has none.
link usr/include "$include/linux" "$include/asm-generic" "$include/mtd" "$include/$machine-gnu/asm"
link usr/include "$include/sodium" "$include/sodium.h" "$include/ini.h" "$include/gpiod.h"
link usr/include/i2c "$include/i2c/smbus.h"
link usr/lib "$libc"/{crt1.o,crti.o,crtn.o,libc.a,libpthread.a,libm.a}
link usr/lib "$root/usr/lib/$machine-gnu"/lib{sodium,inih,i2c,gpiod}.a
# crtbeginT.o, libgcc.a and libgcc_eh.a: they know no C library. clang looks for them under the target's name.
ln -s "$root/usr/lib/gcc/$machine-gnu" "$new/usr/lib/gcc/$machine-musl"
for library in sodium inih; do
  name=$library
  [ $library = inih ] || name=lib$library
  version=$(sed -n 's/^Version: *//p' "$root/usr/lib/$machine-gnu/pkgconfig/$name.pc")
  printf 'Name: %s\nDescription: %s\nVersion: %s\nLibs: -l%s\n' "$name" "$name" "$version" "$library" >"$new/pkgconfig/$name.pc"
done
rm -rf "$folder"
mv "$new" "$folder"
