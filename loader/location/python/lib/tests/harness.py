"""Starts workers and fork servers as assetdev does, for the tests. The interpreter is the one that runs the tests."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

LIB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROJECT = os.path.join(LIB, "tests", "project")
QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("ASSETDEV_", "DAGSTER_", "PYTHON"))}
    return {**env, "PYTHONPATH": LIB, **more}


class Answer:
    """What a process said and printed."""

    def __init__(self, messages, status, stdout, stderr):
        self.messages, self.status, self.stdout, self.stderr = messages, status, stdout, stderr

    @property
    def last(self):
        return self.messages[-1]

    def of(self, kind):
        return [m.get(kind) for m in self.messages if m["type"] == kind]

    @property
    def assets(self):
        return {a["key"]: a for a in self.of("asset")}

    @property
    def error(self):
        return self.last.get("error") or {}

    @property
    def result(self):
        return self.last.get("result") or {}

    @property
    def definitions(self):
        return self.last.get("definitions") or {}

    @property
    def metadata(self):
        merged = {}
        for m in self.of("metadata"):
            merged.update(m)
        return merged

    @property
    def modules(self):
        return next((m["modules"] for m in self.messages if m["type"] == "modules"), [])

    def story(self):
        """What must be the same whoever ran it."""
        skip = ("modules", "hello")
        return [m for m in self.messages if m["type"] not in skip]


class Cold:
    """One process for each request."""

    name = "cold"

    def ask(self, target, request, env=None, cwd=None, during=None):
        ours, theirs = socket.socketpair()
        with ours, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                [sys.executable, "-B", "-X", "utf8", "-m", "assetdev_bridge.worker"], cwd=cwd or target["working_directory"],
                env=environment(ASSETDEV_FD=str(theirs.fileno()), ASSETDEV_TARGET=json.dumps(target), **(env or {})),
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
            )
            theirs.close()
            messages = talk(ours, request, process.pid, during)
            status = process.wait(60)
            return Answer(messages, status, content(out), content(err))

    def close(self):
        pass


class Server:
    """A fork server."""

    name = "forked"

    def __init__(self, preload=(), roots=(), spare=False, env=None, **more):
        ours, theirs = socket.socketpair()
        self.socket, self.n, self.lock = ours, 0, threading.Lock()
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-X", "utf8", "-m", "assetdev_bridge.server"], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True,
            env=environment(ASSETDEV_SERVER_FD=str(theirs.fileno()), **QUIET, **(env or {})),
        )
        theirs.close()
        self.file = ours.makefile("rb")
        self.write({"preload": list(preload), "roots": list(roots), "spare": spare, **more})
        self.ready = self.read()

    def answer(self):
        """Reads what is no report."""
        while True:
            message = self.read()
            if message is None or not message.get("ready"):
                return message
            self.ready = message

    def report(self, holds):
        """Waits for a report of which something holds."""
        while not holds(self.ready):
            self.ready = self.read()
        return self.ready

    def write(self, message, fds=()):
        data = json.dumps(message).encode() + b"\n"
        if fds:
            sent = socket.send_fds(self.socket, [data], list(fds))
            self.socket.sendall(data[sent:])
        else:
            self.socket.sendall(data)

    def read(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def ask(self, target, request, env=None, cwd=None, during=None, kind="worker", at_hello=None, needs=()):
        ours, theirs = socket.socketpair()
        with ours, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull, "rb") as null:
            self.n += 1
            whole = environment(ASSETDEV_FD="3", ASSETDEV_TARGET=json.dumps(target), **(env or {}))
            self.write({"id": self.n, "env": whole, "cwd": cwd or target["working_directory"], "kind": kind, "needs": list(needs)}, [theirs.fileno(), null.fileno(), out.fileno(), err.fileno()])
            theirs.close()
            started = self.answer()
            if "pid" not in started:
                raise RuntimeError(started)
            messages = talk(ours, request, started["pid"], during, at_hello)
            ended = self.answer()
            assert ended["id"] == self.n, ended
            status = ended["exit"] if "exit" in ended else -ended["signal"]
            return Answer(messages, status, content(out), content(err))

    def close(self):
        self.socket.close()
        self.file.close()
        return self.process.wait(60)


def talk(channel, request, pid, during, at_hello=None):
    messages = []
    with contextlib.suppress(ConnectionResetError), channel.makefile("rb") as lines:  # a process that was killed had not read all
        for line in lines:
            message = json.loads(line)
            messages.append(message)
            if message["type"] == "hello":
                channel.sendall(json.dumps(request).encode() + b"\n")
                if at_hello is not None:
                    at_hello(message, pid)
            elif during is not None:
                during(message, pid)
    return messages


def content(file):
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def target(module="shop.definitions", directory=PROJECT, kind="python_module", **more):
    return {"kind": kind, "target": module, "working_directory": directory, "name": "shop", "roots": [directory], "instance": "none", **more}


@contextlib.contextmanager
def project(**files):
    """A project with the given files, as {"a/b.py": text} by keyword arguments with __ for / and a last _ for the dot."""
    with tempfile.TemporaryDirectory() as directory:
        write_files(directory, files)
        yield directory


def write_files(directory, files):
    for name, text in files.items():
        path = os.path.join(directory, name.replace("__", "/") + ("" if "." in name else ".py"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


__all__ = ["Answer", "Cold", "Server", "alive", "environment", "project", "target", "write_files", "signal", "shutil", "LIB", "PROJECT"]
