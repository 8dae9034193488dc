"""The channel to assetdev: JSON messages of one line each, of at most MAX_LINE bytes. Sending is safe from several threads."""

import json
import os
import socket
import threading

MAX_LINE = 1 << 20
PROTOCOL = 1


class Channel:
    def __init__(self, fd):
        os.set_inheritable(fd, False)
        self._socket = socket.socket(fileno=fd)
        self._lock = threading.Lock()

    def send(self, kind, value=None, name=None):
        """Sends one message. Long texts are cut to fit. When nobody listens any more, the process ends."""
        message = {"type": kind}
        if value is not None:
            message[name or kind] = value
        data = encode(message)
        with self._lock:
            try:
                self._socket.sendall(data)
            except OSError:
                os._exit(1)

    def read(self):
        """Returns the next message of assetdev. When there is none the process ends."""
        data = bytearray()
        while not data.endswith(b"\n"):
            piece = self._socket.recv(1 << 16)  # nothing follows a request, so that no byte too much is read
            if not piece:
                os._exit(1)
            data += piece
        return json.loads(data)


def encode(message):
    """Returns the message as a line that fits."""
    data = dump(message)
    for limit in (64 << 10, 8 << 10, 1 << 10, 100):
        if len(data) <= MAX_LINE:
            return data
        data = dump(cut_texts(message, limit))
    if len(data) > MAX_LINE:  # so many values that short ones are too long
        data = dump({"type": "log", "log": {"level": "warning", "text": "a message of %d bytes was too long" % len(data)}})
    return data


def dump(message):
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"), default=str, allow_nan=False)
    return text.encode("utf-8", "replace") + b"\n"


def cut(text, limit):
    return text if len(text) <= limit else text[:limit] + " … (%d characters cut)" % (len(text) - limit)


def cut_texts(value, limit):
    if isinstance(value, str):
        return cut(value, limit)
    if isinstance(value, dict):
        return {k: cut_texts(v, limit) for k, v in value.items()}
    if isinstance(value, list):
        return [cut_texts(v, limit) for v in value]
    return value
