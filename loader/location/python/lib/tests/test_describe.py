"""Describing: what a location says of its assets, every form in which definitions are found, and what is said when they cannot be."""

import json
import os
import sys
import tempfile
import unittest

import dagster as dg

from harness import PROJECT, Cold, Server, project, target

NEW = tuple(int(n) for n in dg.__version__.split(".")[:2]) >= (1, 10)
SHOP = os.path.join(PROJECT, "shop", "definitions.py")

ONE = "import dagster as dg\n@dg.asset\ndef one(): return 1\n"


def setUpModule():
    global server
    server = Server(["dagster", "pandas", "pyarrow"])


def tearDownModule():
    server.close()


def describe(directory, module="defs", **more):
    return server.ask(target(module, directory, **more), {"type": "describe"})


class Whole(unittest.TestCase):
    """The project of all cases."""

    @classmethod
    def setUpClass(cls):
        cls.answer = server.ask(target(), {"type": "describe"})
        cls.assets = cls.answer.assets

    def test_same_as_cold(self):
        cold = Cold().ask(target(), {"type": "describe"})
        self.assertEqual(json.dumps(cold.story(), sort_keys=True), json.dumps(self.answer.story(), sort_keys=True))
        self.assertIn("dagster", cold.modules)
        self.assertIn("pandas", cold.modules)
        self.assertEqual([m for m in cold.modules if m.startswith(("shop", "assetdev_bridge"))], [])

    def line(self, asset):
        with open(asset["file"]) as f:
            return f.read().splitlines()[asset["line"] - 1]

    def test_everything_of_an_asset(self):
        a = dict(self.assets["orders"])
        self.assertIn('@dg.asset(group_name="raw"', self.line(a))
        a.pop("line")
        self.assertEqual(a, {
            "key": "orders", "inputs": [], "deps": [], "group": "raw", "description": "Orders.\n\nMore of them.", "owners": ["team:data", "a@example.org"], "kinds": ["pandas"],
            "tags": {"tier": "gold"}, "metadata": {"rows": "3", "doc": "http://example.org"}, "files": ["data/*.csv"], "env": ["SHOP_KEY"], "unordered": True, "file": SHOP,
            "symbol": "shop.definitions:orders", "code_version": "v7", "io_manager": "io_manager", "stored_by": "assetdev", "config_path": ["ops", "orders", "config"],
            "config": [{"name": "limit", "type": "Int", "required": False, "default": 2}, {"name": "name", "type": "String", "required": False, "default": "x"}],
        })

    def test_dependencies(self):
        self.assertEqual((self.assets["a/nested"]["inputs"], self.assets["a/nested"]["deps"]), (["orders"], []))
        self.assertEqual((self.assets["effect"]["inputs"], self.assets["effect"]["deps"]), ([], ["orders"]))
        self.assertEqual((self.assets["together_b"]["inputs"], self.assets["together_b"]["deps"]), ([], ["together_a"]))

    def test_no_data(self):
        for key in ("effect", "reported"):
            self.assertEqual([self.assets[key].get(f) for f in ("no_data", "outside", "stored_by")], [True, True, "none"], key)
        self.assertNotIn("no_data", self.assets["nothing_said"])

    def test_steps(self):
        got = {k: (self.assets[k]["step"], self.assets[k]["together"]) for k in ("together_a", "together_b", "one", "two")}
        self.assertEqual(got, {"together_a": ("together", True), "together_b": ("together", True), "one": ("some", False), "two": ("some", False)})
        self.assertNotIn("step", self.assets["orders"])

    def test_graph_asset(self):
        self.assertEqual((self.assets["graphed"]["inputs"], self.assets["graphed"]["group"], self.assets["graphed"]["symbol"]), (["orders"], "graphs", "shop.definitions:graphed"))
        a = self.assets["cheap_total"]
        self.assertEqual((a["inputs"], a["step"], a["together"], a["symbol"], os.path.basename(a["file"])), (["orders"], "cheap_graph", True, "shop.definitions:cheap_graph", "definitions.py"))
        self.assertIn("@dg.graph_asset", self.line(self.assets["graphed"]))

    def test_what_nobody_here_makes(self):
        self.assertTrue(self.assets["foreign"]["external"])
        self.assertIn("foreign = dg.AssetSpec", self.line(self.assets["foreign"]))
        self.assertIn("observable source", self.assets["observed"]["not_executable"])

    def test_io_managers(self):
        self.assertEqual([self.assets[k]["stored_by"] for k in ("filed", "stored_by_itself")], ["assetdev", "own"])
        self.assertTrue(self.assets["stored_by_itself"]["outside"])
        asked = server.ask(target(), {"type": "describe", "io_managers": {"files": "both", "stored_by_itself__io_manager": "replace"}}).assets
        self.assertEqual([(asked[k]["stored_by"], asked[k].get("outside", False)) for k in ("filed", "stored_by_itself")], [("both", True), ("assetdev", False)])

    def test_checks(self):
        self.assertEqual(self.assets["checked"]["checks"], [{"name": "inside", "blocking": True, "description": "Inside."}, {"name": "warns", "blocking": False, "description": ""}])

    def test_pool_and_config(self):
        a = self.assets["configured"]
        self.assertEqual(a["pool"], "warehouse")
        self.assertEqual(a["config"], [{"name": "since", "type": "String", "required": True}, {"name": "limit", "type": "Int", "required": True}])

    def test_partitions(self):
        known = {p["id"]: p for p in self.answer.of("partitions")}
        of = {k: known[a["partitions"]] for k, a in self.assets.items() if "partitions" in a}
        self.assertEqual((of["daily"]["kind"], of["daily"]["keys"][:2], len(of["daily"]["keys"])), ("time_window", ["2024-01-01", "2024-01-02"], 14))
        self.assertEqual(of["coloured"]["keys"], ["red", "green", "blue"])
        self.assertEqual((of["per_user"]["id"], of["per_user"]["kind"], of["per_user"]["keys"]), ("dynamic:users", "dynamic", []))
        self.assertEqual((of["grid"]["kind"], len(of["grid"]["keys"])), ("multi", 6))
        mappings = {(m["asset"], m["input"]): m for m in self.answer.of("mapping")}
        self.assertNotIn(("daily_copy", "daily"), mappings)
        self.assertTrue(mappings["all_days", "daily"]["all"])
        self.assertEqual(mappings["weekly", "daily"]["table"]["2024-01-07"], ["2024-01-%02d" % d for d in range(7, 14)])
        self.assertEqual(mappings["day_before", "daily"]["table"]["2024-01-02"], ["2024-01-01"])
        kinds = [m["type"] for m in self.answer.messages]
        self.assertLess(kinds.index("partitions"), kinds.index("asset"))

    def test_the_rest(self):
        d = self.answer.definitions
        self.assertEqual((d["schedules"], d["sensors"], d["resources"]), (["nightly"], ["looks"], ["broken_service: Fails", "files: Files", "service: Service"]))
        self.assertEqual(d["jobs"], [{"name": "raw_job", "assets": ["orders"]}])
        self.assertEqual(d["files"], [os.path.join(PROJECT, "shop", "query.sql")])
        self.assertEqual((d["framework"], d["problems"], d["notices"]), ("dagster " + dg.__version__, [], []))


class Forms(unittest.TestCase):
    """How a location's definitions are found."""

    def keys(self, directory, *keys, module="defs", **more):
        answer = describe(directory, module, **more)
        self.assertEqual(answer.last["type"], "definitions", answer.error)
        self.assertEqual(sorted(answer.assets), sorted(keys))
        return answer

    def test_bare_assets(self):
        with project(defs=ONE + "two = dg.AssetSpec('two')\n") as p:
            self.keys(p, "one")

    def test_any_name(self):
        with project(defs=ONE + "whatever = dg.Definitions(assets=[one, dg.AssetSpec('two')])\n") as p:
            self.keys(p, "one", "two")

    def test_same_object_twice(self):
        with project(defs=ONE + "a = dg.Definitions(assets=[one])\nb = a\n") as p:
            self.keys(p, "one")

    def test_attribute(self):
        with project(defs=ONE + "a = dg.Definitions()\nb = dg.Definitions(assets=[one])\n@dg.repository\ndef r(): return [one]\ndef f(): return r\n") as p:
            for attribute in ("b", "r", "f"):
                self.keys(p, "one", attribute=attribute)
            self.assertIn("no attribute 'c'; it has a, b, r", describe(p, attribute="c").error["message"])

    def test_repository(self):
        with project(defs=ONE + "@dg.repository\ndef r(): return [*dg.with_resources([one], {}), dg.define_asset_job('j', [one])]\n") as p:
            answer = self.keys(p, "one")
            self.assertEqual(answer.definitions["jobs"], [{"name": "j", "assets": ["one"]}])
            out = os.path.join(p, "out")
            answer = server.ask(target("defs", p), {"type": "materialize", "asset": "one", "output": out})
            self.assertEqual(answer.result.get("format"), "opaque", answer.error)

    def test_repository_with_bound_managers(self):
        text = ONE + "from dagster import fs_io_manager\n@dg.repository\ndef r(): return dg.with_resources([one], {'io_manager': fs_io_manager.configured({'base_dir': '/nowhere'})})\n"
        with project(defs=text) as p:
            self.assertEqual(self.keys(p, "one").assets["one"]["stored_by"], "assetdev")
            answer = server.ask(target("defs", p), {"type": "materialize", "asset": "one", "output": os.path.join(p, "out")})
            self.assertEqual(answer.result.get("format"), "opaque", answer.error)

    def test_file(self):
        with project(**{"my file.py": ONE + "import beside\n", "beside.py": ""}) as p:
            self.keys(p, "one", module=os.path.join(p, "my file.py"), kind="python_file")

    def test_package_in_src(self):
        with project(**{"src/pkg/__init__.py": "", "src/pkg/defs.py": ONE + "from . import helper\n", "src/pkg/helper.py": ""}) as p:
            answer = self.keys(p, "one", module="pkg.defs", kind="python_package")
            self.assertIn("found in %s/src" % p, answer.definitions["notices"][0])

    def test_job_alone(self):
        with project(defs="import dagster as dg\n@dg.op\ndef o(): pass\n@dg.job\ndef j(): o()\n") as p:
            answer = self.keys(p)
            self.assertIn("job j has no assets", answer.definitions["notices"][0])

    @unittest.skipUnless(hasattr(dg, "definitions"), "this Dagster has no @definitions")
    def test_lazy_definitions(self):
        with project(defs=ONE + "@dg.definitions\ndef d(): return dg.Definitions(assets=[one])\n") as p:
            self.keys(p, "one")
            self.keys(p, "one", attribute="d")

    @unittest.skipUnless(hasattr(dg, "load_from_defs_folder"), "this Dagster has no defs folders")
    def test_defs_folder(self):
        files = {
            "pyproject.toml": "[tool.dg]\ndirectory_type = 'project'\n[tool.dg.project]\nroot_module = 'pkg'\n", "src/pkg/__init__.py": "",
            "src/pkg/definitions.py": "import pathlib, dagster as dg\n@dg.definitions\ndef defs(): return dg.load_from_defs_folder(project_root=pathlib.Path(__file__).parent.parent.parent)\n",
            "src/pkg/defs/__init__.py": "", "src/pkg/defs/assets.py": ONE, "src/pkg/defs/more/defs.yaml": "type: dagster.DefsFolderComponent\n",
        }
        with project(**files) as p:
            answer = self.keys(p, "one", module="pkg.definitions")
            self.assertIn(os.path.join(p, "pyproject.toml"), answer.definitions["files"])
            self.assertIn(os.path.join(p, "src/pkg/defs/more/defs.yaml"), answer.definitions["files"])
            self.keys(p, "one", module="pkg.defs", kind="autoload_defs_module")

    @unittest.skipIf(hasattr(dg, "definitions"), "this Dagster has components")
    def test_no_components(self):
        with project(**{"pkg/__init__.py": ""}) as p:
            self.assertIn("needs a Dagster with components", describe(p, "pkg", kind="autoload_defs_module").error["message"])

    def test_factory(self):
        text = "import dagster as dg\ndef make(n):\n    @dg.asset(name=n, code_version=n + '1')\n    def made(): return 1\n    return made\ndefs = dg.Definitions(assets=[make('x'), make('y')])\n"
        with project(defs=text) as p:
            a = self.keys(p, "x", "y").assets["x"]
            self.assertEqual((a["symbol"], a["line"], a["code_version"]), ("defs:make.<locals>.made", 3, "x1"))

    def test_code_version_of_a_library(self):
        text = "import dagster as dg\n@dg.multi_asset(specs=[dg.AssetSpec('m', code_version='0af3', metadata={'dagster_dbt/manifest': 'x'})])\ndef models(): pass\n"
        with project(defs=text.replace("'0af3'", "'%x' % (0x0af3 + 1)"), defs2=text) as p:
            self.assertNotIn("code_version", self.keys(p, "m").assets["m"])
            self.assertEqual(self.keys(p, "m", module="defs2").assets["m"]["code_version"], "0af3")

    def test_models_of_dbt(self):
        """What dagster-dbt says of its assets, without it: the files of a model count, what dbt writes does not."""
        text = """
import json, os, types
import dagster as dg
HERE = os.path.dirname(os.path.abspath(__file__))
class Manifest:
    def __init__(self, text): self.manifest = json.loads(text)
with open(HERE + "/shop/target/manifest.json") as f:
    manifest = Manifest(f.read())
project = types.SimpleNamespace(project_dir=HERE + "/shop", target_path="target", profiles_dir=HERE + "/shop")
def spec(name):
    return dg.AssetSpec(name, metadata={"dagster_dbt/manifest": manifest, "dagster_dbt/project": project, "dagster_dbt/unique_id": "model.shop." + name, "thing": manifest, "long": "x" * 50_000})
@dg.multi_asset(specs=[spec("a"), spec("b"), spec("c")])
def models(): pass
"""
        node = {"package_name": "shop", "original_file_path": "models/a.sql", "patch_path": "shop://models/all.yml", "depends_on": {"macros": ["macro.shop.m", "macro.other.o"]}}
        manifest = {
            "metadata": {"project_name": "shop"},
            "nodes": {"model.shop.a": node, "model.shop.b": {"package_name": "shop", "original_file_path": "models/b.sql"}, "model.shop.c": {"package_name": "other", "original_file_path": "models/c.sql"}},
            "macros": {
                "macro.shop.m": {"package_name": "shop", "original_file_path": "macros/m.sql", "depends_on": {"macros": ["macro.shop.n"]}},
                "macro.shop.n": {"package_name": "shop", "original_file_path": "macros/n.sql", "depends_on": {"macros": ["macro.shop.m"]}},
                "macro.other.o": {"package_name": "other", "original_file_path": "macros/o.sql"},
            },
        }
        files = {"shop/" + name: "" for name in ("dbt_project.yml", "models/a.sql", "models/b.sql", "models/all.yml", "macros/m.sql", "macros/n.sql")}
        with project(defs=text, **{"shop/target/manifest.json": json.dumps(manifest)}, **files) as p:
            answer = self.keys(p, "a", "b", "c")
            a, b, c = (answer.assets[k] for k in "abc")
            below = lambda found: [os.path.relpath(f, os.path.realpath(os.path.join(p, "shop"))) for f in found]
            self.assertEqual(below(a["code_files"]), ["dbt_project.yml", "macros/m.sql", "macros/n.sql", "models/a.sql", "models/all.yml"])
            self.assertEqual(below(b["code_files"]), ["dbt_project.yml", "models/b.sql"])
            self.assertEqual((below([a["file"]]), a["line"]), (["models/a.sql"], 1))
            self.assertNotIn("code_files", c)
            self.assertEqual(a["metadata"]["thing"], "an object of class Manifest")
            self.assertEqual((a["metadata"]["long"][-23:], sorted(a["metadata"])), ("… (50,000 characters in all)"[-23:], ["dagster_dbt/unique_id", "long", "thing"]))
            self.assertIn("models/a.sql", below(answer.definitions["files"]))
            self.assertNotIn("target/manifest.json", below(answer.definitions["files"]))

    def test_managers_of_databases(self):
        text = (
            "import dagster as dg\nclass Warehouse(dg.ConfigurableIOManager):\n    def handle_output(self, context, obj): obj.to_sql('x')\n    def load_input(self, context): pass\n"
            "@dg.asset(io_manager_key='w')\ndef a(): return 1\ndefs = dg.Definitions(assets=[a], resources={'w': Warehouse()})\n"
        )
        with project(defs=text) as p:
            self.assertEqual(self.keys(p, "a").assets["a"]["stored_by"], "own")

    def test_freshness_and_automation(self):
        text = "import dagster as dg, datetime\n" + (
            "@dg.asset(freshness_policy=dg.FreshnessPolicy.time_window(fail_window=datetime.timedelta(hours=2)), automation_condition=dg.AutomationCondition.eager())\ndef a(): pass\n"
            "@dg.asset(freshness_policy=dg.FreshnessPolicy.cron(deadline_cron='0 9 * * *', lower_bound_delta=datetime.timedelta(hours=1)))\ndef b(): pass\n"
            if hasattr(dg.FreshnessPolicy, "time_window") else
            "@dg.asset(freshness_policy=dg.FreshnessPolicy(maximum_lag_minutes=120), automation_condition=dg.AutomationCondition.eager())\ndef a(): pass\n"
            "@dg.asset(freshness_policy=dg.FreshnessPolicy(maximum_lag_minutes=60, cron_schedule='0 9 * * *'))\ndef b(): pass\n"
        )
        with project(defs=text) as p:
            assets = self.keys(p, "a", "b").assets
            self.assertEqual((assets["a"]["max_age_ms"], assets["a"]["automation"]), (7_200_000, "eager"))
            self.assertIn("0 9 * * *", assets["b"]["freshness"])
            self.assertNotIn("max_age_ms", assets["b"])

    def test_folders_of_managers(self):
        text = ONE + (
            "defs = dg.Definitions(assets=[one], resources={'io_manager': dg.FilesystemIOManager(base_dir='~/data'), 'old': dg.fs_io_manager.configured({'base_dir': '/x'}), 'z': object()})\n"
        )
        with project(defs=text) as p:
            said = self.keys(p, "one").definitions["resources"]
            self.assertEqual(said[0], 'io_manager: FilesystemIOManager(base_dir="~/data")')
            self.assertTrue(said[1].startswith("old: ") and said[1].endswith('(base_dir="/x")'), said)

    def test_keys_that_assetdev_does_not_have(self):
        text = ONE + "two = dg.AssetSpec(dg.AssetKey(['a b', 'c']))\n@dg.asset(deps=[one])\ndef three(): pass\ndefs = dg.Definitions(assets=[one, two, three])\n"
        with project(defs=text) as p:
            answer = self.keys(p, "one", "three")
            self.assertIn("'a b/c'", answer.definitions["problems"][0]["message"])
            self.assertEqual(answer.assets["three"]["deps"], ["one"])

    @unittest.skipUnless(hasattr(dg, "Component"), "this Dagster has no components")
    def test_component(self):
        files = {
            "pyproject.toml": "[tool.dg]\ndirectory_type = 'project'\n[tool.dg.project]\nroot_module = 'pkg'\n", "pkg/__init__.py": "", "pkg/defs/__init__.py": "",
            "pkg/defs/more/defs.yaml": "type: pkg.mine.Mine\nattributes:\n  name: two\n  version: '0af3'\n",
            "pkg/mine.py": "import dagster as dg\nclass Mine(dg.Component, dg.Resolvable, dg.Model):\n    name: str\n    version: str\n    def build_defs(self, context):\n"
            "        @dg.asset(name=self.name, code_version=self.version)\n        def made(): return 1\n        return dg.Definitions(assets=[made])\n",
        }
        with project(**files) as p:
            a = self.keys(p, "two", module="pkg.defs", kind="autoload_defs_module").assets["two"]
            self.assertEqual((a["file"], a["line"], a["symbol"]), (os.path.join(p, "pkg/defs/more/defs.yaml"), 1, "pkg.mine:Mine.build_defs.<locals>.made"))
            self.assertEqual(a["code_version"], "0af3")

    def test_long_partitions(self):
        code = (
            "LONG = [('%d' % n).zfill(6) + 'ü' * 150 for n in range(6000)]\n"
            "class Odd(dg.StaticPartitionMapping):\n"
            "    def get_upstream_mapped_partitions_result_for_partitions(self, *a, **k): raise RuntimeError('odd')\n"
            "@dg.asset(partitions_def=dg.StaticPartitionsDefinition(LONG))\ndef up(): pass\n"
            "@dg.asset(partitions_def=dg.StaticPartitionsDefinition(['x']), deps=[dg.AssetDep('up', partition_mapping=Odd({'x': LONG[0]}))])\ndef down(): pass\n"
        )
        with project(defs=ONE + code) as p:
            answer = self.keys(p, "down", "one", "up")
            of = answer.assets["up"]["partitions"]
            keys = [k for part in answer.of("partitions") if part["id"] == of for k in part["keys"]]
            self.assertEqual(keys, [("%d" % n).zfill(6) + "ü" * 150 for n in range(6000)])
            self.assertEqual(answer.of("mapping"), [{"asset": "down", "input": "up", "all": True}])

    def test_history(self):
        with project(defs=ONE + "@dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name='d'))\ndef two(): pass\n") as p, tempfile.TemporaryDirectory() as home:
            with dg.DagsterInstance.local_temp(home) as instance:
                context = {"path": __file__}
                instance.report_runless_asset_event(dg.AssetMaterialization("one", metadata=context))
                instance.add_dynamic_partitions("d", ["k1", "k2"])
            answer = self.keys(p, "one", "two", dagster_home=home, instance="read")
            made = answer.assets["one"]["made"]
            self.assertEqual((made["path"], made["metadata"]["path"]), (os.path.abspath(__file__), __file__))
            self.assertTrue(made["at"].endswith("Z"))
            self.assertEqual(answer.of("partitions"), [{"id": "dynamic:d", "kind": "dynamic", "keys": ["k1", "k2"]}])
            self.assertNotIn("made", self.keys(p, "one", "two", dagster_home=home).assets["one"])


class Failures(unittest.TestCase):
    """What is said when definitions cannot be had."""

    def error(self, directory, *words, module="defs", file=None, line=None, **more):
        answer = describe(directory, module, **more)
        self.assertEqual((answer.last["type"], answer.status), ("error", 1), answer.messages)
        for word in words:
            self.assertIn(word, answer.error["message"])
        if file:
            self.assertEqual((answer.error.get("file"), answer.error.get("line")), (os.path.join(directory, file), line))
        return answer.error

    def test_syntax_error(self):
        with project(defs="import dagster as dg\nimport helper\n", helper="x = 1\ndef f(:\n    pass\n") as p:
            error = self.error(p, "SyntaxError", file="helper.py", line=2)
            self.assertIn("helper.py", error["trace"])

    def test_import_error(self):
        with project(defs="import dagster as dg\n\nimport not_installed_anywhere\n") as p:
            error = self.error(p, "ModuleNotFoundError: No module named 'not_installed_anywhere'", file="defs.py", line=3)
            self.assertNotIn("assetdev_bridge", error["trace"])

    def test_missing_target(self):
        with project(defs="") as p:
            self.assertNotIn("trace", self.error(p, "no module named 'nope'", p, sys.executable, module="nope.defs"))
            self.error(p, "no module named 'defs.more'", module="defs.more")
            self.error(p, "no file", module=os.path.join(p, "x.py"), kind="python_file")

    def test_exception(self):
        with project(defs="import dagster as dg\ndef f():\n    return {}['k']\nf()\n") as p:
            error = self.error(p, "KeyError: 'k'", file="defs.py", line=3)
            self.assertTrue(error["trace"].startswith('  File "%s/defs.py", line 4' % p), error["trace"])
        self.assertNotIn("the whole traceback", error["trace"])  # it is the project's frames alone

    def test_exit(self):
        with project(defs="import sys\nsys.exit('no')\n") as p:
            self.error(p, "sys.exit('no')", file="defs.py", line=2)

    def test_nothing_defined(self):
        with project(defs="x = 1\n") as p:
            self.error(p, "defines no Definitions, repository, job, graph or asset", file="defs.py", line=1)

    def test_too_many(self):
        with project(defs=ONE + "a = dg.Definitions()\nb = dg.Definitions(assets=[one])\n") as p:
            self.error(p, "more than one", "a, b", "attribute:")

    def test_foreign_key_as_argument(self):
        with project(defs="import dagster as dg\n\n@dg.asset\ndef reader(foreign): pass\n\n@dg.asset(ins={'x': dg.AssetIn(dg.AssetKey(['a', 'b']))})\ndef other(x): pass\n\ndefs = dg.Definitions(assets=[reader])\nd2 = None\n",
                     two="import dagster as dg\n@dg.asset(ins={'x': dg.AssetIn(dg.AssetKey(['a', 'b']))})\ndef other(x): pass\ndefs = dg.Definitions(assets=[other])\n") as p:
            self.error(p, 'asset reader takes foreign as an argument', 'add dg.AssetSpec("foreign")', file="defs.py", line=3)
            self.error(p, 'add dg.AssetSpec(["a", "b"])', module="two", file="two.py", line=2)

    def test_duplicate_key(self):
        with project(defs=ONE + "@dg.asset(name='one')\ndef other(): pass\ndefs = dg.Definitions(assets=[one, other])\n") as p:
            self.error(p, "one")

    def test_relative_import_in_a_file(self):
        with project(defs="from . import x\n") as p:
            self.error(p, "python_module", module=os.path.join(p, "defs.py"), kind="python_file", file="defs.py", line=1)

    def test_wrong_job(self):
        with project(defs=ONE + "defs = dg.Definitions(assets=[one], jobs=[dg.define_asset_job('j', selection=['nope'])])\n") as p:
            answer = describe(p)
            said = json.dumps(answer.error) + json.dumps(answer.definitions)
            self.assertIn("nope", said)


class Components(unittest.TestCase):
    @unittest.skipUnless(hasattr(dg, "Component"), "this Dagster has no components")
    def test_cause_in_a_component(self):
        """The cause is told, and which component it was; not the picture of all components."""
        files = {
            "pyproject.toml": "[tool.dg]\ndirectory_type = 'project'\n[tool.dg.project]\nroot_module = 'pkg'\n", "pkg/__init__.py": "", "pkg/defs/__init__.py": "",
            "pkg/defs/more/defs.yaml": "type: pkg.mine.Mine\nattributes: {}\n",
            "pkg/mine.py": "import dagster as dg\nclass Mine(dg.Component, dg.Resolvable, dg.Model):\n    def build_defs(self, context):\n        raise ValueError('no rates')\n",
        }
        with project(**files) as p:
            error = describe(p, "pkg.defs", kind="autoload_defs_module").error
            self.assertTrue(error["message"].startswith("ValueError: no rates"), error["message"])
            self.assertEqual((error["file"], error["line"]), (os.path.join(p, "pkg/mine.py"), 4))


class NoDagster(unittest.TestCase):
    def test_no_dagster(self):
        with project(**{"defs.py": "import dagster\n", "hide/sitecustomize.py": "import sys\nsys.modules['dagster'] = None\nclass F:\n    def find_spec(self, name, path=None, target=None):\n        if name == 'dagster':\n            raise ModuleNotFoundError('no', name='dagster')\nsys.meta_path.insert(0, F())\ndel sys.modules['dagster']\n"}) as p:
            lib = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
            answer = Cold().ask(target("defs", p), {"type": "describe"}, env={"PYTHONPATH": os.path.join(p, "hide") + os.pathsep + lib})
            self.assertIn("Dagster is not installed in the environment of " + sys.executable, answer.error["message"])
            self.assertRegex(answer.error["message"], "install it: .*pip install.* dagster")


if __name__ == "__main__":
    unittest.main()
