#!/usr/bin/env bash
# A program's manual page, from what it says about itself: manual.sh PROGRAM SECTION WHAT VERSION
set -euo pipefail
program=$1 section=$2 what=$3 version=$4
printf '.TH %s %s "" "Cairn %s" "Cairn"\n' "${program^^}" "$section" "$version"
printf '.SH NAME\n%s \\- %s\n.SH DESCRIPTION\n.nf\n' "$program" "$what"
"build/$(dpkg --print-architecture)/$program" --help | sed -e 's/\\/\\\\/g' -e 's/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"
printf '.fi\n.SH SEE ALSO\nThe documents in /usr/share/doc/cairn\\-common.\n'
