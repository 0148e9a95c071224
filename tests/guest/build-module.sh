#!/bin/bash
# Builds an out-of-tree DAHDI driver in a copy of its folder, leaving the
# folder itself alone, and prints the folder its modules lie in.
#
#   build-module.sh FOLDER [MAKE-ARGUMENT...]
#
# With C=2 sparse looks at every file as well. Warnings about FOLDER's files
# are shown, and fail the build when QD_STRICT is 1.
#
# FOLDER has a Kbuild file that adds -I$(DAHDI_INCLUDE) to ccflags-y.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/config.sh"
src=$(realpath "${1:?folder}")
shift
dahdi=$(qd_dahdi_dir)
[ -e "$dahdi/.done" ] || qd_die "run setup.sh first"
out=$QD_CACHE/module-$(basename "$dahdi")/$(basename "$src")
rm -rf "$out"
mkdir -p "$out"
cp -pr "$src/." "$out/"
nice make -j"$QD_JOBS" -C "/lib/modules/$QD_KVER/build" "M=$out" W=1 \
    "DAHDI_INCLUDE=$dahdi/include" "KBUILD_EXTRA_SYMBOLS=$dahdi/Module.symvers" \
    "$@" modules >"$out/build.log" 2>&1 || { cat "$out/build.log" >&2; qd_die "$src did not build"; }
if grep -F "$out/" "$out/build.log" | grep -E 'warning:|error:' >&2 && [ "$QD_STRICT" = 1 ]; then
    qd_die "$src built with warnings"
fi
echo "$out"
