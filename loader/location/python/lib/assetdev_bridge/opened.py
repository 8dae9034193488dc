"""Which files of the project were read while it was described, besides its Python code: templates, YAML, SQL. They count as code."""

import contextlib
import os
import sys

from . import fresh

_names = None
_hooked = False


@contextlib.contextmanager
def recording():
    """Records; the value is a function that returns the absolute paths of files that are still there. An audit hook cannot be removed, but silenced."""
    global _names, _hooked
    names = _names = set()
    if not _hooked:
        _hooked = True
        sys.addaudithook(_hook)
    try:
        yield lambda: [p for p in (os.path.abspath(n) for n in names) if fresh.first_party(p) and os.path.isfile(p)]
    finally:
        _names = None


_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _hook(event, args):
    if event != "open" or _names is None:
        return
    path, mode, flags = args
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not isinstance(path, str) or path.endswith((".py", ".pyc", ".pyi")):
        return
    if isinstance(mode, str) and any(c in mode for c in "wax+") or isinstance(flags, int) and flags & _WRITES and not isinstance(mode, str):
        return
    _names.add(path)
