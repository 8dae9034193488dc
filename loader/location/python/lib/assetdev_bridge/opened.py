"""Which files were read while the project was described, besides the Python code below its roots: templates, YAML, SQL, and modules that it
found elsewhere by sys.path. They count as code."""

import contextlib
import os
import sys

from . import fresh

_names = None
_hooked = False


@contextlib.contextmanager
def recording(workspace="", home=""):
    """Records; the value is a function that returns the absolute paths of files that are still there: of the project, and others below the
    workspace's folder, but not below home, which is Dagster's. An audit hook cannot be removed, but silenced."""
    global _names, _hooked
    names = _names = set()
    if not _hooked:
        _hooked = True
        sys.addaudithook(_hook)
    try:
        yield lambda: sorted({p for p in (os.path.abspath(n) for n in names) if counts(p, workspace, home) and os.path.isfile(p)} | modules())
    finally:
        _names = None


def counts(path, workspace, home):
    if home and path.startswith(os.path.join(home, "")):
        return False
    if fresh.first_party(path):
        return True
    below = os.path.join(workspace, "") if workspace else ""
    if not below or not path.startswith(below) or fresh.installed_in(path):
        return False
    return not any(part.startswith(".") or part in fresh.NOT_OURS for part in path[len(below) :].split(os.sep)[:-1])


def modules():
    """Returns the files of modules that are neither below the roots nor installed."""
    found = set()
    for path in [*fresh.not_installed, *(fresh.file_of(sys.modules.get(name)) for name in fresh.imported())]:
        if path.endswith(".py") and fresh.elsewhere(os.path.abspath(path)):
            found.add(os.path.abspath(path))
    return found


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
