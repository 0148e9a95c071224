#!/usr/bin/env python3
"""A service manager for one daemon, as far as sd_notify(3) and sd_listen_fds(3) describe it.

manager.py SOCKET COMMAND...

Standard input says what to do, standard output what happened:

start            starts COMMAND with the descriptors in store
kill             SIGKILL, and waits for its end
end              SIGTERM, and waits for its end: "ended STATUS"
put NAME PATH    puts a file into the store, which no daemon has asked for

said KEY=VALUE   a line of the daemon's, except:
stored NAME      a descriptor of the daemon's (FDSTORE=1); "stored NAME unwatched" with FDPOLL=0
removed NAME     FDSTOREREMOVE=1
"""

import fcntl
import os
import selectors
import signal
import socket
import sys

FIRST = 3


def say(text):
    print(text, flush=True)


class Manager:
    def __init__(self, path, command):
        self.path, self.command = path, command
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        self.store = []
        self.daemon = None

    def start(self):
        self.daemon = os.fork()
        if self.daemon == 0:
            # Out of the way first: a number may be that of another's place.
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for _, fd in self.store]
            for number, fd in enumerate(high, FIRST):
                os.dup2(fd, number, inheritable=True)
            os.dup2(2, 1)
            environment = dict(os.environ, NOTIFY_SOCKET=self.path)
            if self.store:
                environment["LISTEN_PID"] = str(os.getpid())
                environment["LISTEN_FDS"] = str(len(self.store))
                environment["LISTEN_FDNAMES"] = ":".join(name for name, _ in self.store)
            os.execve(self.command[0], self.command, environment)

    def end(self, how):
        os.kill(self.daemon, how)
        _, status = os.waitpid(self.daemon, 0)
        # What it said before its end.
        self.notify.setblocking(False)
        try:
            while True:
                self.told()
        except BlockingIOError:
            self.notify.setblocking(True)
        say(f"ended {os.waitstatus_to_exitcode(status)}")

    def told(self):
        data, descriptors, _, _ = socket.recv_fds(self.notify, 4096, 16)
        lines = data.decode().splitlines()
        fields = dict(line.split("=", 1) for line in lines)
        name = fields.get("FDNAME", "stored")
        if fields.get("FDSTORE") == "1":
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)
                self.store.append((name, descriptor))
                say(f"stored {name}" + (" unwatched" if fields.get("FDPOLL") == "0" else ""))
        elif fields.get("FDSTOREREMOVE") == "1":
            for known, descriptor in self.store:
                if known == name:
                    os.close(descriptor)
            self.store = [entry for entry in self.store if entry[0] != name]
            say(f"removed {name}")
        else:
            for line in lines:
                say(f"said {line}")

    def run(self):
        selector = selectors.DefaultSelector()
        selector.register(self.notify, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is self.notify:
                    self.told()
                    continue
                orders = os.read(0, 4096).decode()
                if not orders:
                    return
                for order in orders.splitlines():
                    self.obey(order.split())

    def obey(self, words):
        if words[0] == "start":
            self.start()
        elif words[0] == "kill":
            self.end(signal.SIGKILL)
        elif words[0] == "end":
            self.end(signal.SIGTERM)
        elif words[0] == "put":
            self.store.append((words[1], os.open(words[2], os.O_RDONLY)))


if __name__ == "__main__":
    Manager(sys.argv[1], sys.argv[2:]).run()
