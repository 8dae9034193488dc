"""The fork server: fresh code, processes of their own, threads, what is left out, the end of it."""

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
import time
import unittest

from harness import LIB, Cold, Server, alive, environment, project, target, write_files

HAS_SKLEARN = importlib.util.find_spec("sklearn") is not None
HAS_POLARS = importlib.util.find_spec("polars") is not None
PRELOAD = ["dagster", "pandas", "pyarrow", "pyarrow.parquet"] + ["sklearn.ensemble"] * HAS_SKLEARN + ["polars"] * HAS_POLARS

ASSET = "import dagster as dg\n@dg.asset\ndef one():\n"


def setUpModule():
    global server
    server = Server(PRELOAD)


def tearDownModule():
    server.close()


def value(directory, body=None, ask=None, env=None, head=""):
    """Returns what the asset one of the project returns."""
    import pickle

    if body is not None:
        write_files(directory, {"defs.py": head + ASSET + textwrap.indent(textwrap.dedent(body), "    ")})
    out = os.path.join(directory, "out")
    if os.path.exists(out):
        os.remove(out)
    answer = (ask or server).ask(target("defs", directory), {"type": "materialize", "asset": "one", "output": out}, env=env)
    if answer.last["type"] != "result":
        raise AssertionError("%s\n%s\n%s" % (answer.error.get("message"), answer.error.get("trace"), answer.stderr))
    with open(out, "rb") as f:
        f.readline(), f.readline()
        return pickle.load(f)


class Forked(unittest.TestCase):
    def test_ready(self):
        ready = server.ready
        self.assertEqual((ready["ready"], ready["threads"]), (True, 1))
        self.assertLessEqual({e["name"] for e in ready["left_out"]}, {"polars"})  # newer ones start a thread when they are imported
        self.assertEqual(ready["python"], "%d.%d.%d" % sys.version_info[:3])
        names = [p["name"] for p in ready["preloaded"]]
        self.assertIn("pandas", names)
        self.assertTrue(all(p["ms"] >= 0 for p in ready["preloaded"]))

    def test_code_is_fresh(self):
        """Two saves of equal length within one second, byte code of the first lying there: each request runs what the file says."""
        with project(helper="N = 0\n") as p:
            now = int(time.time())
            for n in range(10):
                write_files(p, {"helper.py": "N = %d\n" % n})
                os.utime(os.path.join(p, "helper.py"), (now, now))
                subprocess.run([sys.executable, "-c", "import helper"], cwd=p, check=True, env=environment()) if n == 0 else None
                self.assertEqual(value(p, "import helper\nreturn {'n': helper.N}"), {"n": n})
            self.assertTrue(os.path.exists(os.path.join(p, "__pycache__")))
            self.assertEqual(value(p, "import helper\nreturn {'n': helper.N}", Cold()), {"n": 9})
            self.assertEqual([f for f in os.listdir(os.path.join(p, "__pycache__")) if f.startswith("defs")], [])

    def test_code_loaded_by_its_path_is_fresh(self):
        with project(helper="N = 0\n") as p:
            body = """
            import importlib.util
            spec = importlib.util.spec_from_file_location("by_path", %r)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return {"n": module.N}
            """ % os.path.join(p, "helper.py")
            subprocess.run([sys.executable, "-c", "import helper"], cwd=p, check=True, env=environment())
            stat = os.stat(os.path.join(p, "helper.py"))
            write_files(p, {"helper.py": "N = 1\n"})
            os.utime(os.path.join(p, "helper.py"), ns=(stat.st_atime_ns, stat.st_mtime_ns))
            self.assertEqual(value(p, body), {"n": 1})

    def test_nothing_is_left_from_the_request_before(self):
        with project() as p:
            body = "import sys, os, pandas\nseen = getattr(pandas, 'left', None), os.environ.get('LEFT')\npandas.left = 1\nos.environ['LEFT'] = 'x'\nreturn {'seen': seen}"
            for _ in range(2):
                self.assertEqual(value(p, body), {"seen": (None, None)})

    def test_random_numbers_differ(self):
        with project() as p:
            body = "import random, numpy\nreturn {'r': random.random(), 'n': float(numpy.random.rand()), 'd': float(numpy.random.default_rng().random())}"
            first, second = value(p, body), value(p)
            for name in first:
                self.assertNotEqual(first[name], second[name])

    def test_threads_of_libraries(self):
        body = """
        import os, numpy, pyarrow, ctypes
        a = numpy.random.rand(300, 300)
        a @ a
        return {"cpus": len(os.sched_getaffinity(0)), "tasks": len(os.listdir("/proc/self/task")), "arrow": pyarrow.cpu_count(), "omp": os.environ.get("OMP_NUM_THREADS")}
        """
        with project() as p:
            got = value(p, body)
            self.assertEqual((got["arrow"], got["omp"]), (got["cpus"], None))
            self.assertGreaterEqual(got["tasks"], got["cpus"])
            got = value(p, body, env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
            self.assertEqual((got["arrow"], got["omp"], got["tasks"]), (1, "1", 1))

    def test_libraries_work_in_the_child(self):
        body = "import pyarrow as pa, pandas as pd, numpy as np\nt = pa.table({'k': [i % 7 for i in range(100000)], 'v': list(range(100000))})\nout = {'arrow': t.group_by('k').aggregate([('v', 'sum')]).num_rows}\n"
        if HAS_POLARS:
            body += "import polars as pl\nout['polars'] = pl.DataFrame({'k': [i % 7 for i in range(100000)], 'v': range(100000)}).group_by('k').agg(pl.col('v').sum()).height\n"
        if HAS_SKLEARN:
            body += "from sklearn.ensemble import RandomForestClassifier\nx = np.random.rand(200, 4)\nf = RandomForestClassifier(20, n_jobs=2).fit(x, x[:, 0] > 0.5)\nout['forest'] = len(f.predict(x))\n"
        with project() as p:
            got = value(p, body + "return out")
        self.assertEqual(got, {"arrow": 7, **({"polars": 7} if HAS_POLARS else {}), **({"forest": 200} if HAS_SKLEARN else {})})

    @unittest.skipUnless(HAS_POLARS, "no polars")
    def test_polars_frames(self):
        text = """
        import dagster as dg, polars as pl, datetime
        @dg.asset
        def one() -> pl.DataFrame:
            return pl.DataFrame({"a": [1, 2], "s": ["x", None], "d": [datetime.timedelta(seconds=1), None], "c": pl.Series(["u", "v"], dtype=pl.Categorical)})
        @dg.asset
        def lazy(): return pl.LazyFrame({"a": [1]})
        @dg.asset
        def two(one):
            return {"kind": type(one).__name__, "module": type(one).__module__.partition(".")[0], "d": one["d"][0].total_seconds(), "s": one["s"].to_list()}
        @dg.asset
        def three(one: pl.LazyFrame):
            return {"kind": type(one).__name__, "sum": one.select(pl.col("a").sum()).collect().item()}
        """
        import pickle
        import pyarrow as pa
        import pyarrow.parquet as pq

        with project(defs=textwrap.dedent(text)) as p:
            for key in ("lazy", "one"):
                answer = server.ask(target("defs", p), {"type": "materialize", "asset": key, "output": os.path.join(p, key)})
                self.assertEqual(answer.result.get("format"), "arrow", answer.error)
            pq.write_table(pa.ipc.open_file(os.path.join(p, "one")).read_all(), os.path.join(p, "one.parquet"))
            got = {}
            for key in ("two", "three"):
                answer = server.ask(target("defs", p), {"type": "materialize", "asset": key, "output": os.path.join(p, key), "inputs": [{"asset": "one", "parquet": os.path.join(p, "one.parquet")}]})
                self.assertEqual(answer.result.get("format"), "opaque", answer.error)
                with open(os.path.join(p, key), "rb") as f:
                    f.readline(), f.readline()
                    got[key] = pickle.load(f)
            self.assertEqual(got, {"two": {"kind": "DataFrame", "module": "polars", "d": 1.0, "s": ["x", None]}, "three": {"kind": "LazyFrame", "sum": 3}})

    def test_own_modules_win(self):
        """A module of the project with the name of one that the server has imported."""
        with project(tomli="N = 'mine'\n", **{"yaml/__init__.py": "N = 'mine too'\n"}) as p:
            body = "import tomli, yaml\nreturn {'n': (getattr(tomli, 'N', None), getattr(yaml, 'N', None))}"
            own = Server(["tomli"])
            try:
                self.assertEqual(value(p, body.replace(", yaml", "").replace("yaml", "tomli"), own), {"n": ("mine", "mine")})
            finally:
                own.close()

    def test_signal_and_exit(self):
        with project() as p:
            out = {"type": "materialize", "asset": "one", "output": os.path.join(p, "out")}
            write_files(p, {"defs.py": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n"})
            self.assertEqual(server.ask(target("defs", p), out).status, -signal.SIGTERM)
            write_files(p, {"defs.py": ASSET + "    import os, signal; os.kill(os.getpid(), signal.SIGTERM)\n"})  # Dagster listens while a step runs
            self.assertEqual(server.ask(target("defs", p), out).error.get("message"), "interrupted")
            write_files(p, {"defs.py": ASSET + "    import atexit; atexit.register(print, 'at exit'); print('in'); return 1\n"})
            answer = server.ask(target("defs", p), out)
            self.assertEqual((answer.status, answer.stdout), (0, "in\nat exit\n"))

    def test_session(self):
        with project() as p:
            got = value(p, "import os\nreturn {'pid': os.getpid(), 'group': os.getpgid(0), 'session': os.getsid(0), 'fds': sorted(os.listdir('/proc/self/fd'))}")
            self.assertEqual((got["group"], got["session"]), (got["pid"], got["pid"]))
            self.assertLessEqual(len(got["fds"]), 9, got)  # 0 1 2, the channel, what the child hands over, the listing itself, 3 of Dagster's event loop

    def test_channel_is_not_inherited(self):
        with project() as p:
            got = value(p, "import subprocess, sys\nreturn {'fds': subprocess.check_output(['ls', '/proc/self/fd'], text=True, close_fds=False).split()}")
            self.assertEqual(got["fds"], ["0", "1", "2", "3"])

    def test_overlapping_requests(self):
        import threading

        with project(defs=ASSET + "    import time; time.sleep(0.3); return 1\n") as p:
            other = Server(["dagster"])
            try:
                began, answers = time.monotonic(), []
                sockets = []
                for n in range(3):
                    import json
                    import socket

                    ours, theirs = socket.socketpair()
                    null = os.open(os.devnull, os.O_RDWR)
                    other.write({"id": n, "env": environment(ASSETDEV_FD="3", ASSETDEV_TARGET=json.dumps(target("defs", p))), "cwd": p, "kind": "worker"}, [theirs.fileno(), null, null, null])
                    theirs.close()
                    os.close(null)
                    sockets.append(ours)

                def talk(n):
                    with sockets[n], sockets[n].makefile("rb") as lines:
                        for line in lines:
                            m = json.loads(line)
                            if m["type"] == "hello":
                                sockets[n].sendall(json.dumps({"type": "materialize", "asset": "one", "output": os.path.join(p, "o%d" % n)}).encode() + b"\n")
                        answers.append(m["type"])

                threads = [threading.Thread(target=talk, args=(n,)) for n in range(3)]
                for t in threads:
                    t.start()
                for t in threads:
                    t.join()
                self.assertEqual(answers, ["result"] * 3)
                said = [other.read() for _ in range(6)]
                self.assertEqual(sorted(m["id"] for m in said), [0, 0, 1, 1, 2, 2])
                self.assertEqual(sum(m.get("exit") == 0 for m in said), 3)
            finally:
                other.close()

    def test_code_versions(self):
        with project(defs=ASSET + "    return 1\n") as p:
            import json
            import socket

            a, b = socket.socketpair()
            r, w = os.pipe()
            out_r, out_w = os.pipe()
            server.n += 1
            server.write({"id": server.n, "env": environment(), "cwd": p, "kind": "codeversion"}, [b.fileno(), r, out_w, 2])
            for fd in (r, out_w):
                os.close(fd)
            a.close(), b.close()
            self.assertIn("pid", server.read())
            os.write(w, json.dumps({"op": "roots", "id": 7, "sys_path": [], "workspace_roots": [p]}).encode() + b"\n")
            os.close(w)
            with os.fdopen(out_r) as f:
                answer = json.loads(f.readline())
            self.assertEqual(answer["id"], 7)
            self.assertEqual(server.read().get("exit"), 0)

    def test_compiled_code_is_kept(self):
        with project(helper="def f():\n    return 1\n") as p:
            body = "import helper\nfrom assetdev_bridge import fresh\nreturn {'compiled': sorted(fresh.compiled), 'line': helper.f.__code__.co_filename}"
            first, second = value(p, body), value(p)
            self.assertEqual(first["compiled"], [os.path.join(p, n) for n in ("defs.py", "helper.py")])
            self.assertEqual(second, {"compiled": [], "line": os.path.join(p, "helper.py")})


class Life(unittest.TestCase):
    def test_modules_that_start_threads_are_left_out(self):
        text = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        with project(starts_one=text, quiet="", fails="1 / 0\n") as p:
            s = Server(["quiet", "starts_one", "fails", "json"], env={"PYTHONPATH": LIB + os.pathsep + p})
            try:
                self.assertEqual(s.ready["threads"], 1)
                why = {e["name"]: e["why"] for e in s.ready["left_out"]}
                self.assertEqual(sorted(why), ["fails", "starts_one"])
                self.assertIn("starts 1 threads", why["starts_one"])
                self.assertIn("ZeroDivisionError", why["fails"])
                self.assertIn("quiet", [e["name"] for e in s.ready["preloaded"]])
                self.assertEqual(s.ready["dagster"], None)
            finally:
                self.assertEqual(s.close(), 0)

    def test_a_request_waits_for_what_it_needs_alone(self):
        """A lazy server imports what a request needs, and the rest when it is told."""
        files = {"deps__first": "", "deps__second": "", "deps__third": "raise SystemExit\n", "main_": "import sys\nprint(sorted({'first', 'second', 'json.tool'} & set(sys.modules)))\n1 / 0\n"}
        with project(**files) as p:
            s = Server(["first", "second", "third"], env={"PYTHONPATH": LIB + os.pathsep + os.path.join(p, "deps")}, lazy=True)
            try:
                self.assertEqual((s.ready["preloaded"], s.ready["waiting"]), ([], 3))
                t = target("main_", p, roots=[os.path.join(p, "none")])  # the folder deps stands for what is installed
                self.assertIn("['second']", s.ask(t, {"type": "describe"}, needs=["second"]).stdout)
                self.assertEqual(s.report(lambda r: r["preloaded"])["waiting"], 2)
                self.assertIn("['second']", s.ask(t, {"type": "describe"}).stdout)
                s.write({"rest": True})
                ready = s.report(lambda r: r["waiting"] == 0)
                self.assertEqual(([e["name"] for e in ready["preloaded"]], [e["name"] for e in ready["left_out"]], ready["waiting"]), (["second", "first"], ["third"], 0))
                s.write({"preload": ["json.tool", "first"]})
                self.assertEqual([e["name"] for e in s.report(lambda r: len(r["preloaded"]) > 2)["preloaded"]], ["second", "first", "json.tool"])
                self.assertIn("['first', 'json.tool', 'second']", s.ask(t, {"type": "describe"}).stdout)
            finally:
                self.assertEqual(s.close(), 0)

    def test_with_more_than_one_thread_it_does_not_fork(self):
        """A thread that is started later, here by a signal."""
        text = "import signal, threading\nsignal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=threading.Event().wait, daemon=True).start())\n"
        with project(later=text, defs="") as p:
            s = Server(["later"], env={"PYTHONPATH": LIB + os.pathsep + p})
            try:
                s.process.send_signal(signal.SIGUSR1)
                while len(os.listdir("/proc/%d/task" % s.process.pid)) < 2:
                    time.sleep(0.01)
                with self.assertRaisesRegex(RuntimeError, "the server has 2 threads"):
                    s.ask(target("defs", p), {"type": "describe"})
            finally:
                s.close()

    def test_requests_outlive_a_new_beginning(self):
        """A server that has to begin anew keeps its children, and serves what was asked of it meanwhile."""
        text = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        waits = "import os, time\nprint('begins')\nwhile not os.path.exists('go'): time.sleep(0.01)\nraise SystemExit('done')\n"
        with project(starts_one=text, waits=waits, quick="print('quick')\n") as p:
            import json
            import socket

            s = Server(["starts_one"], env={"PYTHONPATH": LIB + os.pathsep + p}, lazy=True)
            sockets, outs = [], []
            for n, (module, needs) in enumerate([("waits", []), ("quick", ["starts_one"]), ("quick", ["starts_one", "json"])]):
                a, b = socket.socketpair()
                outs.append(open(os.path.join(p, "out%d" % n), "w+b"))
                with open(os.devnull, "rb") as null:
                    t = target(module, p, roots=[os.path.join(p, "none")])
                    s.write({"id": n, "env": environment(ASSETDEV_FD="3", ASSETDEV_TARGET=json.dumps(t)), "cwd": p, "kind": "worker", "needs": needs},
                            [b.fileno(), null.fileno(), outs[n].fileno(), outs[n].fileno()])
                b.close()
                a.sendall(b'{"type": "describe"}\n')
                sockets.append(a)
            self.assertEqual(s.answer()["id"], 0)
            said = [s.answer() for _ in range(4)]
            self.assertEqual(sorted((m["id"], "pid" in m) for m in said), [(1, False), (1, True), (2, False), (2, True)])
            open(os.path.join(p, "go"), "w").close()
            self.assertEqual(s.answer(), {"id": 0, "exit": 1})
            for n, word in enumerate(["begins", "quick", "quick"]):
                outs[n].seek(0)
                self.assertIn(word, outs[n].read().decode())
                outs[n].close(), sockets[n].close()
            self.assertIn("starts 1 threads", s.report(lambda r: r["left_out"])["left_out"][0]["why"])
            self.assertEqual(s.close(), 0)

    def test_own_code_is_not_preloaded(self):
        with project(mine="") as p:
            s = Server(["mine"], roots=[p], env={"PYTHONPATH": LIB + os.pathsep + p})
            try:
                self.assertEqual(s.ready["left_out"], [{"name": "mine", "why": "it is the project's own"}])
            finally:
                s.close()

    def test_end_of_the_socket_ends_children(self):
        with project(defs="import os, sys, time\nprint('ready')\nopen('pid', 'w').write(str(os.getpid()))\nos.system('sleep 60 & echo $! > grandchild')\nopen('done', 'w').close()\ntime.sleep(60)\n") as p:
            import json
            import socket

            s = Server(["json"])
            a, b = socket.socketpair()
            null = os.open(os.devnull, os.O_RDWR)
            s.write({"id": 1, "env": environment(ASSETDEV_FD="3", ASSETDEV_TARGET=json.dumps(target("defs", p))), "cwd": p, "kind": "worker"}, [b.fileno(), null, null, null])
            b.close()
            os.close(null)
            pid = s.read()["pid"]
            a.sendall(b'{"type": "describe"}\n')
            deadline = time.monotonic() + 60
            while not os.path.exists(os.path.join(p, "done")):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
            grandchild = int(open(os.path.join(p, "grandchild")).read())
            self.assertTrue(alive(pid) and alive(grandchild))
            s.close()
            a.close()
            deadline = time.monotonic() + 10
            while alive(pid) or alive(grandchild):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)

    def test_kill_by_the_server(self):
        with project(defs="import time\ntime.sleep(60)\n") as p:
            s = Server(["dagster"])

            def during(message, pid):
                s.write({"id": 1, "kill": signal.SIGTERM})

            hello = s.ask(target("defs", p), {"type": "describe"}, during=None, at_hello=during)
            self.assertEqual(hello.status, -signal.SIGTERM)
            self.assertEqual(s.close(), 0)

    def test_too_few_descriptors(self):
        s = Server([])
        try:
            s.write({"id": 5, "env": {}, "cwd": "/", "kind": "worker"})
            self.assertEqual(s.read(), {"id": 5, "error": "a request needs 4 file descriptors, not 0"})
        finally:
            self.assertEqual(s.close(), 0)

    def test_spare(self):
        with project() as p:
            s = Server(["dagster"], spare=True)
            write_files(p, {"defs.py": ASSET + "    import os; return {'pid': os.getpid()}\n"})
            import json
            import socket

            a, b = socket.socketpair()
            null = os.open(os.devnull, os.O_RDWR)
            s.write({"id": 1, "env": environment(ASSETDEV_FD="3", ASSETDEV_TARGET=json.dumps(target("defs", p))), "cwd": p, "kind": "worker"}, [b.fileno(), null, null, null])
            b.close()
            os.close(null)
            self.assertEqual(s.read(), {"id": 1, "pid": s.process.pid})
            with a, a.makefile("rb") as lines:
                for line in lines:
                    m = json.loads(line)
                    if m["type"] == "hello":
                        a.sendall(json.dumps({"type": "materialize", "asset": "one", "output": os.path.join(p, "o")}).encode() + b"\n")
            self.assertEqual(m["type"], "result")
            self.assertEqual(s.process.wait(30), 0)
            s.close()


if __name__ == "__main__":
    unittest.main()
