"""Which files were read: while the project was described, besides the Python code below its roots (templates, YAML, SQL, and modules that it
found elsewhere by sys.path), which count as code; and while a step ran, each with what was in it when it was opened."""

import contextlib
import hashlib
import os
import sys
import threading

from . import fresh

STATE = os.path.join("", ".local_defs_state", "")  # what components of Dagster fetched or copied
_names = None
_hooked = False


@contextlib.contextmanager
def recording(workspace="", home=""):
    """Records; the value is a function that returns the absolute paths of files that are still there: of the project, and others below the
    workspace's folder, but not below home, which is Dagster's. An audit hook cannot be removed, but silenced."""
    global _names
    names = _names = set()
    _listen()
    try:
        yield lambda: sorted({p for p in (os.path.abspath(n) for n in names) if counts(p, workspace, home) and os.path.isfile(p)} | modules())
    finally:
        _names = None


def counts(path, workspace, home):
    if home and path.startswith(os.path.join(home, "")) or STATE in path or written_by_dbt(path):
        return False
    if fresh.first_party(path):
        return True
    below = os.path.join(workspace, "") if workspace else ""
    if not below or not path.startswith(below) or fresh.installed_in(path):
        return False
    return not any(part.startswith(".") or part in fresh.NOT_OURS for part in path[len(below) :].split(os.sep)[:-1])


WRITTEN = ("target", "dbt_packages", "logs")  # folders of a dbt project that dbt fills
made = set()  # further such folders, with a separator at the end


def written_by_dbt(path):
    if path.startswith(tuple(made)):
        return True
    for name in WRITTEN:
        at = path.find(os.path.join("", name, ""))
        if at >= 0 and os.path.isfile(os.path.join(path[:at], "dbt_project.yml")):
            return True
    return False


def modules():
    """Returns the files of modules that are neither below the roots nor installed."""
    found = set()
    for path in [*fresh.not_installed, *(fresh.file_of(sys.modules.get(name)) for name in fresh.imported())]:
        if path.endswith(".py") and fresh.elsewhere(os.path.abspath(path)):
            found.add(os.path.abspath(path))
    return found


_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _listen():
    global _hooked
    if not _hooked:
        _hooked = True
        sys.addaudithook(_hook)


def _hook(event, args):
    if event == "open":
        path, mode, flags = args
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, str):
            return
        writes = isinstance(mode, str) and any(c in mode for c in "wax+") or isinstance(flags, int) and flags & _WRITES and not isinstance(mode, str)
        if _step is not None:
            _step.wrote(path) if writes else _step.opened(path)
        if _names is not None and not writes and not path.endswith((".py", ".pyc", ".pyi")):
            _names.add(path)
    elif _step is not None and event in _MORE:
        _MORE[event](_step, args)


# What else says which files a step hangs on, or which it makes itself.
_MORE = {
    "os.rename": lambda step, args: step.wrote(args[1]),
    "os.link": lambda step, args: step.wrote(args[1]),
    "os.symlink": lambda step, args: step.wrote(args[1]),
    "os.mkdir": lambda step, args: step.wrote(args[0]),
    "os.rmdir": lambda step, args: step.wrote(args[0]),
    "os.remove": lambda step, args: step.wrote(args[0]),
    "os.listdir": lambda step, args: step.listed(args[0]),
    "os.scandir": lambda step, args: step.listed(args[0]),
    "subprocess.Popen": lambda step, args: step.started(args[1], args[2]),
    "sqlite3.connect": lambda step, args: os.path.isfile(args[0]) and step.opened(args[0]),
}

_step = None
IMPORTS = ("importlib._bootstrap_external", "importlib._bootstrap", "zipimport")


class Step:
    """The files that hang together with one step: what of the project, or below the workspace's folder, it opened to read while it ran, with the
    hash of what was in it at that moment; and the project's modules that were loaded, with the hash of their source.

    Left out: what it wrote itself, before or after; hidden files and folders; what an I/O manager opens, which is an asset's data; and folders that the
    import system lists. What is opened by a library without Python's open (a reader in Rust or C++) is not seen."""

    MOST = 500
    LARGE = 256 << 20

    def __init__(self, workspace, home, without):
        self.workspace, self.home = workspace, home
        self.without = tuple(os.path.join(p, "") for p in without if p)  # the view, the output
        self.read, self.written, self.more, self.busy = {}, set(), 0, set()

    def __enter__(self):
        global _step
        _listen()
        _step = self
        return self

    def __exit__(self, *_):
        global _step
        _step = None

    def counts(self, path):
        if path.startswith(self.without) or any(path == w[:-1] for w in self.without):
            return False
        if any(part.startswith(".") or part in ("__pycache__", *fresh.NOT_OURS) for part in path[len(root_of(path, self.workspace)) :].split(os.sep)):
            return False
        return counts(path, self.workspace, self.home)

    def opened(self, path):
        code = isinstance(path, str) and path.endswith((".py", ".pyc"))  # for a traceback or a warning; what is executed is in fresh.loaded
        self.note(path, content, IMPORTS + ("linecache", "inspect", "tokenize") if code else ())

    def listed(self, path):
        self.note("." if path is None else path, names, IMPORTS)

    def started(self, arguments, folder):
        """A program that is started reads the files that it is given."""
        for argument in [arguments] if isinstance(arguments, (str, bytes)) else list(arguments or ()):
            argument = os.fsdecode(argument) if isinstance(argument, (str, bytes, os.PathLike)) else ""
            if argument and len(argument) < 4096 and "\0" not in argument:
                argument = os.path.join(os.fsdecode(folder or ""), argument)
                if os.path.isfile(argument):
                    self.opened(argument)

    def note(self, path, what, except_by=()):
        me = threading.get_ident()
        if me in self.busy or not isinstance(path, (str, bytes, os.PathLike)):
            return
        self.busy.add(me)  # what is opened here is nobody's
        try:
            path = os.path.abspath(os.fsdecode(path))
            if path in self.read or path in self.written or not self.counts(path) or managed(except_by):
                return
            exists = os.path.exists(path)
            if exists and os.path.isdir(path) != (what is names):
                return
            if len(self.read) >= self.MOST or exists and what is content and os.path.getsize(path) > self.LARGE:
                self.more += 1
                return
            self.read[path] = what(path) if exists else "no such file"
        except (OSError, ValueError):
            pass
        finally:
            self.busy.discard(me)

    def wrote(self, path):
        if threading.get_ident() not in self.busy and isinstance(path, (str, bytes, os.PathLike)):
            path = os.path.abspath(os.fsdecode(path))
            self.written.add(path)
            self.written.add(os.path.dirname(path))  # its names are the step's doing, too

    def files(self):
        """Returns [{path, hash}] of what counts."""
        found = {p: h for p, h in self.read.items() if p not in self.written}
        found.update((p, h) for p, h in fresh.loaded.items() if os.path.isabs(p))
        return [{"path": p, "hash": h} for p, h in sorted(found.items())]


def root_of(path, workspace):
    """The part of a path whose hidden folders do not count: the root or workspace in which it lies."""
    found = max((r for r in fresh.roots if path.startswith(r)), key=len, default="")
    below = os.path.join(workspace, "") if workspace else ""
    return found if found or not path.startswith(below) else below


def managed(modules):
    """Whether an I/O manager is at work, or one of the modules."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name in ("load_input", "handle_output") or modules and frame.f_globals.get("__name__") in modules:
            return True
        frame = frame.f_back
    return False


def content(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return h.hexdigest()[:16]


def names(path):
    """The hash of a folder's names, without hidden ones: as the other side computes it, too."""
    h = hashlib.sha256()
    for name in sorted(n for n in os.listdir(path) if not n.startswith(".") and n != "__pycache__"):
        h.update(name.encode("utf-8", "surrogateescape") + b"\0")
    return "names:" + h.hexdigest()[:16]
