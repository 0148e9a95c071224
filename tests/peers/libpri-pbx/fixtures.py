#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes reference captures of two libpri_pbx processes talking to each other.

Usage: fixtures.py OUTPUT_DIRECTORY

Each scenario gives NAME.pcap (link type 177, seen from the network side) and
NAME.hex: one frame a line, "N" network to user or "U" user to network, then the
Q.921 frame without flags and FCS.
"""

import os
import sys
import time

from pbx import pair

SCENARIOS = []


def scenario(fn):
    SCENARIOS.append(fn)
    return fn


def settle(*sides, seconds=0.4):
    time.sleep(seconds)
    for s in sides:
        s.mark()


@scenario
def l2_establish(a, b):
    """SABME from both sides, UA, then idle until T203 expires and an RR poll goes out."""
    settle(a, b, seconds=10.6)


@scenario
def call_answered(a, b):
    """Network side calls 4711 from 2000 'Alice'; answered by 'Beta'; the caller clears."""
    b.policy("call=answer call-delay=200 connected-name=Beta")
    a.do("call 4711 from=2000 name=Alice")
    a.wait(ev="call", state="connected")
    a.do("hangup last")
    a.wait(ev="call", state="released")


@scenario
def call_cleared_by_called(a, b):
    """User side calls 2001 from 4711; answered; the called side clears."""
    a.policy("call=answer call-delay=100")
    b.do("call 2001 from=4711")
    b.wait(ev="call", state="connected")
    a.do("hangup last")
    b.wait(ev="call", state="cleared")


@scenario
def call_busy(a, b):
    """CALL PROCEEDING, then DISCONNECT cause 17 (user busy)."""
    b.policy("call=reject:17")
    a.do("call 4711 from=2000")
    a.wait(ev="call", state="cleared")


@scenario
def call_unallocated(a, b):
    """SETUP answered at once by RELEASE COMPLETE, cause 1."""
    b.policy("call=reject:1")
    a.do("call 4999 from=2000")
    a.wait(ev="call", state="released")


@scenario
def call_overlap(a, b):
    """Overlap sending: SETUP with '47', SETUP ACKNOWLEDGE, INFORMATION '1' '1', CONNECT."""
    a.do("call 47 from=2000 overlap=1")
    b.wait(ev="call", state="setup")
    b.do("setupack last")
    a.wait(ev="call", state="setup-ack")
    a.do("info last 11")
    b.wait(ev="call", state="info", called="471")
    b.wait(ev="call", state="info", called="4711")
    b.do("proceed last")
    b.do("alert last")
    b.do("answer last")
    a.wait(ev="call", state="connected")
    a.do("hangup last")
    a.wait(ev="call", state="released")


@scenario
def call_diverted(a, b):
    """Diverted call: divertingLegInformation2 in SETUP (from 2005, no reply)."""
    b.policy("call=answer call-delay=100")
    a.do("call 8000 from=2000 name=Alice redir=2005 redir-name=Carol reason=2")
    a.wait(ev="call", state="connected")
    a.do("hangup last")
    a.wait(ev="call", state="released")


@scenario
def call_transferred(a, b):
    """Active call, then FACILITY callTransferComplete (new party 2009 'Dora')."""
    b.policy("call=answer call-delay=100")
    a.do("call 4711 from=2000 name=Alice")
    a.wait(ev="call", state="connected")
    a.do("transferred last 2009 name=Dora")
    b.wait(ev="facility")
    a.do("hangup last")
    a.wait(ev="call", state="released")


@scenario
def call_deflected(a, b):
    """Called side asks for rerouteing: FACILITY callRerouteing to 4712."""
    a.do("call 4711 from=2000")
    b.wait(ev="call", state="setup")
    b.do("proceed last")
    b.do("deflect last 4712 reason=15")
    settle(a, b, seconds=1.0)
    b.do("hangup last 16")
    a.do("hangup last 16")
    settle(a, b)


@scenario
def call_held(a, b):
    """HOLD and RETRIEVE on an active call."""
    b.policy("call=answer call-delay=100")
    a.do("call 4711 from=2000")
    a.wait(ev="call", state="connected")
    a.do("hold last")
    b.wait(ev="call", state="hold")
    settle(a, b)
    a.do("retrieve last")
    b.wait(ev="call", state="retrieve")
    settle(a, b)
    a.do("hangup last")
    a.wait(ev="call", state="released")


@scenario
def restart_channel(a, b):
    """RESTART of channel 3 and its acknowledgement."""
    a.do("restart 3")
    a.wait(ev="restart-ack")


@scenario
def mwi_on(a, b):
    """MWI on for 4711, libpri's encoding: mWIActivate, return result in CONNECT."""
    a.do("mwi on 4711 from=8000")
    a.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_off(a, b):
    """MWI off for 4711, libpri's encoding: mWIDeactivate."""
    a.do("mwi off 4711 from=8000")
    a.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_on_from_user_side(a, b):
    """The same from the user side: the address and call reference bits the other way round."""
    b.do("mwi on 4711 from=8000")
    b.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_on_all_arguments(a, b):
    """mWIActivate with every optional argument."""
    a.do("mwi on 4711 from=8000 n=3 orig=2001 time=20260102030405Z prio=4 centre=num:8000 "
         "plan=private ton=4")
    a.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_on_count_only(a, b):
    """mWIActivate with nbOfMessages 3, then 300 (two octet integer)."""
    for n in (3, 300):
        a.do(f"mwi on 4711 from=8000 n={n}")
        a.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_off_centre(a, b):
    """mWIDeactivate with msgCentreId as integer, as party number and as numeric string."""
    for c in ("int:7", "num:8000", "str:8000"):
        a.do(f"mwi off 4711 from=8000 centre={c}")
        a.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_interrogate(a, b):
    """Two activations, then mWIInterrogate for all services and its result list."""
    a.do("mwi on 4711 n=3 service=1")
    a.wait(ev="call", state="cleared", cis=True)
    a.do("mwi on 4711 n=1 service=51")
    a.wait(ev="call", state="cleared", cis=True)
    a.do("mwi ask 4711 service=0")
    a.wait(ev="rose", type="result", op=82)
    a.do("hangup last")
    a.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_result_short(a, b):
    """Return result without the operation and result sequence, as libpri itself would send."""
    b.policy("mwi-result=short")
    a.do("mwi on 4711 from=8000 n=1")
    a.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_result_in_facility(a, b):
    """CONNECT without an APDU, the return result follows in FACILITY."""
    b.policy("mwi-at=facility")
    a.do("mwi on 4711 from=8000 n=1")
    a.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_result_in_release(a, b):
    """No CONNECT: the return result comes in RELEASE COMPLETE, cause 16."""
    b.policy("mwi-at=release")
    a.do("mwi on 4711 from=8000 n=1")
    a.wait(ev="call", cis=True, state="released")


@scenario
def mwi_proceeding_first(a, b):
    """CALL PROCEEDING, a second later CONNECT with the return result."""
    b.policy("mwi-proceeding=1 mwi-delay=1000")
    a.do("mwi on 4711 from=8000 n=1")
    a.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_error_invalid_user(a, b):
    """Return error 6, invalidServedUserNr, in CONNECT."""
    b.policy("users=4711")
    a.do("mwi on 9999 from=8000 n=1")
    a.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_error_values(a, b):
    """Return errors 0 userNotSubscribed, 3 notAvailable, 8 basicServiceNotProvided,
    1008 unspecified, 1018 invalidMsgCentreId."""
    for e in (0, 3, 8, 1008, 1018):
        b.policy(f"mwi=error:{e}")
        a.do("mwi on 4711 from=8000 n=1")
        a.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_reject(a, b):
    """ROSE reject, invoke problem 1 (unrecognised operation)."""
    b.policy("mwi=reject:1")
    a.do("mwi on 4711 from=8000 n=1")
    a.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_unsupported(a, b):
    """An exchange without the service: RELEASE COMPLETE, cause 69."""
    b.policy("mwi=unsupported")
    a.do("mwi on 4711 from=8000")
    a.wait(ev="call", cis=True, state="released")


@scenario
def mwi_cause(a, b):
    """The connection is refused: RELEASE COMPLETE with cause 27, then with 3."""
    for c in (27, 3):
        b.policy(f"mwi=cause:{c}")
        a.do("mwi on 4711 from=8000")
        a.wait(ev="call", cis=True, state="released")


@scenario
def mwi_connect_without_answer(a, b):
    """CONNECT without any APDU."""
    b.policy("mwi=silent")
    a.do("mwi on 4711 from=8000")
    a.wait(ev="call", state="cleared", cis=True)


@scenario
def mwi_no_answer(a, b):
    """No answer to SETUP: T303 (4 s) expires, SETUP once more (without the APDU, which is
    libpri's mistake), T303 again."""
    b.policy("mwi=ignore")
    a.do("mwi on 4711 from=8000")
    settle(a, b, seconds=8.8)


@scenario
def mwi_dialects(a, b):
    """Older forms of mWIActivate: ECMA global value { 1 3 12 9 80 } with profile 0x91, ISO
    global value { 1 0 15506 0 80 } with profile 0x9f, local value with profile 0x91, no NFE,
    no interpretation.  libpri knows only the local value and refuses the first two."""
    for opts in ("op=ecma profile=91", "op=iso", "profile=91", "nfe=0", "interp=none",
                 "profile=91 nfe=0 interp=none"):
        a.do(f"mwi on 4711 from=8000 n=1 {opts}")
        settle(a, b, seconds=0.3)


@scenario
def l2_frame_lost(a, b):
    """The I frame with the SETUP is lost; T200 expires, RR poll, retransmission."""
    a.do("drop tx 1")
    a.do("mwi on 4711 from=8000")
    a.wait(ev="call", state="cleared", cis=True, timeout=8)


@scenario
def l2_reject(a, b):
    """The first of two I frames is lost: the receiver sends REJ."""
    b.policy("call=answer call-delay=50")
    a.do("drop tx 1")
    a.do("mwi on 4711 from=8000")
    a.do("mwi on 4712 from=8000")
    a.wait(ev="call", state="cleared", cis=True, timeout=8)
    a.wait(ev="call", state="cleared", cis=True, timeout=8)


@scenario
def l2_ack_lost(a, b):
    """An RR is lost, the next I frame acknowledges in its place; then an I frame comes twice: REJ."""
    b.do("drop tx 1")
    settle(a, b)
    a.do("mwi on 4711 from=8000")
    a.wait(ev="call", state="cleared", cis=True, timeout=8)
    settle(a, b, seconds=1.4)
    a.do("dup 1")
    a.do("mwi off 4711 from=8000")
    a.wait(ev="call", state="cleared", cis=True, timeout=8)


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    only = set(sys.argv[2:])
    for fn in SCENARIOS:
        name = fn.__name__
        if only and name not in only:
            continue
        pcap = os.path.join(out, name + ".pcap")
        a, b = pair("tcp", ("-f", "-p", pcap), ("-f",))
        try:
            fn(a, b)
            settle(a, b)
        finally:
            frames = a.frames()
            a.close()
            b.close()
        with open(os.path.join(out, name + ".hex"), "w") as f:
            for line in fn.__doc__.splitlines():
                f.write(f"# {line.strip()}\n")
            for e in frames:
                if e["dir"] == "tx-dropped":
                    f.write(f"# lost: N {e['hex']}\n")
                    continue
                side = "N" if e["dir"].startswith("tx") else "U"
                what = e["l2"] if "l3" not in e else f"{e['l2']} {e['l3']}"
                f.write(f"{side} {e['hex']}  # {what}\n")
        print(name, len(frames), "frames")


if __name__ == "__main__":
    main()
