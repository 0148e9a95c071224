#!/bin/bash
# Runs in the guest, where changes are kept in memory: does the package install, run and go without a trace?
#
#   in-guest-deb.sh TIPRING.deb TIPRING-DKMS.deb DKMS
#
# DKMS/tree is what dkms has built of the second on the host.
set -u
deb=$1 driver=$2 built=$3
fail=0
t() {
    local what=$1; shift
    if "$@"; then echo "ok   $what"; else echo "FAIL $what"; fail=1; fi
}
not() { ! "$@"; }
# The index of all the machine's manual pages is none of our business, and takes minutes here.
rm -f /var/lib/man-db/auto-update
export DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1
# Steps of the container file, with this system, a Debian of the same release, in place of its image. Without a network the index
# of packages stays as it is.
container=$(sed -e ':join' -e '/\\$/{N;s/\\\n//;b join' -e '}' xtask/deb/Containerfile)
steps() {
    local word rest
    echo "$container" | while read -r word rest; do
        case $word in
        COPY) cp "$(dirname "$deb")"/${rest% *} "${rest##* }" || return 1 ;;
        RUN) sh -c "$rest" || return 1 ;;
        esac
    done
}
t "the container file's steps install the package" steps
t "its user is there" id tipring
t "nothing was left half installed" test "$(dpkg-query -W -f='${db:Status-Status}' tipring)" = installed
t "its files are as packed" sh -c '[ -z "$(dpkg --verify tipring)" ]'
t "the unit is sound" systemd-analyze verify --man=no /lib/systemd/system/tipringd.service
t "completion is in its place" grep -q keep-going /usr/share/bash-completion/completions/tipring
t "the manual is in its place" sh -c 'zcat /usr/share/man/man8/tipringd.8.gz | grep -q tipringd'
t "every example is accepted" sh -c '/usr/sbin/tipringd check /usr/share/doc/tipring/examples/*.cfg >/dev/null'

# As the unit starts it: its user, its command line, a socket that waits for READY=1.
install -d -o tipring -g tipring -m 0750 /var/lib/tipring
start=$(sed -n 's/^ExecStart=//p' /lib/systemd/system/tipringd.service)
words() { echo "$container" | sed -n "s/^$1 \[\(.*\)\]/\1/p" | tr -d '",'; }
t "a container runs the unit's command" test "$(words ENTRYPOINT) $(words CMD)" = "$start"
t "as the unit's user" grep -qx "USER $(sed -n 's/^User=//p' /lib/systemd/system/tipringd.service)" xtask/deb/Containerfile
setpriv --reuid=tipring --regid=tipring --init-groups --inh-caps=+net_bind_service --ambient-caps=+net_bind_service \
    --bounding-set=-all,+net_bind_service --no-new-privs $start >/tmp/daemon.log 2>&1 &
daemon=$!
for _ in $(seq 100); do
    [ -S /var/lib/tipring/console.sock ] && break
    sleep 0.1
done
t "the daemon runs as its user" sh -c "/usr/bin/tipring -c 'show version' | grep -q Tipring"
t "the container's health check is content" sh -c "$(echo "$container" | sed -n 's/^HEALTHCHECK CMD //p')"
t "it answers for the telephones it has: none" sh -c "/usr/bin/tipring -c 'show voice port summary' >/dev/null"
kill "$daemon"
wait "$daemon"
t "it ends when told to" test $? = 0
cat /tmp/daemon.log
systemd=$(tests/guest/in-guest-systemd.sh)
echo "$systemd"
t "it lives under systemd" not grep -q FAIL <<<"$systemd"

t "the package is removed" dpkg -r tipring
t "configuration stays" test -e /etc/tipring/hardware.toml
t "the package is purged" dpkg -P tipring
t "nothing is left" not sh -c 'ls -d /etc/tipring /var/lib/tipring /usr/share/doc/tipring /usr/sbin/tipringd 2>/dev/null'

# The driver's package, with DKMS's build in its place, as if it had been made here.
release=$(uname -r)
version=$(dpkg-deb -f "$driver" Version)
mkdir -p /var/lib/dkms
cp -r "$built/tree/tipring-vline" /var/lib/dkms/
ln -sfn "/usr/src/tipring-vline-$version" "/var/lib/dkms/tipring-vline/$version/source"
rmmod dahdi_vline
t "the driver's package installs" dpkg -i "$driver"
t "DKMS has installed the driver" sh -c "dkms status | grep -q 'tipring-vline/$version, $release, .*: installed'"
load() { insmod "$(find "/lib/modules/$release" -name 'dahdi_vline.ko*')" lines=1 e1=0 && rmmod dahdi_vline; }
t "it loads" load
t "the driver's package is purged" dpkg -P tipring-dkms
left=$(find "/lib/modules/$release" /usr/src /var/lib/dkms -name '*vline*')
t "nothing of the driver is left" test -z "$left"
[ -z "$left" ] || echo "$left"
exit $fail
