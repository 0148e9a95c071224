"""Beside a real systemd: do the sockets outlive the service, and go when it is stopped? See in-guest-systemd.sh."""

import os
import signal
import socket
import subprocess
import time

SIP = ("127.0.0.1", 5060)


def systemctl(*arguments):
    run = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, (arguments, run.stderr)
    return run.stdout


def state():
    """How many descriptors systemd holds, the daemon's process, whether it is active, how often it was started again."""
    names = ["NFileDescriptorStore", "MainPID", "ActiveState", "NRestarts"]
    shown = systemctl("show", "tipringd", "-p", ",".join(names))
    fields = dict(line.split("=", 1) for line in shown.split())
    return [fields[name] for name in names]


def options(number):
    own = "127.0.0.1:%d" % phone.getsockname()[1]
    return (
        f"OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{number}\r\n"
        f"From: <sip:a@{own}>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: {number}@x\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def answered():
    text = phone.recv(4096).decode()
    assert text.startswith("SIP/2.0 200 "), text
    return text.split("\r\nCall-ID: ")[1].split("\r\n")[0]


phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
phone.bind(("127.0.0.1", 0))
phone.settimeout(40)

systemctl("start", "tipringd")
phone.sendto(options(0), SIP)
assert answered() == "0@x"
print("ok   systemd starts the unit as it is packed", flush=True)

held, process, active, _ = state()
assert (held, active) == ("2", "active"), (held, active)
os.kill(int(process), signal.SIGKILL)
limit = time.monotonic() + 20
while state()[2] == "active" and state()[1] == process:
    assert time.monotonic() < limit
    time.sleep(0.02)
for number in range(1, 21):
    phone.sendto(options(number), SIP)
with socket.create_connection(SIP, timeout=40):
    came = [answered() for _ in range(20)]
assert sorted(came) == sorted(f"{number}@x" for number in range(1, 21)), came
held, again, active, restarts = state()
assert (held, active, restarts) == ("2", "active", "1") and again != process, (held, again, active, restarts)
print("ok   what comes while it is dead waits in the sockets systemd holds, and is answered", flush=True)

systemctl("restart", "tipringd")
assert state()[0] == "2", state()
print("ok   a restart keeps them", flush=True)

systemctl("stop", "tipringd")
assert state()[:3] == ["0", "0", "inactive"], state()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
    other.bind(("0.0.0.0", 5060))
print("ok   a stop leaves nothing: the port is free", flush=True)
