#!/bin/bash
# Runs in the guest, DAHDI loaded: with the rule of kernel-drivers/udev, do the
# devices of a board belong to the group tipring, at once and for good?
#
#   in-guest-udev.sh MODULE.ko RULE
set -u
ko=$1 rule=$2
fail=0
t() {
    local what=$1; shift
    if "$@"; then echo "ok   $what"; else echo "FAIL $what"; fail=1; fi
}
grep -q '^tipring:' /etc/group || echo 'tipring:x:4711:' >>/etc/group
mkdir -p /etc/udev/rules.d /run/udev
cp "$rule" /etc/udev/rules.d/
# The guest lives in a chroot of its initramfs; udevadm would refuse to act.
export SYSTEMD_IGNORE_CHROOT=1
udevd=$(command -v /usr/lib/systemd/systemd-udevd /lib/systemd/systemd-udevd | head -n 1)
"$udevd" --daemon
insmod "$ko" lines=1 e1=0
udevadm trigger --action=add --subsystem-match=dahdi
udevadm settle --timeout=20
owner() { stat -c '%G %a' "$1"; }
for node in ctl timer channel pseudo chan/001/001 chan/002/001; do
    t "/dev/dahdi/$node is of group tipring, 0660" test "$(owner /dev/dahdi/$node)" = "tipring 660"
done
echo 0 >/sys/kernel/debug/dahdi_vline/analogue/present
echo 1 >/sys/kernel/debug/dahdi_vline/analogue/present
udevadm settle --timeout=20
t "a board put back is so too" test "$(owner /dev/dahdi/chan/001/001)" = "tipring 660"
udevadm control --exit
rmmod dahdi_vline
exit $fail
