"""First-party code is always what the file says now.

Python trusts a .pyc whose source has the same length and the same modification time in whole seconds: two quick saves run old code. So the
sources below the roots of a request are compiled from their bytes, whoever imports them (also finders of editable installs, and
importlib.util.spec_from_file_location), and no .pyc is read or written for them. Compiled code is kept by its content, in memory only.
"""

import hashlib
import importlib.machinery
import itertools
import os
import site
import sys
import sysconfig

roots = ()  # folders of the project's own code, real paths with a separator at the end
code_cache = {}  # path -> {hash of its bytes: code}; filled by earlier requests of a server
compiled = {}  # path -> (hash, code), what this process compiled
loaded = {}  # path -> the beginning of the hash, in hex, of the source that was executed

KEPT = 3

_outside = None
_known = {}
_original_get_code = importlib.machinery.SourceFileLoader.get_code


def set_roots(folders):
    """Says which folders hold first-party code. What an environment has installed below them is none of it."""
    global roots
    found = set()
    for folder in folders:
        for path in (os.path.abspath(folder), os.path.realpath(folder)):
            found.add(path.rstrip(os.sep) + os.sep)
    roots = tuple(sorted(found))
    _known.clear()
    installed()  # before imports go through _get_code: it imports what may not be half loaded
    importlib.machinery.SourceFileLoader.get_code = _get_code


def installed():
    """Returns the folders of the standard library and of installed packages."""
    global _outside
    if _outside is None:
        paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
        paths += getattr(site, "getsitepackages", list)()
        if site.ENABLE_USER_SITE:
            paths.append(site.getusersitepackages())
        paths.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        found = set()
        for path in filter(None, paths):
            found.add(os.path.abspath(path).rstrip(os.sep) + os.sep)
            found.add(os.path.realpath(path).rstrip(os.sep) + os.sep)
        _outside = tuple(sorted(found))
    return _outside


def first_party(path):
    """Reports whether a file belongs to the project: it lies below a root, and not below what is installed deeper than that root."""
    if not path or path[0] == "<" or path[0] == "/" and not path.startswith(roots):
        return False
    known = _known.get(path)
    if known is None:
        full = os.path.abspath(path)
        root = max((len(r) for r in roots if full.startswith(r)), default=0)
        other = max((len(o) for o in installed() if full.startswith(o)), default=0)
        known = root > 0 and root > other and not _in_environment(full, root)
        _known[path] = known
    return known


NOT_OURS = ("site-packages", "dist-packages", "node_modules")


def _in_environment(path, root):
    rest = path[root:].split(os.sep)
    return any(name in rest for name in NOT_OURS)


def installed_in(path):
    """Reports whether a file is of the standard library or of an installed package."""
    return path.startswith(installed()) or _in_environment(path, 0)


def elsewhere(path):
    """Reports whether a file of Python is neither below the roots nor installed: sys.path was extended by the project."""
    return not first_party(path) and os.path.isabs(path) and not installed_in(path)


def _get_code(self, fullname):
    path = self.get_filename(fullname)
    if not first_party(path) and not elsewhere(path):
        return _original_get_code(self, fullname)
    data = self.get_data(path)
    digest = hashlib.sha256(data).digest()
    loaded[os.path.abspath(path)] = digest.hex()[:16]
    code = code_cache.get(path, {}).get(digest)
    if code is None:
        code = self.source_to_code(data, path)
        compiled[path] = (digest, code)
    return code


def keep(codes):
    """Takes over what another process compiled: the last KEPT contents of each file."""
    for path, (digest, code) in codes.items():
        known = code_cache.setdefault(path, {})
        known[digest] = code
        while len(known) > KEPT:
            del known[next(iter(known))]


def file_of(module):
    """Returns the file of a module, "" when it has none. Not by getattr: lazy modules import what they are asked for."""
    file = getattr(module, "__dict__", {}).get("__file__")
    return file if isinstance(file, str) else ""


MARK = "assetdev_bridge.forked"
_counted = 0
_by_top = {}  # name without its dots -> names
_by_folder = {}  # folder of the file -> names
not_installed = set()  # files of modules


def before_fork():
    """Notes, in a server, what is imported: so that its children need not look at each module, which copies the memory that it lies in."""
    global _counted
    names = sys.modules
    if len(names) == _counted:
        return
    if len(names) < _counted:
        _by_top.clear(), _by_folder.clear(), not_installed.clear()
        _counted = 0
    for name, module in itertools.islice(list(names.items()), _counted, None):
        _by_top.setdefault(name.partition(".")[0], []).append(name)
        file = file_of(module)
        if file:
            _by_folder.setdefault(os.path.dirname(file) + os.sep, []).append(name)
            if not installed_in(file):
                not_installed.add(file)
    _counted = len(names)


def imported():
    """Returns the names of the modules that this process imported itself, in the order of their import: in one that was forked, or was a spare, none of those that were there before."""
    names = []
    for name in reversed(sys.modules):
        if name == MARK:
            break
        names.append(name)
    names.reverse()
    return names


def forget(folders_first):
    """Drops modules that the project's own code replaces: those that lie below the roots, and those whose name a folder that comes first on
    sys.path has too. For a process which has the modules of a server, after before_fork."""
    own = set()
    for folder in folders_first:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            stem, ext = os.path.splitext(name)
            if ext == ".py" or (not ext and os.path.isdir(os.path.join(folder, name))):
                own.add(stem)
    stale = set()
    own = {top for top in own if top in _by_top and not _namespace_only(top, folders_first)} - set(sys.stdlib_module_names) - {"__main__", "assetdev_bridge"}
    for top in own:
        stale.update(_by_top[top])
    for folder, names in _by_folder.items():
        if folder.startswith(roots):
            stale.update(n for n in names if first_party(file_of(sys.modules.get(n))))
    stale = {n for n in stale if sys.modules.pop(n, None) is not None}
    sys.modules[MARK] = type(sys)(MARK)
    return stale


def _namespace_only(top, folders):
    """A folder without __init__.py loses to any package of that name further down sys.path."""
    for folder in folders:
        base = os.path.join(folder, top)
        if os.path.isfile(base + ".py") or os.path.isfile(os.path.join(base, "__init__.py")):
            return False
    return True


def third_party_modules():
    """Returns the names of the modules that this process imported and that are not the project's, in the order of their import."""
    names = []
    for name in imported():
        module = sys.modules.get(name)
        if name.partition(".")[0] in ("__main__", "__mp_main__", "assetdev_bridge", "sitecustomize", "usercustomize"):
            continue
        known = getattr(module, "__dict__", {})
        spec = known.get("__spec__")
        if spec is None or spec.name != name or known.get("__name__") != name:
            continue
        origin = spec.origin
        if origin is None:
            path = known.get("__path__")
            if not path or any(first_party(os.path.join(p, "x")) for p in list(path)):
                continue
        elif origin.startswith(roots) and first_party(origin):
            continue
        names.append(name)
    return names
