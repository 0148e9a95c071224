#!/bin/bash
# Builds an out-of-tree DAHDI driver in a copy of its folder, leaving the
# folder itself alone, and prints the folder its modules lie in.
#
#   build-module.sh FOLDER
#
# FOLDER has a Kbuild file that adds -I$(DAHDI_INCLUDE) to ccflags-y.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/config.sh"
src=$(realpath "${1:?folder}")
dahdi=$QD_CACHE/dahdi-$QD_KVER
[ -e "$dahdi/.done" ] || qd_die "run setup.sh first"
out=$QD_CACHE/module-$QD_KVER/$(basename "$src")
mkdir -p "$out"
cp -pr "$src/." "$out/"
nice make -j"${QD_JOBS:-1}" -C "/lib/modules/$QD_KVER/build" "M=$out" W=1 \
    "DAHDI_INCLUDE=$dahdi/include" "KBUILD_EXTRA_SYMBOLS=$dahdi/Module.symvers" \
    modules >"$out/build.log" 2>&1 || { cat "$out/build.log" >&2; qd_die "$src did not build"; }
grep -F "$(basename "$src")/" "$out/build.log" | grep -E 'warning:' >&2 || true
echo "$out"
