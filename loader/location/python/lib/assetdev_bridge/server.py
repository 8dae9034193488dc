"""The fork server: imports third-party modules once, and forks a process for each request. ``python -B -X utf8 -m assetdev_bridge.server``

Contract with who starts it (the Go package loader/location/python):

* ``ASSETDEV_SERVER_FD`` is the number of one end of a unix *stream* socket. Both sides write JSON, one object a line.
* The first line is asked for by the client: ``{"preload": ["dagster", …], "roots": ["/abs", …], "lazy": false, "spare": false, "left_out": [{"name", "why"}]}``. All but preload may be
  absent. What lies below the roots is not preloaded. left_out is what an earlier server of the same environment left out: it is not tried again, which saves a restart.
* Whenever all is done, and something was imported since: ``{"ready": true, "python": "3.11.7", "dagster": "1.13.27" or null, "preloaded": [{"name", "ms"}], "left_out": [{"name", "why"}],
  "threads": 1, "waiting": n}``; waiting is the number of modules that a lazy server has not imported.
* A request: ``{"id": n, "env": {…}, "cwd": "/abs", "kind": "worker" or "codeversion", "needs": ["pandas", …]}``, and with its first byte, by SCM_RIGHTS, four file descriptors: protocol channel
  (for codeversion unused), stdin, stdout, stderr. env is the whole environment of the child; ASSETDEV_FD and ASSETDEV_TARGET are in it as for a worker, except that
  the number in ASSETDEV_FD is set here. Answers: ``{"id": n, "pid": p}`` once what it needs is imported, or ``{"id": n, "error": "…"}`` when it could not fork;
  ``{"id": n, "exit": code}`` or ``{"id": n, "signal": 9}`` when the child has ended.
* Requests need not wait for ready: between two imports the server looks for them, and imports what they need before all else. A request that needs nothing is served at once. A lazy
  server imports nothing but what requests need, until it is told ``{"rest": true}``. ``{"preload": [names]}`` adds modules later.
* The child leads a session and a process group of its own (its pid). ``{"id": n, "kill": 15}`` sends a signal to the group of a child that has not been reaped.
* The end of the socket ends the server, after it has killed the groups of its children.
* The client sets, before the start, OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 JE_ARROW_MALLOC_CONF=background_thread:false. The true values come with each
  request, and hold in the child.
* spare: the server does not fork; it runs the first request itself, and ends with it (its pid is then its own). For systems on which forking is unsafe.

Invariants: exactly one thread at a fork, by the kernel's count; a module that starts one is left out (since a thread cannot be ended, the server replaces
itself by a new process without it). No module below a request's roots is ever imported here: a child drops those that a request calls its own. A child touches as little as it can of what it shares with
the server: each page that is written to, if only by counting references, is copied.
The server reads no output of children and runs no code of the project.
"""

import array
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import random
import select
import signal
import socket
import sys
import time
import warnings

from . import fresh, main

STATE = "ASSETDEV_SERVER_STATE"
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What Dagster imports only when it first runs something, and what this package needs then. Beyond these, what to preload is learnt.
DAGSTER = (
    "dagster._core.storage.event_log", "dagster._core.storage.event_log.in_memory", "dagster._core.storage.runs", "dagster._core.storage.runs.in_memory",
    "dagster._core.launcher.sync_in_memory_run_launcher", "dagster._core.run_coordinator", "dagster._core.storage.noop_compute_log_manager", "dagster._core.storage.root",
    "dagster._core.execution.execute_in_process", "dagster._core.execution.api", "dagster._core.execution.plan.execute_plan", "sqlalchemy.dialects.sqlite", "alembic",
    "dagster._core.instance.factory", "dagster._core.executor.in_process", "dagster._core.execution.plan.active",
    "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage", "pyarrow.parquet", "pyarrow.dataset",
)
DESCRIBE, MATERIALIZE = "assetdev_bridge.describe", "assetdev_bridge.materialize"


class Server:
    def __init__(self, fd):
        self.socket = socket.socket(fileno=fd)
        self.socket.set_inheritable(False)
        self.buffer = b""
        self.fds = []
        self.children = {}  # pid -> id, file in memory
        self.requests = []  # that wait for what they need
        self.wake_read, self.wake_write = -1, -1

    def run(self):
        state = os.environ.pop(STATE, None)
        if state:
            state = json.loads(state)
            self.buffer, self.fds, self.requests = state["buffer"].encode(), state["fds"], state["requests"]
            self.children = {int(pid): (n, -1) for pid, n in state["children"].items()}
            first = state["first"]
            for fd in self.fds + [fd for r in self.requests for fd in r["fds"]]:
                os.set_inheritable(fd, False)
        else:
            first = self.first()
        self.preload = Preload(first, self)
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_write, False)
        os.set_blocking(self.wake_read, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        self.poll = select.poll()
        self.poll.register(self.socket.fileno(), select.POLLIN)
        self.poll.register(self.wake_read, select.POLLIN)
        gc.disable()  # while importing: nearly all of it stays
        busy = True
        while self.look(None if not busy else 0):
            busy = self.step()
        self.finish()
        return 0

    def step(self):
        """Does one thing: serves a request, or imports a module. False when there is nothing to do."""
        for request in self.requests:
            if self.preload.met(request):
                self.requests.remove(request)
                if self.preload.spare:
                    self.become(request)
                self.fork(request)
                return True
        if self.preload.step(self.requests):
            return True
        if self.preload.changed:
            self.preload.settle()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self.send(self.preload.report())
        return False

    def look(self, timeout):
        """Takes what the client sent and children that ended. False when the client is gone."""
        for fd, _ in self.poll.poll(timeout):
            if fd == self.wake_read:
                try:
                    os.read(self.wake_read, 4096)
                except BlockingIOError:
                    pass
            elif not self.receive():
                return False
        self.reap()
        while True:
            message = self.next()
            if message is None:
                return True
            if "kill" in message:
                self.kill(message)
            elif "id" in message:
                self.requests.append(message)
            else:
                self.preload.told(message)

    def first(self):
        while True:
            request = self.next(False)
            if request is not None:
                return request
            if not self.receive():
                os._exit(0)

    def receive(self):
        """Reads what the client sent; descriptors come with the first byte of their request. False at the end."""
        size = array.array("i").itemsize
        try:
            data, ancillary, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(8 * size))
        except ConnectionResetError:
            return False
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                found = array.array("i")
                found.frombytes(content[: len(content) - len(content) % size])
                for fd in found:
                    os.set_inheritable(fd, False)
                self.fds += found
        self.buffer += data
        return bool(data)

    def next(self, with_fds=True):
        line, newline, rest = self.buffer.partition(b"\n")
        if not newline:
            return None
        self.buffer = rest
        request = json.loads(line)
        if with_fds and "id" in request and "kill" not in request:
            request["fds"], self.fds = self.fds[:4], self.fds[4:]
        return request

    def send(self, message):
        try:
            self.socket.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        except OSError:
            self.finish()
            os._exit(1)

    def fork(self, request):
        fds = request["fds"]
        if len(fds) != 4:
            for fd in fds:
                os.close(fd)
            return self.send({"id": request["id"], "error": "a request needs 4 file descriptors, not %d" % len(fds)})
        if threads() not in (0, 1):
            for fd in fds:
                os.close(fd)
            return self.send({"id": request["id"], "error": "the server has %d threads" % threads()})
        learn = memory_file()
        fresh.before_fork()
        setters(self.preload.changed)
        gc.freeze()
        try:
            pid = os.fork()
        except OSError as error:
            for fd in fds:
                os.close(fd)
            close(learn)
            return self.send({"id": request["id"], "error": "fork: %s" % error.strerror})
        if pid == 0:
            code = 1
            try:
                signal.set_wakeup_fd(-1)
                self.socket.close()
                for fd in (self.wake_read, self.wake_write, *self.fds, *(fd for r in self.requests for fd in r["fds"])):
                    os.close(fd)
                code = child(request, learn, True)
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                main.flush()
                os._exit(code)
        for fd in fds:
            os.close(fd)
        self.children[pid] = (request["id"], learn)
        return self.send({"id": request["id"], "pid": pid})

    def reap(self):
        while self.children:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            n, learn = self.children.pop(pid, (None, -1))
            self.learn(learn)
            if n is None:
                continue
            if os.WIFSIGNALED(status):
                self.send({"id": n, "signal": os.WTERMSIG(status)})
            else:
                self.send({"id": n, "exit": os.WEXITSTATUS(status)})

    def learn(self, fd):
        """Takes over the code that a child compiled, by its content. It is kept, never run here."""
        if fd < 0:
            return
        import marshal

        try:
            size = os.fstat(fd).st_size
            if size:
                with os.fdopen(os.dup(fd), "rb") as f:
                    f.seek(0)
                    fresh.keep(marshal.load(f))
                if len(fresh.code_cache) > MOST_CODE:
                    fresh.code_cache.clear()
        except (OSError, ValueError, EOFError, TypeError):
            pass
        finally:
            close(fd)

    def kill(self, request):
        for pid, (n, _) in self.children.items():
            if n == request["id"]:
                try:
                    os.killpg(pid, request["kill"])
                except OSError:
                    try:
                        os.kill(pid, request["kill"])
                    except OSError:
                        pass

    def finish(self):
        for pid in self.children:
            for send in (os.killpg, os.kill):
                try:
                    send(pid, signal.SIGKILL)
                except OSError:
                    pass
        for pid in list(self.children):
            try:
                os.waitpid(pid, 0)
            except OSError:
                pass

    def become(self, request):
        """A spare runs its request itself."""
        self.send({"id": request["id"], "pid": os.getpid()})
        signal.set_wakeup_fd(-1)
        fresh.before_fork()
        code = child(request, -1, False)
        main.flush()
        os._exit(code)


MOST_CODE = 20_000  # files


def memory_file():
    """Returns the descriptor of a file in memory by which a child hands over what it compiled, -1 where there is none."""
    try:
        return os.memfd_create("assetdev")
    except (AttributeError, OSError):
        return -1


def close(fd):
    if fd >= 0:
        try:
            os.close(fd)
        except OSError:
            pass


def threads():
    """The kernel's count of threads, 0 when it cannot be told."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        import threading

        return threading.active_count() if sys.platform != "linux" else 0


class Preload:
    """What is to be imported, and what was."""

    def __init__(self, first, server):
        self.first, self.server = first, server
        self.spare, self.rest = bool(first.get("spare")), not first.get("lazy")
        self.left_out = {e["name"]: e["why"] for e in first.get("left_out") or ()}
        self.asked, self.tried, self.queue, self.done = {}, set(), [], []
        self.changed = True  # since the last report
        self.threads = threads()
        fresh.set_roots(first.get("roots") or ())
        warnings.simplefilter("ignore")
        self.told({"preload": first.get("preload")})

    def told(self, message):
        self.changed = True
        self.rest = self.rest or bool(message.get("rest"))
        more = [n for n in message.get("preload") or () if n not in self.asked]
        self.asked.update(dict.fromkeys(more))
        if "dagster" in more:
            more += [DESCRIBE, MATERIALIZE]
        self.queue += expand(more)

    def met(self, request):
        return self.tried.issuperset(expand(request.get("needs") or ()))

    def step(self, requests):
        """Imports one module, if there is one to import."""
        for request in requests:
            for name in expand(request.get("needs") or ()):
                if name not in self.tried:
                    self.one(name)
                    return True
        if self.rest or self.spare:
            while self.queue:
                name = self.queue.pop(0)
                if name not in self.tried:
                    self.one(name)
                    return True
        return False

    def one(self, name):
        self.tried.add(name)
        if name in sys.modules or name == "__main__" or any(name == out or name.startswith(out + ".") for out in self.left_out):
            return
        began = time.monotonic()
        why = self.load(name)
        self.changed = True
        if why:
            self.left_out[name] = why
            return
        if name == DESCRIBE:
            warm()
        if not name.startswith("assetdev_bridge."):
            self.done.append({"name": name, "ms": round((time.monotonic() - began) * 1000, 1)})
        if not self.spare and settled(self.threads) > self.threads:
            self.left_out[name] = "importing it starts %d threads" % (threads() - self.threads)
            self.again()

    def load(self, name):
        if name.startswith("assetdev_bridge.") and "dagster" not in sys.modules:
            return "ModuleNotFoundError: Dagster is not there"
        try:
            spec = importlib.util.find_spec(name.partition(".")[0])
            if spec is not None and spec.origin and fresh.first_party(spec.origin) and not name.startswith("assetdev_bridge."):
                return "it is the project's own"
            importlib.import_module(name)
        except BaseException as error:
            return "%s: %s" % (type(error).__name__, error)
        return ""

    def again(self):
        """Begins anew, in a new process image without what starts threads. Children and what they were asked for stay."""
        server = self.server
        first = dict(self.first, preload=list(self.asked), lazy=not self.rest, left_out=[{"name": n, "why": w} for n, w in self.left_out.items() if n != MATERIALIZE and n != DESCRIBE])
        state = {"first": first, "buffer": server.buffer.decode(), "fds": server.fds, "requests": server.requests, "children": {pid: n for pid, (n, _) in server.children.items()}}
        os.environ[STATE] = json.dumps(state)
        os.environ["ASSETDEV_SERVER_FD"] = str(server.socket.fileno())
        path = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = path + os.pathsep + HERE if path else HERE
        server.socket.set_inheritable(True)
        for fd in server.fds + [fd for r in server.requests for fd in r["fds"]]:
            os.set_inheritable(fd, True)
        main.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    def settle(self):
        """Prepares what children share: nothing of it is garbage, nor looked at by their collectors."""
        self.changed = False
        setters(True)
        fresh.compiled.clear()
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def report(self):
        dagster = sys.modules.get("dagster")
        return {
            "ready": True, "python": "%d.%d.%d" % sys.version_info[:3], "dagster": getattr(dagster, "__version__", None), "preloaded": self.done,
            "left_out": [{"name": n, "why": w} for n, w in self.left_out.items()], "threads": threads(), "waiting": len(set(self.queue) - self.tried),
        }


def expand(names):
    """Returns names with what comes with them: Dagster with what describes, and what materializes with what Dagster needs then."""
    out = []
    for name in names:
        if name == MATERIALIZE:
            out += DAGSTER
        out.append(name)
        if name == "dagster":
            out.append(DESCRIBE)
    return list(dict.fromkeys(out))


def settled(count):
    """Returns the number of threads, once those that end by themselves had the time to do so."""
    for _ in range(10):
        now = threads()
        if now <= count:
            break
        time.sleep(0.01)
    return now


def warm():
    """Runs what is slow the first time and leaves nothing behind: caches of Dagster, pydantic and regular expressions that hang on no project."""
    try:
        import dagster as dg

        def one():
            """What it is.

            Args:
                none: there is none
            """

        def two(context, one):
            """What it is."""

        class Manager(dg.ConfigurableIOManager):
            base_dir: str

            def handle_output(self, context, obj):
                pass

            def load_input(self, context):
                pass

        assets = [dg.asset(group_name="a", owners=["a@b.cc"], description="a")(one), dg.asset(deps=["c"])(two), dg.AssetSpec("c")]
        dg.Definitions.merge(dg.Definitions(assets=assets), dg.Definitions(resources={"io_manager": Manager(base_dir="a")})).get_repository_def()
    except Exception:
        pass
    try:
        import tomlkit

        tomlkit.parse('[tool.dg]\nname = "a"\nlist = ["a", 1]\n')
    except Exception:
        pass


BASE_PATH = []


def child(request, learn, forked):
    """Becomes the process that a cold worker would be, runs it, and returns its exit code."""
    channel, stdin, stdout, stderr = request["fds"]
    if forked:
        os.setsid()
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for fd, number in ((stdin, 0), (stdout, 1), (stderr, 2)):
        os.dup2(fd, number, inheritable=True)
        if fd > 2:
            os.close(fd)
    old = dict(os.environ)
    os.environ.clear()
    os.environ.update(request["env"])
    if hasattr(time, "tzset") and old.get("TZ") != os.environ.get("TZ"):
        time.tzset()
    os.chdir(request["cwd"])
    given = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and os.path.abspath(p) != HERE]
    sys.path[:] = [*given, *BASE_PATH, HERE]
    if given:
        os.environ["PYTHONPATH"] = os.pathsep.join(given)
    else:
        os.environ.pop("PYTHONPATH", None)
    sys.argv[:] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")]
    importlib.invalidate_caches()
    gc.enable()
    warnings.resetwarnings()
    for action, message, category, module, line in FILTERS:
        warnings.filters.append((action, message, category, module, line))
    reseed()
    restore_threads()
    if request.get("kind") == "codeversion":
        close(channel)
        codeversion = importlib.import_module("assetdev_bridge.codeversion")
        return codeversion.main() or 0
    os.environ["ASSETDEV_FD"] = str(channel)
    target = json.loads(os.environ.get("ASSETDEV_TARGET", "{}"))
    fresh.set_roots(target.get("roots") or ())
    directory = target.get("working_directory") or request["cwd"]
    fresh.forget([directory, os.path.join(directory, "src")])
    code = main.serve()
    hand_over(learn)
    main.end(code)
    return code


FILTERS = list(warnings.filters)


def hand_over(learn):
    if learn < 0 or not fresh.compiled:
        return
    import marshal

    try:
        with os.fdopen(os.dup(learn), "wb") as f:
            marshal.dump(fresh.compiled, f)
    except (OSError, ValueError):
        pass


def reseed():
    """Gives the child random numbers of its own: a fork copies the state of the generators."""
    random.seed()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.seed()


BLAS = (
    "openblas_set_num_threads", "openblas_set_num_threads64_", "scipy_openblas_set_num_threads", "scipy_openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads64", "MKL_Set_Num_Threads", "bli_thread_set_num_threads", "omp_set_num_threads",
)


def restore_threads():
    """Gives libraries that were loaded with one thread the number that the request's environment wants, or that of the processors."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def number(*names):
        for name in names:
            value = os.environ.get(name, "").partition(",")[0].strip()
            if value.isdigit() and int(value) > 0:
                return int(value)
        return cpus

    omp = number("OMP_NUM_THREADS")
    wanted = {"openblas": number("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "mkl": number("MKL_NUM_THREADS", "OMP_NUM_THREADS"), "blis": number("BLIS_NUM_THREADS", "OMP_NUM_THREADS")}
    for kind, function in setters():
        function(ctypes.c_int(omp if kind == "omp" else wanted[kind]))
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.set_cpu_count(omp)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(omp)


_setters = None


def setters(anew=False):
    """Returns the functions that set numbers of threads, each with the kind of its library, of what is loaded. They are kept until asked for anew."""
    global _setters
    if _setters is None or anew:
        _setters = []
        for path in loaded_libraries():
            name = os.path.basename(path)
            kind = "omp" if "gomp" in name or "iomp" in name or "libomp" in name else next((k for k in ("openblas", "mkl", "blis") if k in name), None)
            if kind is None:
                continue
            try:
                library = ctypes.CDLL(path, mode=getattr(os, "RTLD_NOLOAD", 4))
            except OSError:
                continue
            _setters += [(kind, f) for f in (getattr(library, symbol, None) for symbol in BLAS) if f is not None]
    return _setters


def loaded_libraries():
    if not any(name in sys.modules for name in ("numpy", "torch", "sklearn", "scipy")):
        return []
    found = {}
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as f:
            for line in f:
                path = line[line.find("/") :].rstrip("\n") if "/" in line else ""
                if ".so" in path and any(k in os.path.basename(path) for k in ("openblas", "mkl_rt", "blis", "gomp", "iomp", "libomp")):
                    found[path] = None
    except OSError:
        pass
    return list(found)


def start():
    fd = os.environ.pop("ASSETDEV_SERVER_FD", None)
    if fd is None:
        print("this is the part of assetdev that runs inside Python; it is started by assetdev", file=sys.stderr)
        return 2
    # Threads of OpenBLAS spin 25 ms after a child has made them, at the processor's full cost; 2^20 cycles are as fast in use.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")
    os.environ.setdefault("_RJEM_MALLOC_CONF", "background_thread:false")  # of extensions written in Rust
    given = {os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p}
    main.clean_path(HERE, {"", os.getcwd()})
    BASE_PATH[:] = [p for p in sys.path if os.path.abspath(p) not in given and p != HERE]
    return Server(int(fd)).run()


if __name__ == "__main__":
    # One module, not two: this file is __main__ and would be imported again under its name.
    sys.modules["assetdev_bridge.server"] = sys.modules["__main__"]
    sys.exit(start())
