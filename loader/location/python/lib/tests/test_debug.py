"""The debugger: breakpoint() and what follows a failure, on a terminal, in a process of its own."""

import json
import os
import pty
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from harness import environment, target


class Debug(unittest.TestCase):
    def session(self, key, typed):
        """Runs an asset with a terminal, types a line at each prompt, and returns what the screen showed, the last message and the exit code."""
        ours, theirs = socket.socketpair()
        master, slave = pty.openpty()
        screen, prompts = [], list(typed)
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(
                [sys.executable, "-B", "-X", "utf8", "-m", "assetdev_bridge.worker"], env=environment(ASSETDEV_FD=str(theirs.fileno()), ASSETDEV_TARGET=json.dumps(target()), SHOP_TOKEN="x"),
                pass_fds=[theirs.fileno()], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            )
            theirs.close()
            os.close(slave)

            def terminal():
                text = b""
                while True:
                    try:
                        piece = os.read(master, 4096)
                    except OSError:
                        return
                    if not piece:
                        return
                    screen.append(piece)
                    text += piece
                    if b"(Pdb) " in text and prompts:
                        text = b""
                        os.write(master, prompts.pop(0).encode() + b"\n")

            reader = threading.Thread(target=terminal)
            reader.start()
            with ours, ours.makefile("rb") as lines:
                for line in lines:
                    last = json.loads(line)
                    if last["type"] == "hello":
                        request = {"type": "materialize", "asset": key, "output": os.path.join(folder, "out"), "debug": True}
                        ours.sendall(json.dumps(request).encode() + b"\n")
            code = process.wait(60)
            reader.join()
            os.close(master)
        return b"".join(screen).decode("utf-8", "replace"), last, code

    def test_breakpoint(self):
        screen, last, code = self.session("debugged", ["p seen + 1", "c"])
        self.assertIn("42", screen)
        self.assertEqual((last["type"], code), ("result", 0), screen)

    def test_after_a_failure(self):
        screen, last, code = self.session("chained", ["p type(error).__name__", "q"])
        self.assertIn("RuntimeError: outer", screen)
        self.assertIn("definitions.py", screen)
        self.assertEqual((last["type"], last["error"]["message"], code), ("error", "RuntimeError: outer", 1), screen)

    def test_after_a_failure_in_a_library(self):
        screen, last, code = self.session("in_library", ["p __name__", "q"])
        self.assertIn("'shop.definitions'", screen)
        self.assertTrue(last["error"]["message"].startswith("KeyError"), screen)


if __name__ == "__main__":
    unittest.main()
