"""What changes a code version and what does not. Run by codeversion_test.go with every interpreter found, or by hand:
python -m unittest discover -s loader/location/python/lib/tests -p 'test_codeversion*.py'"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

LIB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, LIB)

from assetdev_bridge import codeversion  # noqa: E402

BASE = {
    "repo/shop/__init__.py": '"""The shop."""\nfrom .defs import defs\n',
    "repo/shop/defs.py": """\
import dagster as dg
from dagster import Definitions
from shop import handlers, patches
from .assets import *
from .assets.features import features
from .factory import make_clean, Builder
from .resources import Db, Mail
from .odd import whole, moved, dynamic, plugged, opened, rebound, spaced, starred, typed, sub, unnamed

clean_assets = [make_clean("orders", 1), make_clean("items", 2)]
loop_assets = [make_clean(name, weight) for name, weight in [("loop_a", 3), ("loop_b", 4)]]
builder = Builder(factor=5)
built = builder.build("built")

defs = Definitions(
    assets=[features, *clean_assets, *loop_assets, built],
    resources={"db": Db(path="here"), "mail": Mail(host="localhost")},
)

if __name__ == "__main__":
    print("by hand")
""",
    "repo/shop/assets/__init__.py": """\
from .simple import plain, orders, summary, with_db
from .ops import report, double
""",
    "repo/shop/assets/simple.py": '''\
"""Simple assets."""
import os
from dagster import asset, AssetExecutionContext
from ..resources import Db

answer = 42
spare = 7

@asset(group_name="simple")
def plain(context: AssetExecutionContext):
    """Reaches nothing but a constant."""
    # a comment
    local = answer
    return [local, os.environ["PLAIN_PATH"], os.getenv("API_TOKEN")]

@asset
def orders():
    return [1, 2]

@asset
def summary(orders):
    return sum(orders) + len([orders for orders in orders])

@asset
def with_db(db: Db):
    return db.read()

def unused():
    return 1
''',
    "repo/shop/assets/ops.py": """\
from dagster import op, graph_asset, multi_asset, AssetOut

@op
def first():
    return 1

@op
def second(x):
    return x + helper()

def helper():
    return 2

@graph_asset(group_name="ops")
def report():
    return second(first())

@multi_asset(outs={"left": AssetOut(), "right": AssetOut()})
def double():
    yield helper()
""",
    "repo/shop/assets/features.py": '''\
from __future__ import annotations
import logging
import pandas as pd
from dagster import asset, Config
from shop.lib import tables
from shop.lib.tables import LIMIT as CAP
from shop.lib.deco import traced
from shop import lib
from ..lib.scoring import Scorer

log = logging.getLogger(__name__)
env_name = "MODEL_PATH"

class FeatureConfig(Config):
    """Config."""
    limit: int = 10

def helper(x, y=CAP):
    """Doc of a helper."""
    return inner(x) / y

def inner(x: int) -> int:
    return x * 2

choose = lambda x: pick(x)

def pick(x):
    return x + 1

def setting(name, other=None):
    import os
    return os.environ.get(name, other)

@asset(
    deps=["orders"],
    description="features",
)
@traced(level=3)
def features(config: FeatureConfig):
    """Describes customers."""
    import os
    from shop.lazy import late
    log.info("starting")
    scorer = Scorer(1)
    frame = pd.DataFrame({"x": [helper(choose(1))]})
    for row in frame.itertuples():
        late(row, tables.TABLE["a"], lib.shared(row))
    match config.limit:
        case 1:
            return None
    return [scorer.score(x) for x in tables.names()] + [os.getenv(env_name), setting("REGION")]
''',
    "repo/shop/lib/__init__.py": "from .common import shared_impl as shared\n",
    "repo/shop/lib/common.py": "import json\n\ndef shared_impl(x):\n    return json.dumps(x)\n\ndef other_impl(x):\n    return x\n",
    "repo/shop/lib/tables.py": """\
import warnings
from . import common

LIMIT = 100
TABLE = {"a": 1}
TABLE["b"] = 2
ITEMS = []
ITEMS.append(3)
unrelated = {}
unrelated["k"] = 1

def names():
    return list(TABLE) + ITEMS

def quiet():
    return unrelated

warnings.filterwarnings("ignore")
""",
    "repo/shop/lib/deco.py": """\
import functools

def traced(level):
    def wrap(f):
        @functools.wraps(f)
        def run(*args, **kwargs):
            return note(f(*args, **kwargs), level)
        return run
    return wrap

def note(x, level):
    return x
""",
    "repo/shop/lib/scoring.py": """\
from dataclasses import dataclass

class Base:
    weight = 1
    def score(self, x):
        return x * self.weight

@dataclass
class Scorer(Base):
    factor: int
    def other(self):
        return third(self.factor)

def third(x):
    return x / 3
""",
    "repo/shop/lazy.py": "try:\n    import ujson as fast\nexcept ImportError:\n    import json as fast\n\ndef late(*args):\n    return fast.dumps(args)\n",
    "repo/shop/factory.py": """\
import dagster as dg

SUFFIX = "_clean"

def make_clean(name, weight):
    @dg.asset(name=name + SUFFIX)
    def clean():
        return scale(weight)
    return clean

def scale(x):
    return x * 2

class Builder:
    def __init__(self, factor):
        self.factor = factor

    def build(self, name):
        @dg.asset(name=name)
        def made():
            return self.factor
        return made
""",
    "repo/shop/resources.py": """\
from dagster import ConfigurableResource, EnvVar

class Db(ConfigurableResource):
    path: str

    def read(self):
        return open_db(self.path)

def open_db(path):
    return path

class Mail(ConfigurableResource):
    host: str
""",
    "repo/shop/handlers.py": """\
from shop.registry import register, Registry, Plugin

@register("csv")
def load_csv(path):
    return parse(path)

def parse(path):
    return path

Registry.add("json", lambda path: path + "j")

class Extra(Plugin):
    def run(self):
        return 1

def not_registered():
    return 5
""",
    "repo/shop/registry.py": """\
HANDLERS = {}

def register(kind):
    def wrap(f):
        HANDLERS[kind] = f
        return f
    return wrap

class Registry:
    entries = {}

    @classmethod
    def add(cls, kind, f):
        cls.entries[kind] = f

class Plugin:
    found = []

    def __init_subclass__(cls):
        Plugin.found.append(cls)
""",
    "repo/shop/patches.py": "from shop import target\n\ndef patched():\n    return 9\n\ntarget.moving = patched\n",
    "repo/shop/target.py": "def moving():\n    return 1\n\ndef still():\n    return 2\n",
    "repo/shop/odd.py": """\
import importlib
from dagster import asset
from shop import target, plugins, registry
from shop.star import *
import space.deep.far as far
from .typing_only import Wanted
from . import counters

@asset
def whole():
    return eval("hidden()")

def hidden():
    return 1

@asset
def moved():
    return target.moving()

@asset
def dynamic(name="a"):
    return getattr(plugins, "run_" + name)()

@asset
def plugged():
    return registry.HANDLERS["csv"]("x"), registry.Registry.entries, registry.Plugin.found

@asset
def opened(kind):
    return importlib.import_module(f"shop.extras.{kind}").run()

@asset
def rebound():
    return counters.state

@asset
def spaced():
    return far.away()

@asset
def starred():
    return from_star() + CONDITIONAL

@asset
def typed(x: "Wanted"):
    return x

sub = asset(name="sub")(lambda: hidden())

@asset
def unnamed():
    return getattr(target, "still")()
""",
    "repo/shop/star.py": """\
import sys
from shop.lib.common import *

if sys.version_info >= (3, 0):
    CONDITIONAL = 1
    def from_star():
        return other_impl(1)
else:
    CONDITIONAL = 2
    def from_star():
        return 0
""",
    "repo/shop/counters.py": "state = 0\n\ndef setup(n):\n    global state\n    state = n\n\nsetup(3)\n",
    "repo/shop/typing_only.py": "class Wanted:\n    x: int = 1\n",
    "repo/shop/plugins.py": "from shop import target\n\ndef run_a():\n    return 1\n\ndef run_b():\n    return target.still()\n",
    "repo/shop/extras/__init__.py": "",
    "repo/shop/extras/one.py": "def run():\n    return 1\n",
    "repo/scripts.py": "def f():\n    return 1\n",
    "elsewhere/space/deep/far.py": "def away():\n    return 1\n",
    "site/pandas/__init__.py": "",
    "site/pandas-2.0.0.dist-info/RECORD": "pandas/__init__.py,,\npandas-2.0.0.dist-info/RECORD,,\n",
    "site/dagster/__init__.py": "",
    "site/dagster-1.9.0.dist-info/RECORD": "dagster/__init__.py,,\n",
    "site/PyOther-1.0.dist-info/RECORD": "other/__init__.py,,\n",
    "site/elsewhere.pth": "# a path\nimport site\n../elsewhere\n",
}

ENV = {"MODEL_PATH": "/models/1", "REGION": "eu", "PLAIN_PATH": "p", "API_TOKEN": "secret", "OTHER": "1"}


def asset(key, module, qualname=None, **more):
    return dict({"key": key, "module": module, "qualname": qualname or key}, **more)


ASSETS = (
    [asset(k, "shop.assets.simple") for k in ("plain", "orders", "summary", "with_db")]
    + [asset("features", "shop.assets.features"), asset("report", "shop.assets.ops"), asset("left", "shop.assets.ops", "double")]
    + [asset(k + "_clean", "shop.factory", "make_clean.<locals>.clean") for k in ("loop_a", "loop_b")]
    + [asset(k, "shop.factory", "make_clean.<locals>.clean") for k in ("orders_", "items")]
    + [asset("built", "shop.factory", "Builder.build.<locals>.made")]
    + [
        asset(k, "shop.odd")
        for k in ("whole", "moved", "dynamic", "plugged", "opened", "rebound", "spaced", "starred", "typed", "unnamed")
    ]
)
ASSETS[9]["key"] = "orders/clean"  # its call says "orders"
FACTORY = "loop_a_clean loop_b_clean orders/clean items"
EVERY = " ".join(a["key"] for a in ASSETS)
WHOLE = "whole"  # eval: all of shop.odd and what it imports

S, F, O, T, D = "repo/shop/assets/simple.py", "repo/shop/assets/features.py", "repo/shop/odd.py", "repo/shop/lib/tables.py", "repo/shop/defs.py"
P, FA, H, C = "repo/shop/assets/ops.py", "repo/shop/factory.py", "repo/shop/handlers.py", "repo/shop/lib/scoring.py"

# name, file, old, new, keys whose versions change, whether the entry point's does
EDITS = [
    ("comment", S, "# a comment", "# another", "", False),
    ("comment after code", F, "    return x * 2", "    return x * 2  # twice", "", False),
    ("docstring of a helper", F, "Doc of a helper", "Documentation", "", False),
    ("docstring of an asset", F, "Describes customers", "Describes all customers", "", True),
    ("docstring removed", F, '    """Doc of a helper."""\n', "", "", False),
    ("docstring of a module", S, "Simple assets.", "Assets.", "", False),
    ("formatting", F, "return x * 2", "return (\n        x\n        * 2\n    )", "", False),
    ("quotes", F, 'description="features"', "description='features'", "", False),
    ("blank lines", F, "def inner", "\n\n\ndef inner", "", False),
    ("trailing comma", P, "outs={\"left\": AssetOut(), \"right\": AssetOut()}", "outs={\"left\": AssetOut(), \"right\": AssetOut(),}", "", False),
    ("line continuation", F, "inner(x) / y", "inner(x) \\\n        / y", "", False),
    ("pass added", F, "    return x * 2", "    pass\n    return x * 2", "", False),
    ("number spelt differently", T, "LIMIT = 100", "LIMIT = 1_00", "", False),
    ("reordered functions", S, "@asset\ndef orders():\n    return [1, 2]\n\n@asset\ndef summary", "@asset\ndef summary", "", None),
    ("annotation of an undecorated helper", F, "def inner(x: int) -> int", "def inner(x: float) -> float", "", False),
    ("the function itself", S, "return [local", "return [1, local", "plain", False),
    ("an upstream asset", S, "return [1, 2]", "return [1, 2, 3]", "orders", False),
    ("an argument that shares its name", S, "return sum(orders)", "return max(orders)", "summary", False),
    ("helper", F, "inner(x) / y", "inner(x) * y", "features", False),
    ("helper of a helper", F, "return x * 2", "return x * 3", "features", False),
    ("default argument", F, "y=CAP", "y=7", "features", None),
    ("constant by an alias", T, "LIMIT = 100", "LIMIT = 101", "features", True),
    ("constant of the same module", S, "answer = 42", "answer = 43", "plain", True),
    ("unused constant", S, "spare = 7", "spare = 8", "", True),
    ("unused function", S, "    return 1\n", "    return 2\n", "", False),
    ("unused function in a module that is used", T, "return unrelated", "return dict(unrelated)", "", False),
    ("signature of an unused function", S, "def unused():", "def unused(x=3):", "", True),
    ("mutated table", T, 'TABLE["b"] = 2', 'TABLE["b"] = 3', "features", True),
    ("appended list", T, "ITEMS.append(3)", "ITEMS.append(4)", "features", True),
    ("mutation of something else", T, 'unrelated["k"] = 1', 'unrelated["k"] = 2', "", True),
    ("new mutation", T, "ITEMS = []", "ITEMS = []\nTABLE.update(c=1)", "features", True),
    ("effect of a module", T, '"ignore"', '"error"', EVERY, True),
    ("lambda", F, "lambda x: pick(x)", "lambda x: pick(x + 1)", "features", None),
    ("what a lambda calls", F, "return x + 1", "return x + 2", "features", None),
    ("decorator body", "repo/shop/lib/deco.py", "return note(", "return 1, note(", "features", None),
    ("what a decorator calls", "repo/shop/lib/deco.py", "    return x\n", "    return x, level\n", "features", None),
    ("decorator argument", F, "level=3", "level=4", "features", True),
    ("argument of @asset", F, 'deps=["orders"]', 'deps=["items"]', "features", True),
    ("group of another asset", S, 'group_name="simple"', 'group_name="easy"', "plain", True),
    ("lazy import", "repo/shop/lazy.py", "fast.dumps(args)", "fast.dumps(list(args))", "features", False),
    ("conditional import", "repo/shop/lazy.py", "import json as fast", "import simplejson as fast", "features", False),
    ("re-export", "repo/shop/lib/common.py", "json.dumps(x)", "json.dumps([x])", "features", False),
    ("re-export points elsewhere", "repo/shop/lib/__init__.py", "shared_impl", "other_impl", "features", False),
    ("method", C, "return x * self.weight", "return x + self.weight", "features", False),
    ("class attribute", C, "weight = 1", "weight = 2", "features", True),
    ("other method of a used class", C, "return third(self.factor)", "return third(1)", "features", False),
    ("what a method calls", C, "return x / 3", "return x / 4", "features", False),
    ("dataclass field", C, "factor: int", "factor: float", "features", True),
    ("config class", F, "limit: int = 10", "limit: int = 11", "features", True),
    ("config class field type", F, "limit: int = 10", "limit: float = 10", "features", True),
    ("op of a graph asset", P, "return x + helper()", "return x - helper()", "report", False),
    ("first op", P, "def first():\n    return 1", "def first():\n    return 11", "report", False),
    ("graph itself", P, "return second(first())", "return second(second(first()))", "report", True),
    ("helper of op and multi-asset", P, "    return 2", "    return 3", "report left", False),
    ("multi-asset", P, "yield helper()", "yield 1, helper()", "left", False),
    ("body in a factory", FA, "return scale(weight)", "return scale(weight + 1)", FACTORY, None),
    ("what a factory's asset calls", FA, "return x * 2", "return x * 3", FACTORY, None),
    ("constant of a factory", FA, '"_clean"', '"_tidy"', FACTORY, True),
    ("one call of a factory", D, 'make_clean("orders", 1)', 'make_clean("orders", 10)', "orders/clean", True),
    ("another call of a factory", D, 'make_clean("items", 2)', 'make_clean("items", 20)', "items", True),
    ("call of a factory in a loop", D, '("loop_a", 3)', '("loop_a", 30)', FACTORY, True),
    ("method of a builder", FA, "return self.factor", "return -self.factor", "built", None),
    ("argument of a builder", D, "factor=5", "factor=6", "built", True),
    ("call of a builder", D, 'build("built")', 'build(name="built")', "built", True),
    ("resource class", "repo/shop/resources.py", "return open_db(self.path)", "return [open_db(self.path)]", "with_db", None),
    ("what a resource calls", "repo/shop/resources.py", "    return path", "    return [path]", "with_db", None),
    ("argument of a resource", D, 'path="here"', 'path="there"', "with_db", True),
    ("argument of another resource", D, 'host="localhost"', 'host="remote"', "", True),
    ("registered handler", H, "return parse(path)", "return parse(path + 'x')", "plugged", None),
    ("what a handler calls", H, "    return path\n", "    return path + 'y'\n", "plugged", None),
    ("argument of a registry's decorator", H, '@register("csv")', '@register("tsv")', "plugged", True),
    ("call of a registry's method", H, 'path + "j"', 'path + "k"', "plugged", True),
    ("subclass that a base sees", H, "        return 1", "        return 2", "plugged", False),
    ("function that is not registered", H, "return 5", "return 6", "", False),
    ("patched function", "repo/shop/patches.py", "return 9", "return 10", "moved dynamic whole", None),
    ("which patch", "repo/shop/patches.py", "target.moving = patched", "target.moving = lambda: 3", "moved dynamic whole", True),
    ("patched function's original", "repo/shop/target.py", "return 1", "return 11", "moved dynamic whole", None),
    ("getattr with a constant", "repo/shop/target.py", "return 2", "return 22", "unnamed dynamic whole", False),
    ("getattr with a computed name", "repo/shop/plugins.py", "return 1", "return 11", "dynamic whole", False),
    ("eval", O, "def hidden():\n    return 1", "def hidden():\n    return 2", "whole", None),
    ("import_module with a computed name", "repo/shop/extras/one.py", "return 1", "return 2", "opened whole", False),
    ("global rebinding", "repo/shop/counters.py", "state = n", "state = n + 1", "rebound whole", True),
    ("argument of a global rebinding", "repo/shop/counters.py", "setup(3)", "setup(4)", "rebound whole", True),
    ("namespace package by a .pth file", "elsewhere/space/deep/far.py", "return 1", "return 2", "spaced whole", False),
    ("star import", "repo/shop/star.py", "return other_impl(1)", "return other_impl(2)", "starred whole", True),
    ("what a star import re-exports", "repo/shop/lib/common.py", "    return x\n", "    return [x]\n", "starred whole", None),
    ("conditional definition", "repo/shop/star.py", "CONDITIONAL = 2", "CONDITIONAL = 3", "starred whole", True),
    ("annotation in text", "repo/shop/typing_only.py", "x: int = 1", "x: int = 2", "typed whole", True),
    ("main block", D, "by hand", "by me", "", False),
    ("module nobody imports", "repo/scripts.py", "return 1", "return 2", "", False),
    ("local rename (harmless)", F, "frame", "table", "features", False),
    ("new asset", S, "def unused", "@asset\ndef newest():\n    return 1\n\ndef unused", "", True),
    ("new import", S, "import os\n", "import os\nimport json\n", "", None),
    ("decorated by another package", F, "import pandas as pd", "import polars as pd", "features", True),
]  # fmt: skip
EDITS += [  # by hand
    ("module replaced by a package", None, lambda w: (os.remove(w.path("repo/shop/lib/common.py")), w.write({"repo/shop/lib/common/__init__.py": BASE["repo/shop/lib/common.py"]})), None, "", None),
    ("file touched", None, lambda w: os.utime(w.path(F), (1, 1)), None, "", False),
    ("line ends", None, lambda w: w.write({F: BASE[F].replace("\n", "\r\n")}), None, "", False),
    ("byte order mark", None, lambda w: w.write({F: "\ufeff" + BASE[F]}), None, "", False),
    ("version of a package", None, lambda w: w.rename("site/pandas-2.0.0.dist-info", "site/pandas-2.1.0.dist-info"), None, "features", True),
    ("version of Dagster", None, lambda w: w.rename("site/dagster-1.9.0.dist-info", "site/dagster-1.10.0.dist-info"), None, EVERY, True),
    ("version of a package nobody imports", None, lambda w: w.rename("site/PyOther-1.0.dist-info", "site/PyOther-2.0.dist-info"), None, "", False),
    ("variable of the environment", None, lambda w: w.env.update(MODEL_PATH="/models/2"), None, "features", False),
    ("variable read through a helper", None, lambda w: w.env.update(REGION="us"), None, "features", False),
    ("variable that is gone", None, lambda w: w.env.pop("PLAIN_PATH"), None, "plain", False),
    ("credential", None, lambda w: w.env.update(API_TOKEN="other"), None, "", False),
    ("another variable", None, lambda w: w.env.update(OTHER="2"), None, "", False),
    ("new plug-in", None, lambda w: w.write({"repo/shop/extras/two.py": "def run():\n    return 2\n"}), None, "opened whole", None),
    ("module that shadows another", None, lambda w: w.write({"repo/space/__init__.py": "", "repo/space/deep/__init__.py": "", "repo/space/deep/far.py": "def away():\n    return 7\n"}), None, "spaced whole", None),
]  # fmt: skip


class Workspace:
    def __init__(self, files, env=ENV, cache=True):
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="codeversion"))
        self.env = dict(env)
        self.cache = self.path("cache") if cache else ""
        self.write(files)

    def path(self, name):
        return os.path.join(self.dir, *name.split("/"))

    def write(self, files):
        for name, text in files.items():
            path = self.path(name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(text if isinstance(text, bytes) else text.encode("utf-8"))

    def rename(self, old, new):
        os.rename(self.path(old), self.path(new))

    def index(self, sys_path=("repo", "site")):
        paths = [self.path(p) for p in sys_path]
        return codeversion.Index(codeversion.first_party_roots(paths, [self.path("repo")]), paths, self.cache, self.env)

    def close(self):
        shutil.rmtree(self.dir)


class Case(unittest.TestCase):
    maxDiff = None

    def workspace(self, files, **options):
        w = Workspace(files, **options)
        self.addCleanup(w.close)
        return w

    def one(self, source, qualname="a", **more):
        """The answer for one asset in a module m.py."""
        w = self.workspace(dict({"repo/m.py": source}, **more))
        return w.index().versions([asset("a", "m", qualname)])["a"]

    def changes(self, old, new, qualname="a"):
        return self.one(old, qualname)["version"] != self.one(new, qualname)["version"]


def summary(answer):
    return {p["symbol"]: p["hash"] for p in answer["parts"]}


def difference(a, b):
    a, b = summary(a), summary(b)
    return sorted(k for k in set(a) | set(b) if a.get(k) != b.get(k))


ENTRY = {"module": "shop"}


class Edits(Case):
    def check(self, edit):
        name, file, old, new, changes, entry = edit
        w = self.workspace(BASE)
        x = w.index()
        before = x.versions(ASSETS, ENTRY)
        self.assertEqual(x.errors, [])
        if file is None:
            old(w)
            x.update(None)
        else:
            self.assertIn(old, BASE[file])
            if name == "reordered functions":
                moved = BASE[file].replace(old, new) + "\n@asset\ndef orders():\n    return [1, 2]\n"
                w.write({file: moved})
            else:
                w.write({file: BASE[file].replace(old, new)})
            x.update([w.path(file)])
        after = x.versions(ASSETS, ENTRY)
        fresh = w.index().versions(ASSETS, ENTRY)
        want = set(changes.split())
        for key, was in before.items():
            now = after[key]
            changed = was["version"] != now["version"]
            self.assertTrue(now["version"].startswith("py1:"), now)
            self.assertEqual(now["version"], fresh[key]["version"], "%s: %r differs from scratch: %s" % (name, key, difference(now, fresh[key])))
            self.assertEqual(changed, bool(difference(was, now)), "%s: the parts of %r say another thing: %s" % (name, key, difference(was, now)))
            if key == WHOLE and want and WHOLE not in want:
                continue  # eval reaches nearly everything
            if key:
                self.assertEqual(changed, key in want, "%s: %r changed: %s" % (name, key, difference(was, now)))
            elif entry is not None:
                self.assertEqual(changed, entry, "%s: the entry point changed: %s" % (name, difference(was, now)))

    def test_edits(self):
        names = [e[0] for e in EDITS]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(names), 90)
        for edit in EDITS:
            with self.subTest(edit[0]):
                self.check(edit)


if __name__ == "__main__":
    unittest.main()
