"""Materializing, by a process of its own and by a fork server. Cold processes cost seconds each: by default only some cases run cold; with
ASSETDEV_HEAVY=1 all do, and everything must be the same."""

import json
import os
import pickle
import signal
import sys
import tempfile
import unittest

import pyarrow as pa
import pyarrow.parquet as pq

from harness import PROJECT, Cold, Server, target

HEAVY = os.environ.get("ASSETDEV_HEAVY") == "1"
PRELOAD = ["dagster", "pandas", "pyarrow", "pyarrow.parquet"]
INPUTS = {}


def setUpModule():
    global server, folder, described
    folder = tempfile.TemporaryDirectory()
    server = Server(PRELOAD)
    described = server.ask(target(), {"type": "describe"})
    for key, a in described.assets.items():
        INPUTS[key] = a["inputs"] + a["deps"]


def tearDownModule():
    server.close()
    folder.cleanup()


class Data:
    """What was materialized so far, as assetdev's storage would hand it over: Arrow files become Parquet."""

    def __init__(self, runner):
        self.runner = runner
        self.folder = tempfile.mkdtemp(dir=folder.name)
        self.known = {}

    def run(self, key, during=None, env=None, cwd=None, upstream=True, **more):
        outputs = more.pop("outputs", None)
        inputs = more.pop("inputs", None)
        request = {"type": "materialize", "run": "r1", "asset": key, "attempt": 1, "view": self.folder, "output": self.path(key), **more}
        if outputs:
            request["outputs"] = [{"asset": k, "output": self.path(k)} for k in outputs]
        if inputs is None:
            inputs = []
            for name in dict.fromkeys(i for k in outputs or [key] for i in INPUTS.get(k, [])):
                if upstream and name not in self.known and name not in (outputs or ()):
                    self.run(name)
                inputs.append({"asset": name, "location": "shop", "command": "assetdev materialize " + name, **self.known.get(name, {})})
        request["inputs"] = inputs
        answer = self.runner.ask(target(), request, env={"SHOP_STORE": self.folder, "SHOP_TOKEN": "secret", **(env or {})}, cwd=cwd, during=during)
        if answer.last["type"] == "result":
            for one in answer.result.get("outputs") or [{"asset": key, **answer.result}]:
                self.keep(one["asset"], one["format"])
        return answer

    def path(self, key):
        path = os.path.join(self.folder, "out-%d-%s" % (len(os.listdir(self.folder)), key.replace("/", "%2F")))
        self.paths = getattr(self, "paths", {})
        self.paths[key] = path
        return path

    def keep(self, key, form):
        path = self.paths[key]
        if form == "arrow":
            table = pa.ipc.open_file(path).read_all()
            pq.write_table(table, path + ".parquet")
            self.known[key] = {"parquet": path + ".parquet"}
        elif form in ("parquet", "opaque"):
            self.known[key] = {form: path}

    def table(self, key):
        return pq.read_table(self.known[key]["parquet"])

    def value(self, key):
        with open(self.known[key]["opaque"], "rb") as f:
            assert f.readline() == b"assetdev opaque 1\n"
            about = json.loads(f.readline())
            assert about["python"] == "%d.%d" % sys.version_info[:2], about
            return pickle.load(f)


class Cases:
    """Run by each of the two ways to run."""

    slow = False

    def setUp(self):
        if self.slow and not HEAVY and not getattr(getattr(self, self._testMethodName), "cold", False):
            self.skipTest("cold, only with ASSETDEV_HEAVY=1")
        self.data = Data(self.runner())

    def ok(self, answer, form, rows=None):
        self.assertEqual(answer.last["type"], "result", answer.error)
        self.assertEqual(answer.status, 0, answer.stderr)
        self.assertEqual(answer.result["format"], form)
        if rows is not None:
            self.assertEqual(answer.result["rows"], rows)
        return answer

    def failed(self, answer, *words, file=None):
        self.assertEqual(answer.last["type"], "error", answer.messages)
        self.assertEqual(answer.status, 1)
        for word in words:
            self.assertIn(word, answer.error["message"])
        if file:
            path, line = file
            self.assertEqual(answer.error.get("file"), os.path.join(PROJECT, "shop", path))
            with open(answer.error["file"]) as f:
                self.assertIn(line, f.read().splitlines()[answer.error["line"] - 1])
        return answer.error

    # values

    def test_a_frame_with_log_and_metadata(self):
        answer = self.ok(self.data.run("orders"), "arrow", 2)
        logs = [(m["level"], m["text"]) for m in answer.of("log")]
        self.assertEqual(logs, [("debug", "a debug line"), ("info", "an info line"), ("warning", "careful"), ("error", "two"), ("error", "lines"), ("info", "by the logger")])
        self.assertEqual(answer.stdout, "printed\n")
        self.assertEqual(answer.stderr, "")
        self.assertEqual(answer.metadata, {"n": 3, "f": 1.5, "t": "text", "none": None, "nan": "NaN", "list": [1, "a"], "path": "/x"})
        self.assertEqual(self.data.table("orders").to_pydict(), {"id": [1, 2], "price": [1.5, 2.5]})

    test_a_frame_with_log_and_metadata.cold = True

    def test_arguments_and_deps(self):
        self.ok(self.data.run("a/nested"), "arrow", 2)
        self.assertEqual(self.data.table("a/nested")["twice"].to_pylist(), [3.0, 5.0])

    def test_opaque_values(self):
        self.ok(self.data.run("model"), "opaque")
        self.assertEqual(self.data.value("model"), {"kind": "pandas", "sum": 4.0})
        self.ok(self.data.run("uses_model"), "arrow", 1)

    def test_no_data(self):
        self.assertEqual(self.ok(self.data.run("effect"), "none").stdout, "done\n")
        self.ok(self.data.run("nothing_said"), "none")

    def test_materialize_result(self):
        answer = self.ok(self.data.run("reported"), "none")
        self.assertEqual(answer.metadata, {"path": "/data/x.parquet", "rows": 5})
        self.assertEqual(answer.result.get("data_version"), "dv1")

    def test_output_object(self):
        answer = self.ok(self.data.run("wrapped"), "arrow", 1)
        self.assertEqual((answer.metadata, answer.result.get("data_version")), ({"k": 1}, "mine"))

    def test_list_of_dicts(self):
        answer = self.ok(self.data.run("yielded"), "arrow", 2)
        self.assertEqual(answer.metadata, {"k": "v"})
        self.ok(self.data.run("rows_back"), "opaque")
        self.assertEqual(self.data.value("rows_back")["rows"], [{"a": 1, "b": "x", "c": None}, {"a": 2, "b": None, "c": 2.5}])

    def test_arrow(self):
        self.ok(self.data.run("arrow_table"), "arrow", 2)
        self.assertEqual(str(self.data.table("arrow_table").schema.field("x").type), "int32")
        self.ok(self.data.run("arrow_reader"), "arrow", 30)
        self.ok(self.data.run("arrow_back"), "opaque")
        self.assertEqual(self.data.value("arrow_back"), {"kind": "Table", "rows": 2})

    def test_what_pandas_knows_comes_back(self):
        self.ok(self.data.run("indexed"), "arrow", 3)
        self.assertEqual(str(self.data.table("indexed").schema.field("d").type), "int64")
        self.ok(self.data.run("indexed_back"), "opaque")
        got = self.data.value("indexed_back")
        self.assertEqual((got["index"], got["name"], got["ordered"], got["second"]), (["a", "b", "c"], "k", True, 2.0))
        self.assertEqual(got["dtypes"]["c"], "category")
        self.assertEqual(got["dtypes"]["i"], "Int64")
        self.assertTrue(got["dtypes"]["d"].startswith("timedelta64"), got)

    def test_frames_that_are_no_tables(self):
        for key in ("mixed", "no_columns", "twice_named"):
            answer = self.ok(self.data.run(key), "opaque")
            self.assertIn("opaque value without rows to show", answer.of("log")[-1]["text"])

    # several assets in one step

    def test_multi_asset(self):
        answer = self.data.run("one", outputs=["one", "two"])
        self.assertEqual(answer.last["type"], "result", answer.error)
        self.assertEqual([(o["asset"], o["format"], o["rows"]) for o in answer.result["outputs"]], [("one", "arrow", 1), ("two", "arrow", 1)])

    def test_subset_of_a_multi_asset(self):
        answer = self.data.run("two", outputs=["two"])
        self.assertEqual([(o["asset"], o["format"]) for o in answer.result["outputs"]], [("two", "arrow")])
        self.ok(self.data.run("one"), "arrow", 1)

    def test_optional_outputs(self):
        answer = self.data.run("maybe", outputs=["maybe", "always"])
        self.assertEqual([(o["asset"], o["format"], o.get("metadata")) for o in answer.result["outputs"]], [("maybe", "skipped", None), ("always", "none", {"x": 1})])
        answer = self.data.run("skips")
        self.assertEqual(answer.result["outputs"], [{"asset": "skips", "format": "skipped", "rows": 0}])

    def test_multi_asset_that_cannot_be_cut(self):
        answer = self.data.run("together_a", outputs=["together_a", "together_b"])
        self.assertEqual([(o["asset"], o["format"], o.get("metadata")) for o in answer.result["outputs"]], [("together_a", "arrow", {"side": "a"}), ("together_b", "opaque", {})])
        answer = self.data.run("together_b", inputs=[{"asset": "orders", **self.data.known["orders"]}])  # its sibling is made too, and given to nobody
        self.ok(answer, "opaque")

    def test_graph_asset(self):
        self.ok(self.data.run("graphed"), "arrow", 2)
        self.assertEqual(self.data.table("graphed").to_pydict(), {"v": [1.5, 2.5]})

    def test_graph_of_several_assets_whose_ops_read_each_other(self):
        answer = self.data.run("cheap_orders", outputs=["cheap_orders", "cheap_total"])
        self.assertEqual([(o["asset"], o["format"], o["rows"]) for o in answer.result.get("outputs", [answer.error])], [("cheap_orders", "arrow", 1), ("cheap_total", "opaque", 0)])
        with open(self.data.known["cheap_total"]["opaque"], "rb") as f:
            self.assertEqual(pickle.loads(f.read().split(b"\n", 2)[2]), {"sum": 1.5, "rows": 1})  # one op changes what it is given: another does not see that

    # config

    def test_config(self):
        self.ok(self.data.run("orders", config={"ops": {"orders": {"config": {"limit": 1}}, "another": {"config": {}}}, "resources": {"unknown": {}}}), "arrow", 1)
        self.ok(self.data.run("configured", config={"ops": {"configured": {"config": {"since": "x", "limit": 2}}}}), "opaque")

    def test_config_missing_or_wrong(self):
        error = self.failed(self.data.run("configured"), "missing: since (String), limit (Int)", "ops: {configured: {config: {…}}}")
        self.assertNotIn("trace", error)
        self.failed(self.data.run("configured", config={"ops": {"configured": {"config": {"since": "x", "limit": "many"}}}}), "limit", "many")
        self.failed(self.data.run("configured", config={"ops": {"configured": {"config": {"since": "x", "limit": 2, "more": 1}}}}), "more")

    # partitions

    def test_partitions(self):
        self.ok(self.data.run("daily", partition="2024-01-03"), "arrow", 1)
        self.assertEqual(self.data.table("daily").to_pydict(), {"day": ["2024-01-03"]})
        part = {"key": "2024-01-03", **self.data.known["daily"]}
        self.ok(self.data.run("daily_copy", partition="2024-01-03", inputs=[{"asset": "daily", "partitions": [part]}]), "arrow", 1)
        parts = [{**part, "key": "2024-01-0%d" % d} for d in (7, 8, 9)]
        self.ok(self.data.run("weekly", partition="2024-01-07", inputs=[{"asset": "daily", "partitions": parts}]), "arrow", 3)
        self.ok(self.data.run("all_days", inputs=[{"asset": "daily", "partitions": parts}]), "opaque")
        self.assertEqual(self.data.value("all_days"), {"keys": ["2024-01-07", "2024-01-08", "2024-01-09"], "kind": "DataFrame"})
        parts[1] = {"key": "2024-01-08"}
        self.failed(self.data.run("all_days", inputs=[{"asset": "daily", "partitions": parts, "location": "shop", "command": "assetdev materialize daily"}]),
                    "daily has no data for partition 2024-01-08; shop makes it: assetdev materialize daily")

    def test_kinds_of_partitions(self):
        for key, partition, want in (("coloured", "red", {"colour": "red"}), ("per_user", "anna", {"user": "anna"}), ("grid", "red|s", {"colour": "red", "size": "s"})):
            self.ok(self.data.run(key, partition=partition), "opaque")
            self.assertEqual(self.data.value(key), want)

    def test_wrong_partitions(self):
        self.failed(self.data.run("coloured", partition="pink"), "pink")
        self.failed(self.data.run("coloured"), "has partitions")

    # checks

    def test_checks(self):
        answer = self.ok(self.data.run("checked"), "arrow", 1)
        checks = {c["name"]: c for c in answer.of("check")}
        self.assertEqual(checks["inside"], {"asset": "checked", "name": "inside", "passed": True, "severity": "ERROR", "blocking": True, "description": "", "metadata": {"rows": 1}})
        self.assertEqual((checks["warns"]["passed"], checks["warns"]["severity"], checks["warns"]["blocking"], checks["warns"]["description"]), (False, "WARN", False, "only 1"))

    def test_failed_blocking_check_keeps_the_data(self):
        answer = self.ok(self.data.run("blocked"), "arrow", 1)
        self.assertEqual([(c["passed"], c["blocking"]) for c in answer.of("check")], [(False, True)])

    def test_a_check_that_breaks(self):
        answer = self.ok(self.data.run("badly_checked"), "arrow", 1)
        (check,) = answer.of("check")
        self.assertFalse(check["passed"])
        self.assertIn("the check is broken", check["description"])
        self.assertIn("helpers.py:2", check["description"])

    # I/O managers

    def test_replaced(self):
        self.ok(self.data.run("filed"), "arrow", 2)
        self.assertFalse(os.path.exists(os.path.join(self.data.folder, "pickles")))
        self.ok(self.data.run("reads_filed"), "opaque")
        self.assertEqual(self.data.value("reads_filed"), {"sum": 3})

    def test_both(self):
        answer = self.ok(self.data.run("filed", io_managers={"files": "both"}), "arrow", 2)
        self.assertTrue(os.path.exists(os.path.join(self.data.folder, "pickles", "filed.pkl")))
        self.assertEqual(answer.metadata, {"path": os.path.join(self.data.folder, "pickles", "filed.pkl")})

    def test_own(self):
        self.ok(self.data.run("filed", io_managers={"files": "own"}), "none")
        self.assertTrue(os.path.exists(os.path.join(self.data.folder, "pickles", "filed.pkl")))
        self.ok(self.data.run("reads_filed", io_managers={"files": "own"}, inputs=[{"asset": "filed", "elsewhere": True}]), "opaque")
        self.assertEqual(self.data.value("reads_filed"), {"sum": 3})

    def test_elsewhere(self):
        self.data.run("filed", io_managers={"files": "own"})
        self.ok(self.data.run("reads_filed", inputs=[{"asset": "filed", "elsewhere": True}]), "opaque")
        self.assertEqual(self.data.value("reads_filed"), {"sum": 3})

    def test_manager_of_one_asset(self):
        self.ok(self.data.run("stored_by_itself"), "none")
        self.ok(self.data.run("reads_own", inputs=[{"asset": "stored_by_itself", "elsewhere": True}]), "opaque")
        self.assertEqual(self.data.value("reads_own"), {"got": {"x": 1}})
        self.ok(self.data.run("stored_by_itself", io_managers={"stored_by_itself__io_manager": "replace"}), "opaque")
        self.ok(self.data.run("reads_own", io_managers={"stored_by_itself__io_manager": "replace"}), "opaque")

    # what goes wrong

    def test_missing_input(self):
        answer = self.data.run("model", upstream=False)
        self.assertNotIn("trace", self.failed(answer, "orders has no data; shop makes it: assetdev materialize orders"))

    def test_undeclared_input(self):
        self.failed(self.data.run("model", inputs=[]), "model reads orders, which it did not declare")

    def test_foreign_input(self):
        self.data.run("orders")
        self.ok(self.data.run("reads_foreign", inputs=[{"asset": "foreign", **self.data.known["orders"]}]), "arrow", 1)

    def test_exception(self):
        error = self.failed(self.data.run("raises"), "ValueError: boom", file=("helpers.py", "raise ValueError"))
        own, _, whole = error["trace"].partition("the whole traceback:")
        self.assertIn("in raises", own)
        self.assertIn("in fail", own)
        self.assertNotIn("site-packages", own)
        self.assertIn("site-packages", whole)

    test_exception.cold = True

    def test_exception_in_a_library(self):
        self.failed(self.data.run("in_library"), "KeyError", "nothing", file=("definitions.py", '["nothing"]'))

    def test_chained_exception(self):
        error = self.failed(self.data.run("chained"), "RuntimeError: outer", file=("definitions.py", 'RuntimeError("outer")'))
        self.assertIn("ValueError: inner", error["trace"])

    def test_exit(self):
        self.failed(self.data.run("exits"), "3")

    def test_hard_exit(self):
        answer = self.data.run("hard_exit")
        self.assertEqual((answer.last["type"], answer.status), ("hello", 4))
        self.assertEqual(answer.stderr, "giving up\n")

    def test_segmentation_fault(self):
        answer = self.data.run("segfaults")
        self.assertEqual(answer.status, -signal.SIGSEGV)
        self.assertIn("Segmentation fault", answer.stderr)
        self.assertIn("in segfaults", answer.stderr)

    test_segmentation_fault.cold = True

    def test_recursion(self):
        self.failed(self.data.run("recurses"), "RecursionError", file=("definitions.py", "return again()"))

    def test_memory_error(self):
        self.failed(self.data.run("too_big"), "MemoryError: cannot have that much")

    def test_wrong_type(self):
        self.failed(self.data.run("wrong_type"), "DataFrame")

    def test_unpicklable(self):
        self.failed(self.data.run("unpicklable"), "pickle")

    def test_interrupt(self):
        def during(message, pid):
            if message["type"] == "log":
                os.killpg(pid, signal.SIGINT)

        answer = self.data.run("waits", during=during)
        self.failed(answer, "interrupted")

    test_interrupt.cold = True

    def test_kill(self):
        def during(message, pid):
            if message["type"] == "log":
                os.killpg(pid, signal.SIGKILL)

        self.assertEqual(self.data.run("waits", during=during).status, -signal.SIGKILL)

    def test_thread_left_behind(self):
        answer = self.ok(self.data.run("leaves_thread"), "opaque")
        self.assertIn("left-alone", answer.stderr)

    def test_binary_output(self):
        self.ok(self.data.run("prints_binary"), "opaque")

    def test_retry_requested(self):
        answer = self.ok(self.data.run("retried"), "opaque")
        self.assertEqual([m["text"] for m in answer.of("log")], ["attempt 0", "attempt 1"])

    def test_resources(self):
        self.ok(self.data.run("uses_service"), "opaque")
        self.assertEqual(self.data.value("uses_service"), {"token": "secret"})

    def test_resource_that_fails(self):
        self.failed(self.data.run("uses_broken"), "ValueError: no connection", file=("helpers.py", "raise ValueError"))

    def test_default_manager_of_dagster_home(self):
        home = os.path.join(self.data.folder, "home")
        os.makedirs(os.path.join(home, "storage"))
        with open(os.path.join(home, "storage", "model"), "wb") as f:
            pickle.dump({"sum": 7}, f)
        request = {"type": "materialize", "asset": "uses_model", "output": os.path.join(self.data.folder, "x"), "inputs": [{"asset": "model", "elsewhere": True}]}
        self.ok(self.data.runner.ask(target(dagster_home=home), request), "arrow", 1)

    def test_not_executable(self):
        self.failed(self.data.run("foreign"), "cannot be materialized")
        self.failed(self.data.run("never_heard_of"), "no asset 'never_heard_of' here")

    def test_environment(self):
        self.ok(self.data.run("environment", env={"SHOP_X": "y", "PYTHONPATH": os.environ.get("PYTHONPATH", "") or self.lib}, cwd="/"), "opaque")
        got = self.data.value("environment")
        self.assertEqual(got["env"], {"SHOP_X": "y", "SHOP_STORE": self.data.folder, "SHOP_TOKEN": "secret"})
        self.assertEqual(got["cwd"], "/")
        self.assertEqual((got["path"][0], got["path"][-1]), (PROJECT, self.lib))
        self.assertEqual(got["threads"], 1)
        same.setdefault("environment", {k: got[k] for k in ("path", "argv", "main", "threads")})
        self.assertEqual(same["environment"], {k: got[k] for k in ("path", "argv", "main", "threads")})

    test_environment.cold = True

    lib = os.path.dirname(PROJECT.rstrip("/")).removesuffix("/tests")


same = {}


class ForkedTest(Cases, unittest.TestCase):
    def runner(self):
        return server


class ColdTest(Cases, unittest.TestCase):
    slow = True

    def runner(self):
        return Cold()


if __name__ == "__main__":
    unittest.main()
