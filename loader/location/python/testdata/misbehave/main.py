"""Stands in for main.py of assetdev_bridge in the conformance test: speaks the protocol by hand and misbehaves as the attribute of the target says.
See package locationtest for the behaviours."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

from .real_main import clean_path, end, flush  # noqa: F401

CHILD = "import os,signal,time\nfor s in (2, 15, 1): signal.signal(s, signal.SIG_IGN)\nprint('pid', os.getpid(), flush=True)\ntime.sleep(3600)\n"


def cold():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    clean_path(here, {"", os.getcwd()})
    end(serve())


def hang():
    print("ready", flush=True)
    while True:
        time.sleep(3600)


def serve():
    fd = int(os.environ.pop("ASSETDEV_FD"))
    os.set_inheritable(fd, False)
    channel = socket.socket(fileno=fd)
    behaviour = json.loads(os.environ.pop("ASSETDEV_TARGET"))["attribute"]

    def say(**message):
        channel.sendall(json.dumps(message).encode() + b"\n")

    print("pid", os.getpid(), flush=True)
    if behaviour == "dies":
        print("cannot find my configuration", file=sys.stderr)
        return 1
    if behaviour == "silent":
        return 0
    if behaviour == "panics":
        sys.path.insert(0, os.getcwd())
        import mistaken  # noqa: F401
    if behaviour == "garbage":
        channel.sendall(b"Hello, world\n")
        hang()
    if behaviour == "binary":
        channel.sendall(b"\x00\x01\x02\xff\n")
        hang()
    protocol = 99 if behaviour == "protocol" else 1
    say(type="hello", hello={"protocol": protocol, "sdk": "misbehave 1", "pid": os.getpid(), "reads": ["arrow"], "writes": ["arrow"]})
    line = channel.makefile("rb").readline()
    if not line:
        return 8
    request = json.loads(line)
    if behaviour == "exits":
        print("giving up", file=sys.stderr)
        return 3
    if behaviour == "hangs":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        hang()
    if behaviour == "stubborn":
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        hang()
    if behaviour == "prints":
        print('{"type":"result","result":{"format":"none"}}')
        print("on stderr", file=sys.stderr)
        sys.stdout.flush()
        os.write(1, b"\x00\xff\x1b[2J\n")
        print("no end of line", end="", flush=True)
    if behaviour == "floods":
        for _ in range(100):
            os.write(1, b"x" * (1 << 20))
    if behaviour == "huge":
        say(type="log", log={"level": "info", "text": "x" * (2 << 20)})
        hang()
    if behaviour == "closes":
        channel.shutdown(socket.SHUT_RDWR)
        channel.close()
        hang()
    if behaviour == "cut":
        channel.sendall(b'{"type":"defin')
        return 0
    if behaviour == "wrong":
        if request["type"] == "describe":
            say(type="result", result={"format": "none"})
        else:
            say(type="definitions", definitions={})
        hang()
    if behaviour == "fails":
        say(type="error", error={"message": "it cannot be done", "trace": "the trace", "file": "/x/assets.go", "line": 7})
        return 1
    if behaviour == "leaves":
        subprocess.Popen([sys.executable, "-S", "-c", CHILD], start_new_session=True)
        time.sleep(0.3)  # most likely it has begun to ignore signals
    say(type="from the future", news=5)
    if request["type"] == "describe":
        say(type="asset", asset={"key": "a/b", "group": "g", "news": True})
        say(type="asset", asset={"key": "c", "inputs": ["a/b"]})
        say(type="modules", modules=["json"])
        say(type="definitions", definitions={"problems": [{"message": "d is wrong"}]})
    elif request["asset"] != "a/b":
        say(type="error", error={"message": 'no asset "%s" here' % request["asset"]})
    else:
        print("view", *(os.environ[name] for name in ("SHARED_ASSETS_PATH", "ASSETDEV_VIEW", "ASSETDEV_RUN", "ASSETDEV_ASSET")), flush=True)
        say(type="log", log={"level": "warning", "text": "careful"})
        say(type="progress", progress={"fraction": 0.5, "text": "half"})
        say(type="metadata", metadata={"text": "words", "number": 3})
        with open(request["output"], "w") as f:
            f.write("data")
        say(type="result", result={"format": "arrow", "rows": 5, "data_version": "v1"})
    if behaviour == "lingers":
        hang()
    return 0
