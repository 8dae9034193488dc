"""I/O managers of the project's own: their code counts for what they store, and they load what they stored."""

import importlib.util
import os
import sys
import tempfile
import unittest
import unittest.mock

import dagster as dg
import pandas as pd
import pyarrow as pa

from harness import LIB, Server, project, target, write_files

sys.path.append(LIB)

from assetdev_bridge import codeversion, tables  # noqa: E402

STORES = """
import os
import dagster as dg
import pandas as pd
from shared import tidy

SUFFIX = ".csv"

class Csv(dg.ConfigurableIOManager):
    base: str

    def path(self, context, partition=None):
        parts = [*context.asset_key.path, *([partition] if partition else [])]
        return os.path.join(self.base, *parts) + SUFFIX

    def handle_output(self, context, obj):
        path = self.path(context, context.asset_partition_key if context.has_asset_partitions else None)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        tidy(obj).to_csv(path, index=False)
        context.add_output_metadata({"path": os.path.abspath(path)})

    def load_input(self, context):
        if not context.has_asset_partitions:
            return pd.read_csv(self.path(context))
        keys = context.asset_partition_keys
        if len(keys) == 1 and not str(context.dagster_type.typing_type).startswith("dict"):
            return pd.read_csv(self.path(context, keys[0]))
        return {k: pd.read_csv(self.path(context, k)) for k in keys}

class Derived(Csv):
    pass

def build(kind):
    return Derived(base="derived") if kind == "derived" else Csv(base="built")

@dg.io_manager
def by_function(context):
    return Csv(base="function")

class Reads(dg.ConfigurableIOManager):
    def handle_output(self, context, obj):
        raise NotImplementedError

    def load_input(self, context):
        return 1
"""
SHARED = "def tidy(x):\n    return x\n\ndef unused():\n    return 1\n"
BOTH = """
import dagster as dg
import os
import pandas as pd

class Table(dg.IOManager):
    # As managers of databases, it looks up its configuration in the context.
    def handle_output(self, context, obj):
        obj.to_csv(os.path.join(context.resource_config["root"], context.asset_key.path[-1]), index=False)

    def load_input(self, context):
        return pd.read_csv(os.path.join(context.resource_config["root"], context.asset_key.path[-1]))

class Factory(dg.ConfigurableIOManagerFactory):
    root: str

    def create_io_manager(self, context):
        return Table()

@dg.io_manager(config_schema={"root": str})
def by_function(context):
    return Table()

@dg.asset(io_manager_key="factory")
def first() -> pd.DataFrame: return pd.DataFrame({"x": [1]})

@dg.asset(io_manager_key="function")
def second() -> pd.DataFrame: return pd.DataFrame({"x": [2]})

@dg.asset(io_manager_key="launched")
def third() -> pd.DataFrame: return pd.DataFrame({"x": [3]})

@dg.asset
def reader(first: pd.DataFrame, second: pd.DataFrame): return pd.concat([first, second])

defs = dg.Definitions(
    assets=[first, second, third, reader],
    resources={"factory": Factory(root=dg.EnvVar("ROOT_OF_TABLES")), "function": by_function.configured({"root": "."}), "launched": Factory.configure_at_launch()},
)
"""
DEFS = """
import dagster as dg
import pandas as pd
from stores import Csv, Reads, build, by_function

@dg.asset(io_manager_key="csv")
def stored(): return pd.DataFrame({"x": [1]})

@dg.asset(io_manager_key="built")
def by_builder(): return pd.DataFrame({"x": [1]})

@dg.asset(io_manager_key="function")
def by_decorator(): return pd.DataFrame({"x": [1]})

@dg.asset(io_manager_def=Csv(base="itself"))
def by_itself(): return pd.DataFrame({"x": [1]})

@dg.asset
def ours(): return pd.DataFrame({"x": [1]})

@dg.asset(ins={"ours": dg.AssetIn(input_manager_key="reads")})
def reader(ours): return pd.DataFrame({"x": [1]})

@dg.multi_asset(specs=[dg.AssetSpec("left"), dg.AssetSpec("right")])
def both(): return pd.DataFrame({"x": [1]}), 2

defs = dg.Definitions(
    assets=[stored, by_builder, by_decorator, by_itself, ours, reader, both],
    resources={"csv": Csv(base="here"), "built": build("derived"), "function": by_function, "reads": Reads()},
)
"""
OWN = {"csv": "own", "built": "own", "function": "own", "reads": "own"}


def setUpModule():
    global server
    server = Server(["dagster", "pandas", "pyarrow", "pyarrow.parquet"])


def tearDownModule():
    server.close()


def versions(directory, modes, asked=None):
    """Returns what the code of the assets means, as assetdev asks for it, by their keys, and what was asked."""
    if asked is None:
        asked = []
        answer = server.ask(target("defs", directory), {"type": "describe", "io_managers": modes})
        for a in answer.assets.values():
            module, _, name = a.get("symbol", "").partition(":")
            also = [dict(zip(("module", "qualname"), s.split(":"))) for s in a.get("also", ())]
            asked.append({"key": a["key"], "module": module, "qualname": name, "file": a.get("file", ""), "line": a.get("line", 0), "also": also, "resources": a.get("resources", [])})
    index = codeversion.Index([directory], [directory, *sys.path], "")
    return asked, index.versions(asked, {"module": "defs"})


class Both(unittest.TestCase):
    """A manager beside ours finds its configuration where Dagster puts it."""

    def materialize(self, p, asset, **more):
        request = {
            "type": "materialize", "run": "r", "asset": asset, "attempt": 1, "view": p, "output": os.path.join(p, "out"), "io_managers": {k: "both" for k in ("factory", "function", "launched")},
            **more,
        }
        return server.ask(target("defs", p), request, cwd=p, env={"ROOT_OF_TABLES": p})

    def test_its_configuration(self):
        with project(defs=BOTH) as p:
            for asset, config in (("first", None), ("second", None), ("third", {"resources": {"launched": {"config": {"root": p}}}})):
                answer = self.materialize(p, asset, **({"config": config} if config else {}))
                self.assertEqual((answer.error, pd.read_csv(os.path.join(p, asset))["x"].size), ({}, 1), asset)
            answer = self.materialize(p, "reader", inputs=[{"asset": "first", "elsewhere": True}, {"asset": "second", "elsewhere": True}])
            self.assertEqual((answer.error, list(pa.ipc.open_file(os.path.join(p, "out")).read_pandas()["x"])), ({}, [1, 2]))


@unittest.skipUnless(importlib.util.find_spec("polars"), "polars is in the environment of the newest Dagster")
class WithoutArrow(unittest.TestCase):
    def test_a_reader_gets_what_it_asks_for(self):
        import polars as pl

        frame = pl.DataFrame({"x": [1, 2]})
        with tempfile.TemporaryDirectory() as d, unittest.mock.patch.object(tables, "has", lambda module: module == "polars"):
            path = os.path.join(d, "out")
            for form, write in (("arrow", frame.write_ipc), ("parquet", frame.write_parquet)):
                write(path)
                for annotation in (pl.LazyFrame, pl.DataFrame, list[dict]):
                    got = tables.read(path, form, annotation)
                    self.assertIsInstance(got, list if annotation == list[dict] else annotation, form)


class Code(unittest.TestCase):
    ASKED = {}

    def changed(self, modes=None, **files):
        """Returns the keys of the assets that an edit changes, and the versions before and after it."""
        modes = OWN if modes is None else modes
        with project(defs=DEFS, stores=STORES, shared=SHARED) as p:
            known = self.ASKED.get(str(modes))
            if known is not None:
                known = [dict(a, file=a["file"] and os.path.join(p, os.path.basename(a["file"]))) for a in known]
            known, before = versions(p, modes, known)
            self.ASKED[str(modes)] = known
            write_files(p, files)
            _, after = versions(p, modes, None if "defs" in files else known)
        return {k for k in before if k and before[k]["version"] != after[k]["version"]}, before, after

    STORED = {"stored", "by_builder", "by_decorator", "by_itself"}

    def test_the_managers_own_code(self):
        changed, _, after = self.changed(stores=STORES.replace("tidy(obj).to_csv(path, index=False)", "tidy(obj).to_csv(path)"))
        self.assertEqual(changed, self.STORED)
        part = next(p for p in after["stored"]["parts"] if p["symbol"] == "stores.Csv")
        self.assertEqual((os.path.basename(part["file"]), part["line"]), ("stores.py", STORES.split("\n").index("class Csv(dg.ConfigurableIOManager):") + 1))
        self.assertEqual(after["stored"]["coarse"], "")

    def test_its_helper_and_its_constant(self):
        self.assertEqual(self.changed(shared=SHARED.replace("return x", "return x.copy()"))[0], self.STORED)
        self.assertEqual(self.changed(stores=STORES.replace('SUFFIX = ".csv"', 'SUFFIX = ".txt"'))[0], self.STORED)

    def test_its_configuration(self):
        changed, _, after = self.changed(defs=DEFS.replace('base="here"', 'base="there"'))
        self.assertEqual(changed, {"stored"})
        self.assertTrue([p for p in after["stored"]["parts"] if p["symbol"] == "defs resource csv" and p["file"].endswith("defs.py") and p["line"]])
        self.assertEqual(self.changed(defs=DEFS.replace('build("derived")', 'build("other")'))[0], {"by_builder"})
        self.assertEqual(self.changed(stores=STORES.replace('Csv(base="function")', 'Csv(base="other")'))[0], {"by_decorator"})
        self.assertEqual(self.changed(defs=DEFS.replace('base="itself"', 'base="other"'))[0], {"by_itself"})

    def test_a_manager_for_inputs(self):
        self.assertEqual(self.changed(stores=STORES.replace("return 1\n", "return 2\n"))[0], {"reader"})

    def test_what_means_the_same(self):
        changed, _, _ = self.changed(stores=STORES.replace("class Derived", "# a comment\nclass Derived"), shared=SHARED.replace("return 1", "return 2"))
        self.assertEqual(changed, set())

    def test_replaced(self):
        """What assetdev stores in its place the manager does not decide."""
        modes = dict.fromkeys([*OWN, "by_itself__io_manager"], "replace")
        changed, _, _ = self.changed(modes, stores=STORES.replace("index=False", "index=True"))
        self.assertEqual(changed, {"by_itself"})  # its manager stands in the asset's own decorator
        self.assertEqual(self.changed({**modes, "csv": "both"}, stores=STORES.replace("index=False", "index=True"))[0], {"stored", "by_itself"})

    def test_who_stores_it_counts(self):
        with project(defs=DEFS, stores=STORES, shared=SHARED) as p:
            own, replaced = versions(p, OWN)[1], versions(p, {**OWN, "csv": "replace"})[1]
        self.assertEqual({k for k in own if own[k]["version"] != replaced[k]["version"]} - {""}, {"stored"})


GRAPH = """
import dagster as dg
from steps import first, second
from shared import tidy

def made(name):
    graph = dg.GraphDefinition(
        name=name, node_defs=[first, second], dependencies={"second": {"x": dg.DependencyDefinition("first")}},
        output_mappings=[dg.OutputMapping(graph_output_name="result", mapped_node_name="second", mapped_node_output_name="result")],
    )
    return dg.AssetsDefinition.from_graph(graph, keys_by_output_name={"result": dg.AssetKey(name)})

defs = dg.Definitions(assets=[made(name) for name in ("one", "two")])
"""
STEPS = "import dagster as dg\nfrom shared import tidy\n\n@dg.op\ndef first(): return tidy(1)\n\n@dg.op\ndef second(x): return x\n\n@dg.op\ndef third(x): return x\n"


class HandBuilt(unittest.TestCase):
    """A graph that no function stands for."""

    def test_its_ops(self):
        with project(defs=GRAPH, steps=STEPS, shared=SHARED) as p:
            asked, before = versions(p, {})
            self.assertEqual([a["qualname"] for a in asked[0]["also"]], ["first", "second"])
            self.assertTrue(before["one"]["version"])
            write_files(p, {"steps.py": STEPS.replace("return x\n\n@dg.op\ndef third", "return x + 1\n\n@dg.op\ndef third")})
            _, after = versions(p, {}, asked)
            self.assertNotEqual(after["one"]["version"], before["one"]["version"])
            write_files(p, {"shared.py": SHARED.replace("return x", "return [x]")})
            _, third = versions(p, {}, asked)
            self.assertNotEqual(third["one"]["version"], after["one"]["version"])

    def test_nothing_is_found(self):
        with project(defs=GRAPH, steps=STEPS, shared=SHARED) as p:
            index = codeversion.Index([p], [p, *sys.path], "")
            asked = [{"key": "lost", "module": "", "qualname": "", "file": "", "line": 0}]
            before = index.versions(asked, {"module": "defs"})["lost"]
            self.assertIn("its function was not found", before["coarse"])
            write_files(p, {"shared.py": SHARED.replace("return 1", "return 2")})
            index.update(None)
            self.assertNotEqual(index.versions(asked, {"module": "defs"})["lost"]["version"], before["version"])


PARTS = """
import dagster as dg
import pandas as pd
from stores import Csv

days = dg.StaticPartitionsDefinition(["mon", "tue", "wed", "thu"])
users = dg.DynamicPartitionsDefinition(name="users")

@dg.asset(partitions_def=days, io_manager_key="csv")
def daily(context) -> pd.DataFrame: return pd.DataFrame({"d": [context.partition_key]})

@dg.asset(partitions_def=days)
def pickled(context) -> pd.DataFrame: return pd.DataFrame({"d": [context.partition_key]})

@dg.asset
def week(daily: dict[str, pd.DataFrame], pickled: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([daily[k].assign(k=k, of="daily") for k in sorted(daily)] + [pickled[k].assign(k=k, of="pickled") for k in sorted(pickled)])

@dg.asset(partitions_def=days)
def same(daily: pd.DataFrame) -> pd.DataFrame: return daily

@dg.asset(partitions_def=users)
def per_user(context) -> pd.DataFrame: return pd.DataFrame({"u": [context.partition_key]})

@dg.asset(partitions_def=users)
def per_user_again(per_user: pd.DataFrame) -> pd.DataFrame: return per_user

defs = dg.Definitions(assets=[daily, pickled, week, same, per_user, per_user_again], resources={"csv": Csv(base="data")})
"""


class Instance(unittest.TestCase):
    """Partitions that Dagster itself made, in an instance of its own."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        p = cls.p = os.path.realpath(cls.folder.name)
        write_files(p, {"defs.py": PARTS, "stores.py": STORES, "shared.py": SHARED, "dh/dagster.yaml": "telemetry: {enabled: false}\n"})
        code = (
            "import dagster as dg, sys\nsys.path.insert(0, %r)\nimport defs\ni = dg.DagsterInstance.from_config(%r)\ni.add_dynamic_partitions('users', ['ada', 'bob'])\n"
            "for k in ('mon', 'tue'):\n    assert dg.materialize([defs.daily, defs.pickled], instance=i, partition_key=k, resources={'csv': defs.Csv(base=%r)}).success\n"
            "i.report_runless_asset_event(dg.AssetMaterialization('daily', partition='wed', metadata={'assetdev/run': 'r9'}))\n"
        ) % (p, os.path.join(p, "dh"), os.path.join(p, "data"))
        import subprocess

        subprocess.run([sys.executable, "-c", code], cwd=p, check=True, capture_output=True)
        cls.answer = server.ask(cls.target(), {"type": "describe"})

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def target(cls):
        return target("defs", cls.p, dagster_home=os.path.join(cls.p, "dh"), instance="read")

    def test_what_was_made(self):
        self.assertEqual(self.answer.definitions["notices"], [])
        made = {m["asset"]: m["partitions"] for m in self.answer.of("made")}
        self.assertEqual({k: sorted(v) for k, v in made.items()}, {"daily": ["mon", "tue"], "pickled": ["mon", "tue"]})
        self.assertEqual(made["daily"]["mon"]["path"], os.path.join(self.p, "data", "daily", "mon.csv"))
        self.assertEqual(made["pickled"]["tue"]["path"], os.path.join(self.p, "dh", "storage", "pickled", "tue"))
        self.assertTrue(made["daily"]["mon"]["run"] and made["daily"]["mon"]["at"].endswith("Z"))

    def materialize(self, asset, inputs, **more):
        with tempfile.TemporaryDirectory() as d:
            request = {"type": "materialize", "run": "r", "asset": asset, "attempt": 1, "view": d, "output": os.path.join(d, "o"), "inputs": inputs, **more}
            answer = server.ask(self.target(), request, cwd=self.p)
            table = pa.ipc.open_file(os.path.join(d, "o")).read_pandas() if answer.result.get("format") == "arrow" else None
        return answer, table

    def test_each_where_it_lies(self):
        """Some lie with the project's own managers, one in our storage, one does not exist."""
        with tempfile.TemporaryDirectory() as d:
            ours = os.path.join(d, "tue.parquet")
            pd.DataFrame({"d": ["ours"]}).to_parquet(ours)
            answer, table = self.materialize("week", [
                {"asset": "daily", "partitions": [{"key": "mon", "elsewhere": True}, {"key": "tue", "parquet": ours}]},
                {"asset": "pickled", "elsewhere": True, "partitions": [{"key": "mon", "elsewhere": True}, {"key": "tue", "elsewhere": True}]},
            ])
        self.assertEqual(answer.error, {})
        got = [tuple(r) for r in table[["of", "k", "d"]].itertuples(index=False)]
        self.assertEqual(got, [("daily", "mon", "mon"), ("daily", "tue", "ours"), ("pickled", "mon", "mon"), ("pickled", "tue", "tue")])

    def test_one(self):
        answer, table = self.materialize("same", [{"asset": "daily", "elsewhere": True, "partitions": [{"key": "mon", "elsewhere": True}]}], partition="mon")
        self.assertEqual((answer.error, list(table["d"])), ({}, ["mon"]))

    def test_reported(self):
        """What assetdev reports is read back by Dagster's own API, and is no news to assetdev."""
        reports = [
            {"asset": "week", "run": "r1", "at": "2026-11-24T12:00:00Z", "rows": 4, "data_version": "d1:x", "code_version": "py1:y", "path": "/data/week.parquet",
             "metadata": {"note": "by hand"}},
            {"asset": "same", "partition": "mon", "run": "r1", "at": "2026-11-24T12:00:00Z", "rows": -1},
        ]
        answer = server.ask(self.target(), {"type": "report", "reports": reports})
        self.assertEqual((answer.error, answer.status), ({}, 0))
        instance = dg.DagsterInstance.from_config(os.path.join(self.p, "dh"))
        event = instance.get_latest_materialization_event(dg.AssetKey("week")).asset_materialization
        values = {k: v.value for k, v in event.metadata.items()}
        self.assertEqual(values, {"note": "by hand", "assetdev/run": "r1", "assetdev/at": "2026-11-24T12:00:00Z", "path": "/data/week.parquet", "dagster/row_count": 4})
        self.assertEqual((event.tags["dagster/data_version"], event.tags["dagster/code_version"]), ("d1:x", "py1:y"))
        self.assertEqual(instance.get_materialized_partitions(dg.AssetKey("same")), {"mon"})
        again = server.ask(self.target(), {"type": "describe"})
        self.assertEqual([again.assets[k].get("made") for k in ("week", "same")], [None, None])
        self.assertEqual({m["asset"] for m in again.of("made")}, {"daily", "pickled"})

    def test_not_reported(self):
        for home, word in (("", "DAGSTER_HOME is not set"), (os.path.join(self.p, "nowhere"), "no folder with a dagster.yaml")):
            answer = server.ask(dict(self.target(), dagster_home=home), {"type": "report", "reports": []})
            self.assertEqual((answer.last["type"], answer.status), ("error", 1))
            self.assertIn(word, answer.error["message"])

    def test_dynamic(self):
        known = {p["id"]: p["keys"] for p in self.answer.of("partitions")}
        self.assertEqual(known["dynamic:users"], ["ada", "bob"])
        self.assertEqual(self.answer.of("mapping"), [m for m in self.answer.of("mapping") if m["asset"] == "week"])
        answer, table = self.materialize("per_user", [], partition="ada")
        self.assertEqual((answer.error, list(table["u"])), ({}, ["ada"]))
        with tempfile.TemporaryDirectory() as d:
            file = os.path.join(d, "ada.parquet")
            table.to_parquet(file)
            answer, table = self.materialize("per_user_again", [{"asset": "per_user", "partitions": [{"key": "ada", "parquet": file}]}], partition="ada")
        self.assertEqual((answer.error, list(table["u"])), ({}, ["ada"]))


if __name__ == "__main__":
    unittest.main()
