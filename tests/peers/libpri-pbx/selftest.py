#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Two libpri_pbx processes against each other.  Exits non-zero on the first failure."""

import sys
import time

from pbx import pair

passed = 0


def ok(what):
    global passed
    passed += 1
    print("ok", what)


def call(a, b):
    b.policy("call=answer call-delay=100 connected-name=Beta")
    a.do('call 4711 from=2000 name="Alice B"')
    s = b.wait(ev="call", state="setup", cis=False)
    assert (s["called"], s["calling"], s["calling_name"]) == ("4711", "2000", "Alice B"), s
    a.wait(ev="call", state="alerting")
    c = a.wait(ev="call", state="connected")
    assert c["sub"][0]["name"] == "Beta", c
    a.do("hangup last")
    b.wait(ev="call", state="disconnect", cause=16)
    a.wait(ev="call", state="released", cause=16)
    ok("basic call with names")

    a.policy("call=reject:17")
    b.do("call 2000 from=4711")
    e = b.wait(ev="call", state="disconnect")
    assert e["cause"] == 17, e
    b.wait(ev="call", state="cleared")
    a.policy("call=manual")
    ok("call refused as busy, from the user side")


def mwi(a, b):
    b.policy("mwi=ok users=any")
    a.do("mwi on 4711 from=8000")
    m = b.wait(ev="mwi", action="activate")
    assert m["number"] == "4711" and m["basic_service"] == 1, m
    assert "messages" not in m
    b.wait(ev="lamp", number="4711", state="on")
    a.wait(ev="rose", type="result", op=80)
    a.wait(ev="call", state="cleared", cis=True)
    a.do("mwi off 4711 from=8000")
    b.wait(ev="mwi", action="deactivate", number="4711")
    b.wait(ev="lamp", number="4711", state="off")
    a.wait(ev="rose", type="result", op=81)
    a.wait(ev="call", state="cleared", cis=True)
    ok("MWI on and off, encoded by libpri")

    a.do("mwi on 4712 from=8000 n=3 orig=2001 time=20260102030405Z prio=4 centre=num:8000 "
         "plan=private ton=4")
    m = b.wait(ev="mwi", action="activate")
    assert m["messages"] == 3 and m["originating"] == "2001" and m["priority"] == 4, m
    assert m["msg_centre"] == "num:8000" and m["plan"] == "private" and m["ton"] == 4, m
    assert m["timestamp"] == "20260102030405Z", m
    a.wait(ev="rose", type="result", op=80)
    a.wait(ev="call", state="cleared", cis=True)
    ok("MWI on with every optional argument")

    a.do("mwi ask 4712")
    b.wait(ev="mwi", action="interrogate", number="4712")
    r = a.wait(ev="rose", type="result", op=82)
    assert r["ie"].endswith("30060a0101830103"), r
    a.do("hangup last")
    a.wait(ev="call", state="cleared", cis=True)
    ok("MWI interrogation")

    b.policy("users=4711,4712")
    a.do("mwi on 9999 from=8000")
    e = a.wait(ev="rose", type="error")
    assert e["error"] == 6, e
    a.wait(ev="call", state="cleared", cis=True)
    ok("unknown served user: invalidServedUserNr")

    b.policy("users=any mwi=error:8 mwi-at=facility")
    a.do("mwi on 4711 n=1")
    # libpri, as the sender, releases as soon as it sees CONNECT
    a.wait(ev="call", state="cleared", cis=True)
    ok("answer in FACILITY after CONNECT does not upset libpri")

    b.policy("mwi=reject:1 mwi-at=connect")
    a.do("mwi on 4711 n=1")
    e = a.wait(ev="rose", type="reject")
    assert e["problem_kind"] == "invoke" and e["problem"] == 1, e
    a.wait(ev="call", state="cleared", cis=True)
    ok("ROSE reject: unrecognised operation")

    b.policy("mwi=unsupported")
    a.do("mwi on 4711")
    e = a.wait(ev="call", cis=True, state="released")
    assert e["cause"] == 69, e
    ok("libpri's own answer: RELEASE COMPLETE, cause 69")

    b.policy("mwi=ok mwi-at=release mwi-result=short")
    a.do("mwi on 4711")
    e = a.wait(ev="rose", type="result")
    assert e["in"] in ("RELEASE", "RELEASE COMPLETE"), e
    a.wait(ev="call", cis=True, state="released")
    b.policy("mwi-at=connect mwi-result=full")
    ok("answer in the clearing message")

    b.policy("mwi=cause:27")
    a.do("mwi on 4711")
    e = a.wait(ev="call", cis=True, state="released")
    assert e["cause"] == 27, e
    b.policy("mwi=ok")
    ok("cleared with a chosen cause")


def loss(a, b):
    a.do("drop tx 1")
    a.do("mwi on 4713 from=8000")
    t = time.monotonic()
    b.wait(ev="mwi", action="activate", number="4713", timeout=6)
    took = time.monotonic() - t
    assert took > 0.5, took
    a.wait(ev="call", state="cleared", cis=True)
    ok(f"a lost I frame is repeated by layer 2 (after {took:.1f} s)")
    b.do("restart 3")
    a.wait(ev="restart", channel=3)
    b.wait(ev="restart-ack")
    ok("channel restart")


def main():
    for transport, args in (("tcp", ()), ("tcp", ("-F",)), ("unix", ()), ("udp", ())):
        print("#", transport, *args)
        a, b = pair(transport, args, args)
        try:
            assert a.start["mwi_accept"] and b.start["mwi_accept"]
            ok("layer 2 up")
            call(a, b)
            mwi(a, b)
            if transport == "tcp" and not args:
                loss(a, b)
            for p in (a, b):
                p.mark()
                bad = [e for e in p.events if e["ev"] in ("warn", "libpri-error", "garbage")
                       or (e["ev"] == "log" and "!!" in e["text"])]
                assert not bad, bad
            ok("no complaints")
        finally:
            a.close()
            b.close()
    print("passed", passed)


if __name__ == "__main__":
    sys.exit(main())
