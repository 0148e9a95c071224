#!/bin/bash
# Runs in the guest, DAHDI loaded: vline as a module. Parameters refused in
# words, loading and unloading again and again, spans numbered and taken away
# one by one, unloading under open channels, and the largest board in time.
#
#   in-guest-module.sh MODULE.ko VLINE-TEST
# shellcheck disable=SC2317
set -u
ko=$1 probe=$2
fail=0
knobs=/sys/kernel/debug/dahdi_vline
auto=/sys/module/dahdi/parameters/auto_assign_spans
t() {
    local what=$1; shift
    if "$@"; then echo "ok   $what"; else echo "FAIL $what"; fail=1; fi
}
not() { ! "$@"; }
loaded() { grep -q '^dahdi_vline ' /proc/modules; }
gone() { ! loaded && [ ! -e "$knobs" ] && [ ! -e /sys/devices/dahdi_vline ] && [ -z "$(ls /proc/dahdi)" ]; }
spans() { find /proc/dahdi -type f | wc -l; }

refused() {
    local params=$1 words=$2
    local before
    before=$(dmesg | wc -l)
    # shellcheck disable=SC2086
    if insmod "$ko" $params 2>/dev/null; then rmmod dahdi_vline; return 1; fi
    gone && dmesg | tail -n "+$((before + 1))" | grep -qF "dahdi_vline: $words"
}
t "lines=25 is refused" refused lines=25 "lines=25 is out of range, expected 0 to 24"
t "e1=5 is refused" refused e1=5 "e1=5 is out of range, expected 0 to 4"
t "t1=5 is refused" refused t1=5 "t1=5 is out of range, expected 0 to 4"
t "tick_us=124 is refused" refused tick_us=124 "tick_us=124 is out of range, expected 125 to 20000"
t "no board at all is refused" refused "lines=0 e1=0 t1=0" "lines, e1 and t1 are all 0, expected at least one board"

cycles() {
    local i
    for i in $(seq 20); do
        insmod "$ko" lines=2 e1=1 t1=1 || return 1
        [ "$(spans)" = 6 ] || return 1
        [ $((i % 4)) != 0 ] || sleep 0.1
        rmmod dahdi_vline && gone || return 1
    done
}
t "loaded and unloaded 20 times, nothing left behind" cycles

# A program holds a channel.
hold() {
    coproc HOLD { exec "$probe" hold "$1"; }
    local line
    read -r -t 5 line <&"${HOLD[0]}" && [ "$line" = open ]
}
let_go() {
    local pid=$HOLD_PID
    eval "exec ${HOLD[1]}>&-"
    wait "$pid"
}
insmod "$ko" lines=1 e1=0
echo "fxoks=1" >/run/one.conf
dahdi_cfg -c /run/one.conf
t "a channel is held open" hold VLINE/FXS
t "unloading is refused while it is" not rmmod dahdi_vline 2>/dev/null
t "the board is pulled out under it" sh -c "echo 0 >$knobs/analogue/present"
t "its spans are gone" test "$(spans)" = 0
t "the module can be unloaded then" rmmod dahdi_vline
t "the program closes its dead channel" let_go
t "nothing is left behind" gone

law() {
    insmod "$ko" lines=1 e1=0 "$1" && "$probe" law VLINE/FXS
    rmmod dahdi_vline
}
t "ports speak mu-law, or A-law when told" test "$(law alaw=0) $(law alaw=1)" = "mulaw alaw"

# Spans that wait for user space to number them, and come and go alone.
echo 0 >$auto
insmod "$ko" lines=1 e1=1
t "spans without numbers are left alone" test "$(spans)" = 0
sleep 0.1
board=/sys/bus/dahdi_devices/devices/vline:analogue
state() { grep -o "\b$1=[^ ]*" $knobs/analogue/line1/state; }
t "a line whose ports have no numbers has no battery" test "$(state battery)" = battery=0
echo 1 >$board/auto_assign
sleep 0.05
t "numbered: battery" test "$(state battery)" = battery=1
echo 1 >$board/unassign_span
sleep 0.05
t "FXS span taken away: no battery" test "$(state battery)" = battery=0
t "the FXO span stays" test "$(spans)" = 1
echo 1:1:1 >$board/assign_span
sleep 0.05
t "and back" test "$(state battery) $(spans)" = "battery=1 2"
t "unloading with half the boards numbered" rmmod dahdi_vline
echo 1 >$auto
t "nothing is left behind" gone

# The largest of all: 488 channels.
insmod "$ko" lines=24 e1=4 t1=4
t "24 lines, 4 E1 and 4 T1 cables: 18 spans" test "$(spans)" = 18
timeout 8 dahdi_test -c 3 >/run/timing
accuracy=$(sed -n 's/.*Cumulative Accuracy[^:]*: \([0-9]*\).*/\1/p' /run/timing)
t "they keep time (${accuracy:-?} %)" test "${accuracy:-0}" -ge 98
t "and are unloaded" rmmod dahdi_vline
t "nothing is left behind" gone
exit $fail
