# SPDX-License-Identifier: GPL-2.0-only
"""Drives libpri_pbx processes from Python: start, command, wait for an event."""

import json
import os
import queue
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.environ.get("LIBPRI_PBX", os.path.join(HERE, "../../../target/peers/libpri_pbx"))


class Pbx:
    def __init__(self, *args, name="pbx"):
        self.name = name
        self.events = []
        self._queue = queue.Queue()
        self._mark = 0
        self.proc = subprocess.Popen([BINARY, *args], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     text=True, bufsize=1)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.start = self.wait(ev="start")

    def _read(self):
        for line in self.proc.stdout:
            try:
                self._queue.put(json.loads(line))
            except ValueError:
                self._queue.put({"ev": "garbage", "text": line.rstrip()})
        self._queue.put(None)

    def do(self, command):
        self.proc.stdin.write(command + "\n")
        self.proc.stdin.flush()

    def _pump(self, timeout):
        try:
            event = self._queue.get(timeout=timeout)
        except queue.Empty:
            return False
        if event is None:
            raise RuntimeError(f"{self.name} ended; last events: {self.events[-3:]}")
        self.events.append(event)
        return True

    def mark(self):
        """Later waits look only at events that arrive from here on."""
        while self._pump(0.0):
            pass
        self._mark = len(self.events)

    def wait(self, timeout=5.0, **fields):
        """The first event since the last mark or wait with all these field values."""
        end = time.monotonic() + timeout
        at = self._mark
        while True:
            while at < len(self.events):
                event = self.events[at]
                at += 1
                if all(event.get(k) == v for k, v in fields.items()):
                    self._mark = at
                    return event
            left = end - time.monotonic()
            if left <= 0 or not self._pump(left):
                if time.monotonic() >= end:
                    raise AssertionError(
                        f"{self.name}: no event {fields} within {timeout} s; saw "
                        f"{[e for e in self.events[self._mark:]]}")

    def absent(self, seconds, **fields):
        """Asserts that no such event arrives for a while."""
        try:
            event = self.wait(timeout=seconds, **fields)
        except AssertionError:
            return
        raise AssertionError(f"{self.name}: unexpected {event}")

    def policy(self, text):
        self.do("policy " + text)
        self.wait(ev="ok", cmd="policy")

    def frames(self):
        self.mark()
        return [e for e in self.events if e["ev"] == "frame"]

    def close(self):
        if self.proc.poll() is None:
            try:
                self.do("quit")
                self.proc.wait(timeout=3)
            except Exception:
                self.proc.kill()
                self.proc.wait()
        self._thread.join(timeout=2)


def pair(transport="tcp", network_args=(), user_args=(), tmp="/tmp"):
    """A network side and a user side connected to each other, layer 2 up."""
    if transport == "tcp":
        a = Pbx("-l", "tcp:127.0.0.1:0", "-s", "network", *network_args, name="network")
        b = Pbx("-c", f"tcp:127.0.0.1:{a.start['port']}", "-s", "user", *user_args, name="user")
    elif transport == "unix":
        path = os.path.join(tmp, f"libpri_pbx.{os.getpid()}.sock")
        a = Pbx("-l", "unix:" + path, "-s", "network", *network_args, name="network")
        b = Pbx("-c", "unix:" + path, "-s", "user", *user_args, name="user")
    else:
        a = Pbx("-l", "udp:127.0.0.1:0", "-s", "network", *network_args, name="network")
        b = Pbx("-l", f"udp:127.0.0.1:0,127.0.0.1:{a.start['port']}", "-s", "user", *user_args,
                name="user")
    a.wait(ev="l2", state="up")
    b.wait(ev="l2", state="up")
    return a, b
