import os
import resource
import signal

import dagster as dg


def limited(more):
    """Lets this process have that many bytes more than it has."""
    with open("/proc/self/statm") as f:
        has = int(f.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (has + more, has + more))


@dg.asset
def fine():
    return [{"a": 1}]


@dg.asset
def at_once():
    limited(64 << 20)
    bytearray(1 << 40)


@dg.asset
def by_and_by():
    limited(64 << 20)
    kept = []
    while True:
        kept.append(bytearray(100_000))


@dg.asset
def with_little():
    limited(64 << 20)
    kept = []
    while True:
        kept.append([len(kept)])


@dg.asset
def killed():
    os.kill(os.getpid(), signal.SIGKILL)
