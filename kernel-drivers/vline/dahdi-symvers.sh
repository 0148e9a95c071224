#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Prints the Module.symvers of a DAHDI that is installed but whose build is
# gone, as DKMS leaves it: read back from dahdi.ko itself.
#
#   dahdi-symvers.sh KERNEL-RELEASE|dahdi.ko
set -eu
case ${1:?kernel release or dahdi.ko} in
*.ko | *.ko.*) ko=$1 ;;
*) ko=$(modinfo -k "$1" -n dahdi) || {
	echo "No DAHDI is installed for $1; say SYMVERS=/path/to/Module.symvers" >&2
	exit 1
} ;;
esac
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
case $ko in
*.xz) xz -dc "$ko" ;;
*.gz) gzip -dc "$ko" ;;
*.zst) zstd -qdc "$ko" ;;
*) cat "$ko" ;;
esac >"$tmp/dahdi.ko"
: >"$tmp/crc"
objcopy -O binary --only-section=__kcrctab "$tmp/dahdi.ko" "$tmp/crc" 2>/dev/null || true
nm "$tmp/dahdi.ko" >"$tmp/symbols"
sed -n 's/.* __ksymtab_//p' "$tmp/symbols" | while read -r name; do
	# The value of __crc_NAME is the checksum before Linux 5.19, and
	# where in the section it lies since then; nothing without MODVERSIONS.
	crc=00000000
	line=$(grep " __crc_$name\$" "$tmp/symbols") || line=
	value=${line%% *}
	case $line in
	'') ;;
	*' A '*) crc=$(printf %08x $((0x$value & 0xffffffff))) ;;
	*) crc=$(od -An -tx4 -j $((0x$value)) -N 4 "$tmp/crc" | tr -d ' ') ;;
	esac
	printf '0x%s\t%s\tdahdi\tEXPORT_SYMBOL\t\n' "$crc" "$name"
done
