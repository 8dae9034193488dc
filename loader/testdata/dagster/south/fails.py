import ctypes
import os
import subprocess
import sys
import threading
import time

import dagster as dg


@dg.asset
def fine():
    return [{"a": 1}]


@dg.asset
def raises():
    def inner():
        raise ValueError("there is no such customer")

    inner()


@dg.asset
def leaves_by_exit():
    sys.exit(3)


@dg.asset
def crashes():
    ctypes.string_at(0)


@dg.asset
def never_ends():
    print("begun", flush=True)
    while True:
        time.sleep(0.01)


@dg.asset
def prints_binary():
    os.write(1, b"\x00\xff\x1b[2J{}\n")
    print("and text")
    return [{"a": 1}]


@dg.asset
def leaves_threads():
    threading.Thread(target=time.sleep, args=(3600,), name="left").start()
    return [{"a": 1}]


@dg.asset
def leaves_a_child():
    subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(3600)"], start_new_session=True)
    return [{"a": 1}]
