#!/bin/bash
# Runs in the guest, with the package installed: a systemd of its own, first of its own process tree, with nothing but our unit as
# packed and empty stand-ins for what it names. Each line is a step, "ok" or "FAIL".
set -u
here=$(cd "$(dirname "$0")" && pwd)
units=$(mktemp -d)
for target in sysinit basic shutdown network-online only; do
    printf '[Unit]\nDefaultDependencies=no\n' >"$units/$target.target"
done
cp /lib/systemd/system/tipringd.service "$units"
mkdir -p /run/systemd
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
unset SYSTEMD_OFFLINE
export SYSTEMD_UNIT_PATH=$units SYSTEMD_IGNORE_CHROOT=1
unshare --fork --pid --kill-child --mount --mount-proc -- env container=guest SYSTEMD_LOG_TARGET=console \
    /lib/systemd/systemd --system --unit=only.target >/tmp/systemd.log 2>&1 &
tree=$!
for _ in $(seq 600); do
    [ -S /run/systemd/private ] && break
    sleep 0.1
done
first=$(cat "/proc/$tree/task/$tree/children")
# systemctl is heard from within that tree only.
# shellcheck disable=SC2086
nsenter --target $first --pid --mount --root --wd -- /usr/bin/python3 "$here/in-guest-systemd.py" || {
    cat /tmp/systemd.log
    echo "FAIL the service under systemd"
}
# It heeds no other signal; systemd ends with it.
kill -KILL "$tree"
wait "$tree" 2>/dev/null
# Else the package's scripts would take this machine for one that systemd runs.
rm -rf /run/systemd
exit 0
