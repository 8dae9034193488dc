"""Serves one request, whoever started the process.

Contract with who starts it (the Go package loader/location/python):

* ``ASSETDEV_FD`` is the number of the channel, see loader/PROTOCOL.md. It is removed from the environment and marked close-on-exec first of all.
* ``ASSETDEV_TARGET`` says in JSON what to load. It is removed too. Fields: ``kind`` (python_package, python_module, python_file,
  autoload_defs_module), ``target`` (a module, or a path for python_file), ``attribute``, ``working_directory`` (absolute), ``name`` (of the location), ``roots``
  (absolute folders of first-party code), ``dagster_home``, ``workspace_root``, ``instance`` ("none", or "read" and "report": tell what Dagster's own instance
  knows of the last materializations). Further fields are ignored.
* The package's own folder comes last on sys.path and is taken out of PYTHONPATH, so that real packages win and nothing that the user's code starts sees it.
* Before the last message of a request goes ``{"type": "modules", "modules": […]}``: the names of the modules that it imported and that are not the project's, in
  the order of their import. It is what a server may import next time.
* The process ends with 0 after definitions or a result, with 1 after an error. Threads and children that the user's code left are not waited for.

Not here: starting processes, time limits, memory limits. Who starts the process ends it.
"""

import json
import os
import sys

from . import VERSION, fresh
from .channel import PROTOCOL, Channel

MINIMUM = (3, 10)
DAGSTER_MINIMUM = (1, 9)


def cold():
    """The whole life of a process of its own."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    clean_path(here, {"", os.getcwd()})
    code = serve()
    end(code)


def clean_path(here, others):
    """Moves the package's folder to the end of sys.path, and drops what -m put first."""
    first, rest = sys.path[:1], sys.path[1:]
    path = [p for p in first if p not in others] + rest
    sys.path[:] = [p for p in path if os.path.abspath(p or ".") != here] + [here]
    given = os.environ.get("PYTHONPATH")
    if given:
        kept = [p for p in given.split(os.pathsep) if os.path.abspath(p or ".") != here]
        if any(kept):
            os.environ["PYTHONPATH"] = os.pathsep.join(kept)
        else:
            del os.environ["PYTHONPATH"]


def end(code):
    """Ends the process at once: what the user's code registered to be called at exit is called, threads are not waited for."""
    import atexit
    import threading

    left = [t.name for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
    if left:
        print("%d threads that were left running are ended: %s" % (len(left), ", ".join(left[:5])), file=sys.stderr)
    try:
        atexit._run_exitfuncs()
    except BaseException as error:  # a failure in there is no failure of the request
        print("at exit: %r" % error, file=sys.stderr)
    flush()
    os._exit(code)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass


def serve():
    """Reads the request, answers it, and returns the exit code."""
    fd = os.environ.pop("ASSETDEV_FD", None)
    if fd is None:
        print("this is the part of assetdev that runs inside Python; it is started by assetdev", file=sys.stderr)
        return 2
    channel = Channel(int(fd))
    channel.send("hello", {"protocol": PROTOCOL, "sdk": "python " + VERSION, "pid": os.getpid(), "reads": ["parquet"], "writes": ["arrow", "parquet"]})
    if sys.version_info < MINIMUM:
        channel.send("error", {"message": "Python %d.%d is too old: assetdev needs 3.10 or later (%s)" % (*sys.version_info[:2], sys.executable)})
        return 1
    target = json.loads(os.environ.pop("ASSETDEV_TARGET", "{}"))
    fresh.set_roots(target.get("roots") or [target.get("working_directory") or os.getcwd()])
    request = channel.read()
    prepare(request)
    from . import errors

    try:
        answer = handle(target, request, channel)
    except BaseException as error:
        if isinstance(error, MemoryError):
            errors.release(error)
        if request.get("debug") and not isinstance(error, (errors.Told, KeyboardInterrupt)):
            post_mortem(error)
        flush()
        tell_modules(channel)
        channel.send("error", errors.from_exception(error))
        return 1
    flush()
    tell_modules(channel)
    kind, value = answer
    channel.send(kind, value)
    return 0 if kind != "error" else 1


def tell_modules(channel):
    try:
        channel.send("modules", fresh.third_party_modules())
    except MemoryError:  # the step took it all: what is left is for the answer
        import gc

        gc.collect()


def prepare(request):
    import faulthandler
    import warnings

    if not request.get("debug"):
        sys.stdout.reconfigure(line_buffering=True)
        try:
            faulthandler.enable(sys.__stderr__)
        except (ValueError, OSError, RuntimeError, AttributeError):
            pass
    warnings.filterwarnings("ignore", module=r"dagster\..*|assetdev_bridge\..*")


def handle(target, request, channel):
    need_dagster()
    if request["type"] == "describe":
        from . import describe

        return describe.answer(target, request, channel)
    if request["type"] == "materialize":
        from . import materialize

        return materialize.answer(target, request, channel)
    if request["type"] == "report":
        from . import report

        return report.answer(target, request, channel)
    from .errors import Told

    raise Told("request of type %r: this process knows describe, materialize and report" % request["type"])


def need_dagster():
    """Imports Dagster, or says how to get it."""
    from .errors import Told

    try:
        import dagster
    except ModuleNotFoundError as error:
        if error.name != "dagster":
            raise
        import importlib.util

        pip = "%s -m pip install dagster" % sys.executable
        if importlib.util.find_spec("pip") is None:
            pip = "uv pip install --python %s dagster" % sys.executable
        raise Told("Dagster is not installed in the environment of %s; install it: %s" % (sys.executable, pip)) from None
    version = dagster.__version__
    numbers = tuple(int(n) if n.isdigit() else 0 for n in version.split(".")[:2])
    if numbers < DAGSTER_MINIMUM and not version.startswith("1!"):
        raise Told("Dagster %s is too old: assetdev needs 1.9 or later (%s)" % (version, sys.executable))
    for name in ("BetaWarning", "PreviewWarning", "SupersessionWarning", "ExperimentalWarning"):
        category = getattr(dagster, name, None)
        if category is not None:
            import warnings

            warnings.filterwarnings("ignore", category=category)


def post_mortem(error):
    """Opens the debugger where the project's code stopped."""
    import pdb
    import traceback

    flush()
    frames = [f for f in traceback.extract_tb(error.__traceback__)]
    above = 0
    for frame in reversed(frames):
        if fresh.first_party(frame.filename):
            break
        above += 1
    traceback.print_exception(type(error), error, error.__traceback__)
    debugger = pdb.Pdb()
    if above < len(frames):
        debugger.rcLines.extend(["up"] * above)
    debugger.reset()
    debugger.interaction(None, error.__traceback__)
