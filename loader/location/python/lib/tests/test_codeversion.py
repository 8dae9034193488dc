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


SHARED = os.path.join(tempfile.gettempdir(), "unset")  # cache by content, for all workspaces of a run


def setUpModule():
    global SHARED
    SHARED = tempfile.mkdtemp(prefix="codeversion-cache")


def tearDownModule():
    shutil.rmtree(SHARED)


class Workspace:
    def __init__(self, files, env=ENV, cache="shared"):
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="codeversion"))
        self.env = dict(env)
        self.cache = SHARED if cache == "shared" else self.path("cache") if cache else ""
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
    def check(self, edit, w, x, before):
        name, file, old, new, changes, entry = edit
        if file is None:
            old(w)
            x.update(None)
        else:
            self.assertIn(old, BASE[file])
            text = BASE[file].replace(old, new)
            if name == "reordered functions":
                text += "\n@asset\ndef orders():\n    return [1, 2]\n"
            w.write({file: text})
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
        if file is not None:  # and back
            w.write({file: BASE[file]})
            x.update([w.path(file)])
            self.assertEqual(x.versions(ASSETS, ENTRY), before)

    def test_edits(self):
        names = [e[0] for e in EDITS]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(names), 90)
        w = self.workspace(BASE)
        x = w.index()
        before = x.versions(ASSETS, ENTRY)
        self.assertEqual(x.errors, [])
        for edit in EDITS:
            with self.subTest(edit[0]):
                if edit[1] is not None:
                    self.check(edit, w, x, before)
                else:
                    other = self.workspace(BASE)
                    y = other.index()
                    self.check(edit, other, y, y.versions(ASSETS, ENTRY))


class Answers(Case):
    def test_parts(self):
        w = self.workspace(BASE)
        answer = w.index().versions(ASSETS, ENTRY)
        self.assertEqual(set(answer), {a["key"] for a in ASSETS} | {""})
        plain = answer["plain"]
        self.assertEqual((plain["doc"], plain["line"], plain["coarse"]), ("Reaches nothing but a constant.", 9, ""))
        self.assertEqual(plain["file"], w.path(S))
        got = [(p["kind"], p["symbol"], p["line"]) for p in plain["parts"]]
        self.assertEqual(got, [
            ("environment", "API_TOKEN", 0), ("environment", "PLAIN_PATH", 0), ("environment", "dagster", 0), ("environment", "python", 0),
            ("code", "shop.assets.simple.answer", 6), ("code", "shop.assets.simple.plain", 9),
            ("code", "shop.lib.tables changes warnings.filterwarnings", 18),
        ])  # fmt: skip
        by_symbol = {p["symbol"]: p for p in plain["parts"]}
        self.assertEqual(by_symbol["shop.assets.simple.answer"]["text"], "answer = 42")
        self.assertEqual(by_symbol["dagster"]["hash"], "1.9.0")
        self.assertEqual(by_symbol["API_TOKEN"]["hash"], "by name only")
        symbols = [p["symbol"] for p in answer["features"]["parts"] if p["kind"] == "code"]
        self.assertEqual([x.replace("shop.", "", 1) for x in symbols], [
            "assets.features.FeatureConfig", "assets.features.choose", "assets.features.env_name", "assets.features.features",
            "assets.features.helper", "assets.features.inner", "assets.features.log", "assets.features.pick", "assets.features.setting",
            "lazy.late", "lib.common.shared_impl", "lib.deco.note", "lib.deco.traced", "lib.scoring.Base", "lib.scoring.Scorer",
            "lib.scoring.third", "lib.tables changes ITEMS, ITEMS.append", "lib.tables changes TABLE",
            "lib.tables changes warnings.filterwarnings", "lib.tables.ITEMS", "lib.tables.LIMIT", "lib.tables.TABLE", "lib.tables.names",
        ])  # fmt: skip
        self.assertEqual([x["symbol"] for x in answer["summary"]["parts"] if x["kind"] == "code" and "orders" in x["symbol"]], [])
        self.assertEqual(answer["report"]["version"] == answer["left"]["version"], False)
        for key, a in answer.items():
            self.assertEqual(a["parts"], sorted(a["parts"], key=lambda p: p["symbol"]), key)
            self.assertEqual(len({p["symbol"] for p in a["parts"]}), len(a["parts"]), key)
        text = json.dumps([[p["symbol"], p["hash"]] for a in answer.values() for p in a["parts"]])
        self.assertNotIn(w.dir, text)
        self.assertNotIn("/models/1", json.dumps(answer))
        self.assertNotIn("secret", json.dumps(answer))

    def test_coarse(self):
        answer = self.workspace(BASE).index().versions(ASSETS, ENTRY)
        for key, why in (("whole", "eval in shop.odd.whole"), ("dynamic", "getattr with a computed name on module shop.plugins"), ("opened", "import_module with a computed name")):
            self.assertIn(why, answer[key]["coarse"])
        self.assertEqual([k for k, a in answer.items() if a["coarse"] and k not in ("", "whole", "dynamic", "opened")], [])

    def test_same_elsewhere(self):
        one, other = self.workspace(BASE), self.workspace(BASE, cache=False)
        a, b = one.index().versions(ASSETS, ENTRY), other.index().versions(list(reversed(ASSETS)), ENTRY)
        self.assertEqual({k: v["version"] for k, v in a.items()}, {k: v["version"] for k, v in b.items()})

    def test_known(self):
        w = self.workspace(BASE)
        x = w.index()
        first = x.versions(ASSETS, ENTRY)
        known = {k: a["version"] for k, a in first.items()}
        again = x.versions(ASSETS, ENTRY, known)
        self.assertEqual(first[""]["files"], again[""].pop("files"))
        self.assertEqual(again, {k: {"version": v, "unchanged": True} for k, v in known.items()})
        w.write({S: BASE[S].replace("answer = 42", "answer = 1")})
        x.update([w.path(S)])
        after = x.versions(ASSETS, ENTRY, known, texts=False)
        self.assertEqual(sorted(k for k, a in after.items() if "unchanged" not in a), ["", "plain"])
        self.assertEqual({p["text"] for p in after["plain"]["parts"] if p["kind"] == "code"}, {""})

    def test_cache(self):
        w = self.workspace(BASE, cache="own")
        x = w.index()
        first = x.versions(ASSETS, ENTRY)
        self.assertGreater(x.parsed, 10)
        y = w.index()
        self.assertEqual(y.versions(ASSETS, ENTRY), first)
        self.assertEqual(y.parsed, 0)
        for base, _, names in os.walk(w.cache):
            for name in names:
                with open(os.path.join(base, name), "w") as f:
                    f.write('{"format": 0')
        z = w.index()
        self.assertEqual(z.versions(ASSETS, ENTRY), first)
        self.assertEqual(z.parsed, x.parsed)

    def test_only_changed_files_are_parsed(self):
        w = self.workspace(BASE)
        x = w.index()
        x.versions(ASSETS, ENTRY)
        parsed = x.parsed
        w.write({C: BASE[C] + "# more\n"})
        x.update([w.path(C), w.path("repo/notes.txt")])
        x.versions(ASSETS, ENTRY)
        self.assertEqual(x.parsed, parsed + 1)

    def test_also(self):
        w = self.workspace(BASE)
        x = w.index()
        assets = [dict(asset("g", "shop.assets.ops", "first"), also=[{"module": "shop.assets.ops", "qualname": "second"}])]
        before = x.versions(assets, ENTRY)["g"]["version"]
        w.write({P: BASE[P].replace("return x + helper()", "return x")})
        x.update([w.path(P)])
        self.assertNotEqual(x.versions(assets, ENTRY)["g"]["version"], before)

    def test_file_location(self):
        files = {"repo/defs/my-assets.py": "from sib import h\n\ndef a():\n    return h()\n", "repo/defs/sib.py": "def h():\n    return 1\n"}
        w = self.workspace(files)
        file = w.path("repo/defs/my-assets.py")
        one = [{"key": "a", "module": "my-assets", "qualname": "a", "file": file, "line": 3}]
        x = codeversion.Index([w.path("repo")], [w.path("repo/defs")], "")
        answer = x.versions(one, {"file": file})
        self.assertEqual([p["symbol"] for p in answer["a"]["parts"]], ["my-assets.a", "python", "sib.h"])
        w.write({"repo/defs/sib.py": "def h():\n    return 2\n"})
        x.update(None)
        self.assertNotEqual(x.versions(one, {"file": file})["a"]["version"], answer["a"]["version"])
        by_file = x.versions([{"key": "a", "file": file, "qualname": "a"}])
        self.assertEqual(by_file["a"]["version"], x.versions(one)["a"]["version"])

    def test_not_ours(self):
        w = self.workspace(BASE)
        answer = w.index().versions([asset("a", "pandas.core", "f"), asset("b", "absent.module"), {"key": "c"}])
        self.assertEqual([(p["symbol"], p["hash"]) for p in answer["a"]["parts"]][0], ("pandas", "2.0.0"))
        self.assertEqual([(p["symbol"], p["hash"]) for p in answer["b"]["parts"]][0], ("absent", "not installed"))
        self.assertEqual((answer["c"]["version"], answer["c"]["coarse"]), ("", "its function was not found"))

    def test_no_such_function(self):
        answer = self.one("def b():\n    return 1\n", "a")
        self.assertEqual(answer["coarse"], "no function a at the top level of m")
        self.assertIn("m.b", summary(answer))
        self.assertTrue(answer["version"])

    def test_package_without_distribution(self):
        w = self.workspace({"repo/m.py": "import loose\n\ndef a():\n    return loose.f()\n", "site/loose.py": "def f():\n    return 1\n"})
        x = w.index()
        before = x.versions([asset("a", "m")])["a"]["version"]
        w.write({"site/loose.py": "def f():\n    return 2\n"})
        self.assertNotEqual(w.index().versions([asset("a", "m")])["a"]["version"], before)

    def test_hash_files(self):
        w = self.workspace({"data/a.csv": "1", "data/b.csv": "2"})
        parts = codeversion.hash_files(["data/b.csv", "data/a.csv", "data/c.csv", w.path("data/a.csv")], w.dir)
        self.assertEqual([(p["kind"], p["symbol"], len(p["hash"])) for p in parts[:2]], [("file", "data/a.csv", 16), ("file", "data/b.csv", 16)])
        self.assertEqual([(p["symbol"], p["hash"]) for p in parts[2:]], [("data/c.csv", "no such file")])
        w.write({"data/a.csv": "3"})
        self.assertNotEqual(codeversion.hash_files(["data/a.csv"], w.dir)[0]["hash"], parts[0]["hash"])


class Scopes(Case):
    """What a name in a function means: each source defines a() and others; the names of what a reaches."""

    CASES = [
        ("x = 1\ndef a():\n    return x", "x"),
        ("x = 1\ndef a(x):\n    return x", ""),
        ("x = 1\ndef a(*x):\n    return x", ""),
        ("x = 1\ndef a(y=x):\n    return y", "x"),
        ("x = 1\ndef a():\n    x = 2\n    return x", ""),
        ("x = 1\ndef a():\n    for x in []: pass\n    return x", ""),
        ("x = 1\ndef a():\n    with open('') as x: return x", ""),
        ("x = 1\ndef a():\n    try: pass\n    except OSError as x: return x", ""),
        ("x = 1\ndef a():\n    import x\n    return x.y", ""),
        ("x = 1\ndef a():\n    return [x for x in range(3)]", ""),
        ("x = 1\ndef a():\n    return [x for x in x]", "x"),
        ("x = 1\ndef a():\n    return [x for y in range(3)]", "x"),
        ("x = 1\ndef a():\n    return {y: x for y in []}", "x"),
        ("x = 1\ndef a():\n    return [1 for y in [] if x]", "x"),
        ("x = 1\ndef a():\n    return [(x := y) for y in []] + [x]", ""),
        ("x = 1\ndef a():\n    return (lambda x: x)(1)", ""),
        ("x = 1\ndef a():\n    return (lambda: x)()", "x"),
        ("x = 1\ndef a():\n    def x(): pass\n    return x", ""),
        ("x = 1\ndef a():\n    def b(): return x\n    return b", "x"),
        ("x = 1\ndef a():\n    def b():\n        return x\n    x = 2\n    return b", ""),
        ("x = 1\ndef a():\n    x = 1\n    def b():\n        nonlocal x\n        x = 2\n    return b", ""),
        ("x = 1\ndef a():\n    global x\n    x = 2\n    return x", "x"),
        ("x = 1\ndef a():\n    def b():\n        global x\n        return x\n    x = 2\n    return b", "x"),
        ("x = 1\ndef a():\n    class C:\n        x = 2\n        def m(self): return x\n    return C", "x"),
        ("x = 1\nclass a:\n    y = x", "x"),
        ("x = 1\nclass a:\n    x = 2\n    def m(self): return self.x", ""),
        ("x = 1\ndef a(v):\n    match v:\n        case [x, *y]: return x\n        case {'k': 1, **x}: return x", ""),
        ("x = 1\ndef a(v):\n    match v:\n        case 1 as x: return x", ""),
        ("class x: k = 1\ndef a(v):\n    match v:\n        case x.k: return 1", "x"),
        ("class x: pass\ndef a(v):\n    match v:\n        case x(): return 1", "x"),
        ("x = 1\ndef a():\n    return f'{x}'", "x"),
        ("x = 1\ndef a():\n    return f'{1:{x}}'", "x"),
        ("x = 1\ndef a():\n    'x'\n    return 'x'", ""),
        ("x = 1\nasync def a():\n    async for y in x: await y", "x"),
        ("x = 1\ndef a():\n    y: x = 2\n    return y", ""),
        ("x = 1\ndef a(y: x) -> x:\n    return y", ""),
        ("x = 1\n@staticmethod\ndef a(y: x):\n    return y", "x"),
        ("x = 1\n@staticmethod\ndef a(y: 'list[x]'):\n    return y", "x"),
        ("x = {}\ndef a():\n    x['k'] = 1", "x"),
        ("x = {}\ndef a():\n    del x['k']", "x"),
        ("x = {}\ndef a():\n    x['k'] += 1", "x"),
        ("x = 1\ny = x + 1\ndef a():\n    return y", "x y"),
        ("x, y = 1, 2\ndef a():\n    return y", "x"),
        ("if True:\n    x = 1\nelse:\n    y = 2\ndef a():\n    return y", "x"),
        ("def x(): pass\ndef x(): return 1\ndef a():\n    return x()", "x x#2"),
        ("x = []\nx += [1]\ndef a():\n    return x", "x changes:x"),
        ("x = []\nfor i in range(3):\n    x.append(i)\ndef a():\n    return x", "x i"),
        ("x = {}\nx.update(k=1)\ny = {}\ny.update(k=1)\ndef a():\n    return x", "x changes:x"),
        ("class x: pass\nx.k = 1\ndef a():\n    return x", "x changes:x.k"),
        ("class x: pass\nsetattr(x, 'k', 1)\ndef a():\n    return x", "x changes:x.k"),
        ("def x(): pass\ndef reg(f): x.k = f\n@reg\ndef y(): return 1\ndef a():\n    return x.k()", "x y reg"),
        ("from functools import singledispatch\n@singledispatch\ndef x(v): pass\n@x.register(int)\ndef _(v): return 1\ndef a():\n    return x(1)", "x _"),
        ("import abc\nclass x(abc.ABC): pass\nclass y: pass\nx.register(y)\ndef a():\n    return x", "x y changes:x"),
        ("class x:\n    pass\nclass y(x): pass\ndef a():\n    return x.__subclasses__()", "x y"),
        ("class M(type): pass\nclass x(metaclass=M): pass\nclass y(x): pass\ndef a():\n    return x", "M x y"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import json\nx = 1\ndef a():\n    return x", "x"),
        ("x = {}\ndef keep(f): x[0] = f\ndef reg(f): keep(f)\n@reg\ndef y(): return 1\ndef a():\n    return x", "x y reg keep"),
        ("x = 1\ny = lambda: x\ndef a():\n    return y()", "x y"),
        ("def a():\n    return len([]) + x", ""),
        ("x = 1\ndef a():\n    print(x)\n", "x"),
        ("__all__ = ['a']\nx = 1\ndef a():\n    return __name__", ""),
        ("globals()['x'] = 1\ndef a():\n    return x", "x"),
        ("x = 1\ndef a():\n    return globals()['x']", "x"),
        ("x = 1\ny = 2\ndef a():\n    return globals()", "x y"),
        ("for n in 'xy':\n    globals()[n] = 1\ndef a():\n    return x", "n"),
        ("x = 1\nevery = [v for v in globals().values() if v]\nlate = 'y' in globals(), globals()['x' + ''], vars().get('x')\ndef a():\n    return x", "x"),
        ("x = 1\ny = dict(globals().items())\ndef a():\n    return y", "x y"),
        ("x = 1\nglobals().update(y=2)\ndef a():\n    return x", "x effect"),
        ("x = 1\nexec('x = 2')\ndef a():\n    return x", "x effect"),
        ("x = 1\ny = eval('x')\ndef a():\n    return x", "x"),
        ("x = 1\ndef eval(s): return s\ndef a():\n    return eval('x')", "eval"),
        ("x = 1\ndef a(df):\n    return df.eval('x')", ""),
        ("x = 1\ndef a(o, n):\n    return getattr(o, n)", ""),
        ("x = 1\ndef a():\n    return vars()", "x"),
        ("x = 1\ndef f(v):\n    return v\nv = f(x)\ndef a():\n    return v", "x f v"),
        ("log = 1\ndef b():\n    log.info('x')\nb()\ndef a():\n    return log", "log b changes:b"),
    ]  # fmt: skip

    def test_scopes(self):
        self.assertGreaterEqual(len(self.CASES), 60)
        for source, want in self.CASES:
            with self.subTest(source):
                answer = self.one(source + "\n")
                got = {p["symbol"] for p in answer["parts"] if p["kind"] == "code"} - {"m.a"}
                got = {x[2:] if x.startswith("m.") else "changes:" + x[len("m changes ") :].partition(",")[0] for x in got}
                got = {"effect" if x == "changes:e level" else x for x in got}
                self.assertEqual(got, set(want.split()), answer["coarse"])

    def test_normal_form(self):
        base = "K = 2\ndef a(x, *, y=1):\n    if x > K:\n        return [x, y]\n    return x ** 2\n"
        for old, new in (("> K", ">= K"), ("y=1", "y=2"), ("** 2", "* 2"), ("[x, y]", "(x, y)"), ("[x, y]", "[y, x]"), ("*, y", "y"), ("def a", "async def a"), ("K = 2", "K = 2.0"), ("K = 2", "K = '2'"), ("K = 2", "K = True")):
            self.assertTrue(self.changes(base, base.replace(old, new)), new)
        self.assertTrue(self.changes("def a():\n    return 0.0\n", "def a():\n    return -0.0\n"))
        self.assertTrue(self.changes("def a():\n    return b'x'\n", "def a():\n    return 'x'\n"))
        self.assertTrue(self.changes("def a(x):\n    if x:\n        y()\n    z()\n", "def a(x):\n    if x:\n        y()\n        z()\n"))
        self.assertTrue(self.changes("def a(x):\n    if x: y\n    elif z: w\n", "def a(x):\n    if x: y\n    if z: w\n"))
        self.assertTrue(self.changes("from p import f as g, h\ndef a():\n    return g(h)\n", "from p import h as g, f as h\ndef a():\n    return g(h)\n"))
        self.assertTrue(self.changes("f = 1\ndef a(x):\n    return 1 - (2 - x)\n", "f = 1\ndef a(x):\n    return (1 - 2) - x\n"))
        self.assertFalse(self.changes("def a(x):\n    return (1 - 2) - x\n", "def a(x):\n    return 1 - 2 - x\n"))

    def test_swapped_imports(self):
        files = {"repo/p.py": "def f():\n    return 1\n\ndef h():\n    return 2\n"}
        one = self.one("from p import f as g, h as k\ndef a():\n    return g() - k()\n", **files)
        other = self.one("from p import h as g, f as k\ndef a():\n    return g() - k()\n", **files)
        self.assertNotEqual(one["version"], other["version"])
        self.assertTrue(difference(one, other))

    def test_environment(self):
        for source, want in (
            ("import os\ndef a():\n    return os.environ['A']", "A"),
            ("from os import environ, getenv as g\ndef a():\n    return environ.get('A'), environ['B'], 'C' in environ", "A B C"),
            ("import os\nN = 'A'\ndef a():\n    return os.getenv(N)", "A"),
            ("import os\ndef get(n):\n    return os.environ[n]\ndef a():\n    return get('A')", "A"),
            ("import os\ndef a(n):\n    os.environ['A'] = 'x'", ""),
            ("import dagster as dg\nr = dg.EnvVar('A')\ndef a():\n    return r, dg.EnvVar.int('B')", "A B"),
        ):
            got = [p["symbol"] for p in self.one(source + "\n")["parts"] if p["kind"] == "environment" and p["symbol"] not in ("python", "dagster")]
            self.assertEqual(got, want.split(), source)
        answer = self.one("import os\ndef a():\n    return os.environ['A' + str(1)]\n")
        self.assertEqual(answer["coarse"], "an environment variable with a computed name in m.a")


class Imports(Case):
    def reaches(self, files, want, module="p.m"):
        w = self.workspace({"repo/" + k: v for k, v in files.items()})
        x = w.index()
        answer = x.versions([asset("a", module)])["a"]
        self.assertEqual(x.errors, [])
        self.assertEqual({p["symbol"] for p in answer["parts"] if p["kind"] == "code"} - {module + ".a"}, set(want.split()), answer["coarse"])
        return answer

    def test_settings(self):
        source = (
            "from pydantic import Field, AliasChoices\nfrom pydantic_settings import BaseSettings, SettingsConfigDict\n"
            "class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='SHOP_')\n    rate: int = 1\n"
            "    region: str = Field('eu', validation_alias=AliasChoices('REGION', 'AREA'))\n    local = 1\n"
            "class Old(BaseSettings):\n    size: int = 1\n    class Config:\n        env_prefix = 'old_'\n"
            "def a():\n    return S().rate + Old().size\ndef b():\n    return 1\n"
        )
        w = self.workspace({"repo/m.py": source})
        assets = [{"key": k, "module": "m", "qualname": k, "file": w.path("repo/m.py"), "line": 1} for k in "ab"]

        def versions(**env):
            answer = codeversion.Index([w.path("repo")], [w.path("repo")], "", env).versions(assets, {"module": "m"})
            return answer["a"]["version"], answer["b"]["version"]

        before = versions()
        for name in ("SHOP_RATE", "shop_rate", "REGION", "AREA", "OLD_SIZE"):
            after = versions(**{name: "2"})
            self.assertNotEqual(before[0], after[0], name)
            self.assertEqual(before[1], after[1], name)
        self.assertEqual(before, versions(RATE="2", LOCAL="2", OTHER="3"))

    def test_forms(self):
        h = "def h():\n    return 1\n"
        for text, use in (
            ("import p.u", "p.u.h()"), ("import p.u as v", "v.h()"), ("from p import u", "u.h()"), ("from p.u import h", "h()"), ("from .u import h as k", "k()"),
            ("from . import u as v", "v.h()"), ("from .u import *", "h()"), ("from p.u import (h,)", "h"), ("import p", "p.u.h()"),
            ("import importlib\nu = importlib.import_module('p.u')", "u.h()"), ("u = __import__('p.u')", "u.h()"), ("import importlib", "importlib.import_module('.u', 'p').h()"),
            ("import importlib", "importlib.import_module('.u', __package__).h()"),
        ):  # fmt: skip
            extra = " p.m.u" if text.endswith("('p.u')") else ""
            self.reaches({"p/__init__.py": "", "p/u.py": h, "p/m.py": "%s\n\ndef a():\n    return %s\n" % (text, use)}, "p.u.h" + extra)
            if "*" not in text and "import_module" not in text and "__import__" not in text:
                self.reaches({"p/__init__.py": "", "p/u.py": h, "p/m.py": "def a():\n    %s\n    return %s\n" % (text, use)}, "p.u.h")

    def test_chains(self):
        self.reaches({"p/__init__.py": "from .q import h\n", "p/q.py": "from .r import h\n", "p/r.py": "from .s import *\n", "p/s.py": "def h(): pass\n", "p/m.py": "from p import h\n\ndef a():\n    h()\n"}, "p.s.h")
        self.reaches({"p/__init__.py": "", "p/s/t/u.py": "def h(): pass\n", "p/m.py": "import p.s.t.u\n\ndef a():\n    p.s.t.u.h()\n"}, "p.s.t.u.h")

    def test_cycle(self):
        self.reaches({"p/__init__.py": "", "p/x.py": "from . import m\n\ndef h():\n    return m.a\n", "p/m.py": "from .x import h\n\ndef a():\n    h()\n"}, "p.x.h")
        self.reaches({"p/__init__.py": "from .x import *\n", "p/x.py": "from .y import *\n", "p/y.py": "from .x import *\nfrom p import h\n", "p/m.py": "from .x import h\n\ndef a():\n    h()\n"}, "")

    def test_module_getattr(self):
        answer = self.reaches({"p/__init__.py": "", "p/x.py": "def __getattr__(name):\n    return other\n\ndef other(): pass\n", "p/m.py": "from . import x\n\ndef a():\n    x.anything()\n"}, "p.x.__getattr__ p.x.other")
        self.assertIn("no name anything in p.x", answer["coarse"])

    def test_module_as_value(self):
        answer = self.reaches({"p/__init__.py": "", "p/x.py": "def one(): pass\n\ndef two(): pass\n", "p/m.py": "from . import x\n\ndef a():\n    return run(x)\n"}, "p.x.one p.x.two")
        self.assertEqual(answer["coarse"], "module p.x used as a value in p.m.a")

    def test_effects_of_imports(self):
        w = self.workspace({"repo/p/__init__.py": "import p.setup\n", "repo/p/setup.py": "import pandas\nfrom .o import v\npandas.set_option('x', v)\n", "repo/p/o.py": "v = 1\n", "repo/p/m.py": "def a(): pass\n"})
        got = summary(w.index().versions([asset("a", "p.m")])["a"])
        self.assertEqual(sorted(got), ["p.m.a", "p.o.v", "p.setup changes pandas.set_option", "pandas", "python"])

    def test_stdlib_and_names_like_it(self):
        answer = self.reaches({"p/__init__.py": "", "p/m.py": "import json, csv\n\ndef a():\n    json.dumps(csv)\n"}, "")
        self.assertEqual([p["symbol"] for p in answer["parts"]], ["p.m.a", "python"])
        self.reaches({"p/__init__.py": "", "p/json.py": "def h(): pass\n", "p/m.py": "from . import json\n\ndef a():\n    json.h()\n"}, "p.json.h")
        self.reaches({"statistics.py": "def h(): pass\n", "p/__init__.py": "", "p/m.py": "import statistics\n\ndef a():\n    statistics.h()\n"}, "statistics.h")

    def test_spelling_counts(self):
        answer = self.one("import Helper\n\ndef a():\n    return Helper.f()\n", **{"repo/helper.py": "def f():\n    return 1\n"})
        self.assertIn(("Helper", "not installed"), [(p["symbol"], p["hash"]) for p in answer["parts"]])


class Roots(Case):
    def test_first_party_roots(self):
        w = self.workspace({
            "repo/pyproject.toml": '[tool.uv.sources]\nshared = { path = "../shared", editable = true }\n[tool.uv.workspace]\nmembers = [\n  "packages/*",\n  "../outside",\n]\n',
            "repo/packages/one/pyproject.toml": "", "outside/pyproject.toml": "", "shared/pyproject.toml": "", "by_pth/x.py": "", "mapped/src/lib/__init__.py": "", "editable/e.py": "", "copied/src/c.py": "",
            "venv/lib/a.pth": "# nothing\nimport sys; sys.exit(1)\n../../by_pth\n/absent/folder\n",
            "venv/lib/b.pth": "import __editable___lib_1_0_finder; __editable___lib_1_0_finder.install()\n",
            "venv/lib/c-1.0.dist-info/RECORD": "c.py,,\nc-1.0.dist-info/RECORD,,\n", "venv/lib/c.py": "", "venv/lib/plain/__init__.py": "",
        })  # fmt: skip
        w.write({
            "venv/lib/__editable___lib_1_0_finder.py": "import sys\nMAPPING: dict[str, str] = {'lib': %r}\nNAMESPACES = {}\nraise SystemExit\n" % w.path("mapped/src/lib"),
            "venv/lib/e-1.0.dist-info/direct_url.json": json.dumps({"url": "file://" + w.path("editable"), "dir_info": {"editable": True}}),
            "venv/lib/c-1.0.dist-info/direct_url.json": json.dumps({"url": "file://" + w.path("copied"), "dir_info": {}}),
            "venv/lib/v-1.0.dist-info/direct_url.json": json.dumps({"url": "https://example.com/v.git", "vcs_info": {"commit_id": "abc"}}),
            "venv/lib/bad-1.0.dist-info/direct_url.json": "[not json",
        })  # fmt: skip
        got = codeversion.first_party_roots([w.path("repo"), w.path("venv/lib")], [w.path("repo")])
        want = ["by_pth", "copied", "editable", "mapped/src/lib", "outside", "repo", "shared", "venv/lib/c.py"]
        self.assertEqual(got, [w.path(p) for p in want])
        w.write({"repo/m.py": "import lib, c, x, e\n\ndef a():\n    return lib.f(), c.f(), x.f(), e.f()\n", "editable/e.py": "def f(): pass\n"})
        for name in ("mapped/src/lib/__init__.py", "venv/lib/c.py", "by_pth/x.py"):
            w.write({name: "def f():\n    return 1\n"})
        x = codeversion.Index(got, [w.path("repo"), w.path("venv/lib")], "")
        self.assertEqual([p["symbol"] for p in x.versions([asset("a", "m")])["a"]["parts"]], ["c.f", "e.f", "lib.f", "m.a", "python", "x.f"])

    def test_member_of_a_workspace_above(self):
        w = self.workspace({"pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*']\n", "packages/one/pyproject.toml": "", "packages/two/pyproject.toml": "", "packages/none/x": ""})
        self.assertEqual(codeversion.first_party_roots([], [w.path("packages/one")]), [w.path("packages/one"), w.path("packages/two")])
        w.write({"pyproject.toml": "[tool.uv.workspace]\nmembers = ['other/*']\n"})
        self.assertEqual(codeversion.first_party_roots([], [w.path("packages/one")]), [w.path("packages/one")])

    def test_an_environment_inside_is_not_ours(self):
        w = self.workspace({"repo/m.py": "import dep\n\ndef a():\n    return dep.f()\n", "repo/.venv/lib/python3.11/site-packages/dep.py": "def f(): pass\n", "repo/.venv/lib/python3.11/site-packages/dep-3.dist-info/RECORD": "dep.py,,\n"})
        paths = [w.path("repo"), w.path("repo/.venv/lib/python3.11/site-packages")]
        x = codeversion.Index(codeversion.first_party_roots(paths, [w.path("repo")]), paths, "")
        self.assertEqual([(p["symbol"], p["hash"]) for p in x.versions([asset("a", "m")])["a"]["parts"]][0], ("dep", "3"))

    def test_names_of_distributions(self):
        w = self.workspace({
            "repo/m.py": "import yaml, six, np_ext, google.cloud.x\n\ndef a():\n    return yaml, six, np_ext, google.cloud.x\n",
            "site/PyYAML-6.0.1.dist-info/RECORD": "yaml/__init__.py,sha256=x,1\nyaml/_yaml.so,,\n../../bin/y,,\n", "site/six-1.16.dist-info/RECORD": "six.py,,\n__pycache__/six.cpython-311.pyc,,\n",
            "site/np-2.dist-info/RECORD": "np_ext.cpython-311-x86_64-linux-gnu.so,,\n", "site/google_cloud_x-3.dist-info/RECORD": "google/cloud/x/__init__.py,,\n",
            "site/old-0.1-py3.11.egg-info/top_level.txt": "old\n",
        })  # fmt: skip
        got = [(p["symbol"], p["hash"]) for p in w.index().versions([asset("a", "m")])["a"]["parts"]]
        self.assertEqual(got, [("google-cloud-x", "3"), ("m.a", got[1][1]), ("np", "2"), ("python", codeversion.PYTHON), ("pyyaml", "6.0.1"), ("six", "1.16")])


class Robustness(Case):
    def test_syntax_error(self):
        w = self.workspace(dict(BASE, **{"repo/other.py": "def b():\n    return 1\n", P: "def broken(:\n"}))
        x = w.index()
        assets = [asset("plain", "shop.assets.simple"), asset("b", "other")]
        answer = x.versions(assets, ENTRY)
        self.assertEqual([(e["file"], e["line"], e["column"], e["message"]) for e in x.errors], [(w.path(P), 1, 12, "invalid syntax")])
        self.assertEqual((answer["plain"]["version"], answer["plain"]["error"]["line"]), ("", 1))
        self.assertTrue(answer["b"]["version"])
        self.assertEqual(answer[""]["version"], "")
        w.write({P: BASE[P]})
        x.update([w.path(P)])
        after = x.versions(assets, ENTRY)
        self.assertEqual(x.errors, [])
        self.assertTrue(after["plain"]["version"] and after[""]["version"])
        self.assertEqual(after["plain"]["version"], w.index().versions(assets, ENTRY)["plain"]["version"])

    def test_bytes_that_do_not_parse(self):
        for content, line in ((b"def a():\n    return '\0'\n", 2), (b"x = 1\ny = '\xff'\n", None), (b"# coding: no-such\nx = 1\n", None), (b"def a():\nreturn 1\n", 2), (b"\xff\xfex", None), (b"x = (" * 300, None)):
            w = self.workspace({"repo/m.py": content, "repo/n.py": "def a(): pass\n"})
            x = w.index()
            answer = x.versions([asset("a", "m"), asset("b", "n", "a")])
            self.assertEqual(answer["a"]["version"], "", content[:40])
            error = answer["a"]["error"]
            self.assertEqual(error["file"], w.path("repo/m.py"))
            self.assertTrue(error["message"] and error["column"] >= 1 and error["line"] >= 1, error)
            if line:
                self.assertEqual(error["line"], line, content)
            self.assertTrue(answer["b"]["version"])

    def test_other_encodings(self):
        latin = "# -*- coding: latin-1 -*-\ndef a():\n    return 'é'\n"
        w = self.workspace({"repo/m.py": latin.encode("latin-1")})
        x = w.index()
        before = x.versions([asset("a", "m")])["a"]
        self.assertTrue(before["version"])
        w.write({"repo/m.py": latin.replace("latin-1", "utf-8").encode("utf-8")})
        x.update(None)
        self.assertEqual(x.versions([asset("a", "m")])["a"]["version"], before["version"])
        self.assertTrue(self.one("def a():\n    return '\\ud800'\n")["version"])

    def test_deep_nesting(self):
        for source in (
            "def a():\n    return " + "-" * 3000 + "1\n",
            "def a():\n    return " + "+".join(["x"] * 8000) + "\n",
            "def a(x):\n" + "    if x == 0: pass\n" + "".join("    elif x == %d: pass\n" % i for i in range(3000)),
            "def a(x):\n    return x" + ".f(1)" * 1500 + "\n",
            "def a(x):\n    return " + "[" * 150 + "]" * 150 + "\n",
        ):
            answer = self.one(source)
            self.assertTrue(answer["version"] or answer["error"]["message"], source[:60])
            changed = self.one(source.replace("def a(", "def a(more=1, ").replace(", )", ")"))
            self.assertTrue(changed["version"] != answer["version"] or "error" in answer)

    def test_large_file(self):
        rows = "".join("    (%d, 'name %d', %d.5),\n" % (i, i, i) for i in range(30000))
        source = "ROWS = [\n%s]\n\ndef a():\n    return ROWS\n" % rows
        self.assertGreater(len(source), 1000000)
        self.assertTrue(self.changes(source, source.replace("'name 29999'", "'name'")))
        answer = self.one("# " + "x" * (codeversion.MAX_BYTES) + "\ndef a(): pass\n")
        self.assertIn("a file of more than 4 MiB", answer["coarse"])

    @unittest.skipIf(sys.platform == "win32", "links")
    def test_links(self):
        w = self.workspace({"repo/p/__init__.py": "", "repo/p/m.py": "import importlib\n\ndef a(n):\n    return importlib.import_module('p.' + n)\n", "real/lib.py": "def f():\n    return 1\n"})
        os.symlink(w.path("repo/p"), w.path("repo/p/again"))
        os.symlink(w.path("repo/p/loop.py"), w.path("repo/p/loop.py"))
        os.symlink(w.path("absent.py"), w.path("repo/p/gone.py"))
        os.symlink(w.path("real/lib.py"), w.path("repo/p/linked.py"))
        x = codeversion.Index([w.path("repo"), w.path("real")], [w.path("repo")], "")
        before = x.versions([asset("a", "p.m")])["a"]
        self.assertTrue(before["version"])
        w.write({"real/lib.py": "def f():\n    return 2\n"})
        x.update([w.path("real/lib.py")])
        self.assertNotEqual(x.versions([asset("a", "p.m")])["a"]["version"], before["version"])

    def test_files_come_and_go(self):
        w = self.workspace({"repo/m.py": "from lib import f\n\ndef a():\n    return f()\n"})
        x = w.index()
        seen = [x.versions([asset("a", "m")])["a"]["version"]]

        def now(paths):
            x.update(paths)
            got = x.versions([asset("a", "m")])["a"]["version"]
            self.assertEqual(got, w.index().versions([asset("a", "m")])["a"]["version"])
            seen.append(got)

        w.write({"repo/lib.py": "def f():\n    return 1\n"})
        now([w.path("repo/lib.py")])
        w.write({"repo/lib/__init__.py": "def f():\n    return 2\n"})
        now([w.path("repo/lib")])
        shutil.rmtree(w.path("repo/lib"))
        now([w.path("repo/lib/__init__.py")])
        os.remove(w.path("repo/lib.py"))
        now(None)
        self.assertEqual((seen[0], seen[1]), (seen[4], seen[3]))
        self.assertEqual(len(set(seen)), 3)
        os.remove(w.path("repo/m.py"))
        x.update([w.path("repo/m.py")])
        self.assertNotEqual(x.versions([asset("a", "m")])["a"]["version"], seen[4])

    def test_rewritten_within_a_tick(self):
        w = self.workspace({"repo/m.py": "def a():\n    return 1\n"})
        x = w.index()
        path = w.path("repo/m.py")
        info = os.stat(path)
        before = x.versions([asset("a", "m")])["a"]["version"]
        w.write({"repo/m.py": "def a():\n    return 2\n"})
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
        x.update(None)
        self.assertNotEqual(x.versions([asset("a", "m")])["a"]["version"], before)

    def test_stat_keys_of_young_files_are_no_evidence(self):
        w = self.workspace({"repo/m.py": "def a():\n    return 1\n"})
        x = w.index()
        real = codeversion._stat_key
        self.addCleanup(setattr, codeversion, "_stat_key", real)
        codeversion._stat_key = lambda info: 0  # a file system that tells no change
        before = x.versions([asset("a", "m")])["a"]["version"]
        w.write({"repo/m.py": "def a():\n    return 2\n"})
        x.update(None)
        self.assertNotEqual(x.versions([asset("a", "m")])["a"]["version"], before)

    def test_edits_of_what_is_between(self):
        """Edits that keep the statements of a file: into a graph that is there, with the same result as from scratch."""
        for files, edits in (
            ({"m": "def a():\n    return b()\n\ndef b():\n    return c()\n\ndef c():\n    return 1\n"}, [("m", "return 1", "return b()"), ("m", "return c()", "return 2"), ("m", "return b()", "return c()")]),
            ({"m": "X = {}\nY = {}\n\ndef reg(f):\n    X[0] = f\n    Y\n\n@reg\ndef h():\n    return 1\n\ndef a():\n    return Y\n"}, [("m", "X[0] = f\n    Y", "X\n    Y[0] = f"), ("m", "return 1", "return 2")]),
            (
                {"m": "import x\n\ndef a(n):\n    return getattr(x, n)\n", "x": "from q import h\n", "q": "from r import f as h\n", "r": "def f():\n    return 1\n\ndef g():\n    return 2\n"},
                [("q", "f as h", "g as h"), ("r", "return 2", "return 3")],
            ),
        ):  # fmt: skip
            w = self.workspace({"repo/%s.py" % k: v for k, v in files.items()})
            x = w.index()
            seen = [x.versions([asset("a", "m")])["a"]]
            for name, old, new in edits:
                self.assertIn(old, files[name])
                files[name] = files[name].replace(old, new, 1)
                w.write({"repo/%s.py" % name: files[name]})
                x.update([w.path("repo/%s.py" % name)])
                seen.append(x.versions([asset("a", "m")])["a"])
                self.assertEqual(seen[-1], w.index().versions([asset("a", "m")])["a"], files)
                self.assertNotEqual(seen[-1]["version"], seen[-2]["version"], (name, new))

    def test_strange_requests(self):
        w = self.workspace(BASE)
        x = w.index()
        for one in ({"key": "a"}, {"key": "a", "module": "..", "qualname": "x"}, {"key": "a", "module": "shop.assets.simple", "qualname": "<lambda>"}, {"key": "a", "file": "/absent.py", "qualname": "x"}, {"key": "", "module": "shop", "qualname": "a.<locals>.b"}, {"key": "a", "module": "shop\0", "qualname": "\n"}):
            x.versions([one], ENTRY)


class Properties(Case):
    WORDS = ("alpha", "beta", "gamma", "delta", "omega")

    def program(self, r):
        """Modules at random: functions that call functions of their own and lower modules, constants, tables. Returns the files as lists
        of chunks, and the functions."""
        files, functions = {}, []
        for number in range(r.randint(2, 5)):
            name, chunks, heads = "m%d" % number, [], []
            for other in range(number):
                style = r.randrange(3)
                heads.append(("import m%d", "from m%d import *", "import m%d as z%d")[style] % ((other,) if style < 2 else (other, other)))
                for f in [f for f in functions if f[0] == other]:
                    f[2][number] = ("m%d.%s", "%.0d%s", "z%d.%s")[style] % (other, f[1]) if style != 1 else f[1]
            for k in range(r.randint(1, 4)):
                label = "%s_%d_%d" % (r.choice(self.WORDS), number, k)
                calls = [f for f in functions if (number in f[2]) and r.random() < 0.4]
                body = "".join("    t += %s(x, %d)\n" % (f[2][number], r.randrange(99)) for f in calls)
                constant = "C%d_%d" % (number, k)
                table = "T%d_%d" % (number, k)
                chunks.append((label, "%s = %d\n%s = {}\n%s[%d] = %d\n" % (constant, r.randrange(1000), table, table, k, r.randrange(1000)), (constant, table)))
                text = "def %s(x, n=%d):\n    t = %s + len(%s) + %d\n%s    return t\n" % (label, r.randrange(9), constant, table, r.randrange(1000, 9999), body)
                chunks.append((label, text, [f[1] for f in calls]))
                functions.append((number, label, {number: label}))
            files[name] = (heads, chunks)
        return files, functions

    def reached(self, files, root):
        calls = {label: needs for _, chunks in files.values() for label, _, needs in chunks if isinstance(needs, list)}
        reached, stack = set(), [root[1]]
        while stack:
            label = stack.pop()
            if label not in reached:
                reached.add(label)
                stack.extend(calls[label])
        return reached

    def render(self, files):
        return {"repo/%s.py" % name: "\n".join(heads) + "\n" + "\n".join(text for _, text, _ in chunks) for name, (heads, chunks) in files.items()}

    def test_random_edits(self):
        for seed in range(int(os.environ.get("ASSETDEV_SEEDS", "25"))):
            r = random.Random(seed)
            files, functions = self.program(r)
            root = functions[-1]
            w = self.workspace(self.render(files), cache=False)
            x = codeversion.Index([w.path("repo")], [w.path("repo")], "")
            assets = [asset("a", "m%d" % root[0], root[1])]
            version = x.versions(assets)["a"]["version"]
            self.assertTrue(version)
            for _ in range(8):
                name = r.choice(sorted(files))
                heads, chunks = files[name]
                at = r.randrange(len(chunks))
                label, text, needs = chunks[at]
                lines = text.split("\n")
                kind, reached = r.randrange(5), self.reached(files, root)
                if kind == 4 and not text.startswith("def"):
                    kind = 3
                if kind == 0:
                    where = r.randrange(len(lines))
                    lines.insert(where, ("    " if where and lines[where - 1].startswith((" ", "def")) else "") + r.choice(("# noise %d" % r.randrange(9), "")))
                    text, changes = "\n".join(lines), False
                elif kind == 1:
                    lines = [line + r.choice(("", "  # %d" % r.randrange(99), "   ")) if line else line for line in lines]
                    text, changes = "\n".join(lines), False
                elif kind == 2 and text.startswith("def"):
                    head = lines.index(next(line for line in lines if line.startswith("def")))
                    lines.insert(head + 1, '    """Words %d."""' % r.randrange(999)) if '"""' not in text else None
                    text, changes = "\n".join(lines), False
                elif kind == 4:  # another call, which may close a cycle
                    number = int(name[1:])
                    callee = r.choice([f for f in functions if number in f[2]])
                    text = text.replace("    return t", "    t -= %s(x, %d)\n    return t" % (callee[2][number], r.randrange(99)))
                    needs, changes = needs + [callee[1]], label in reached
                else:
                    import re

                    found = [m for m in re.finditer(r"(?<![\w#. ])\d+|(?<== )\d+|(?<=\+ )\d+", re.sub(r"#.*|\"\"\".*", lambda m: " " * len(m.group()), text))]
                    m = r.choice(found)
                    text, changes = text[: m.start()] + str(int(m.group()) + 10001) + text[m.end() :], label in reached
                chunks[at] = (label, text, needs)
                w.write(self.render({name: files[name]}))
                x.update(r.choice((None, [w.path("repo/%s.py" % name)])))
                now = x.versions(assets)["a"]["version"]
                where = "seed %d, %s in %s:\n%s" % (seed, ("comment", "comments", "docstring", "literal", "call")[kind], name, text)
                self.assertTrue(now, where)
                self.assertEqual(now != version, changes, where)
                fresh = codeversion.Index([w.path("repo")], [w.path("repo")], "")
                self.assertEqual(fresh.versions(assets)["a"]["version"], now, where)
                version = now

    IMPORTS = (
        "from shop.lib import tables as extra\n", "from shop.lib.common import *\n", "from shop.target import still as helper\n", "helper = 3\n", "late = 4\n",
        "def inner(x):\n    return x\n", "globals()['dynamic'] = 1\n", "names = note = score = patched = 5\n", "import shop.lazy\n", "def broken(:\n",
    )  # fmt: skip

    def test_sequences_of_edits(self):
        """Edits and their reverts one upon another: always the same as from scratch."""
        edits = [e for e in EDITS if e[1] is not None]
        paths = sorted(k for k in BASE if k.endswith(".py"))
        for seed in range(int(os.environ.get("ASSETDEV_SEEDS", "5"))):
            r = random.Random(seed)
            w = self.workspace(BASE)
            x, files, done = w.index(), dict(BASE), []
            x.versions(ASSETS, ENTRY)
            for _ in range(12):
                touched = []
                for _ in range(r.choice((1, 1, 2))):
                    e, kind = r.choice(edits), r.randrange(4)
                    path = e[1] if kind < 2 else r.choice(paths)
                    if kind < 2 and e[2] in files[path]:
                        files[path] = files[path].replace(e[2], e[3])
                        done.append(e[0])
                    elif kind == 2:
                        line = r.choice(self.IMPORTS)
                        files[path] = r.choice((line + files[path], files[path] + line))
                        done.append(line + " in " + path)
                    else:
                        files[path] = BASE[path]
                        done.append("revert " + path)
                    w.write({path: files[path]})
                    touched.append(w.path(path))
                x.update(r.choice((None, touched)))
                now, fresh = x.versions(ASSETS, ENTRY), w.index().versions(ASSETS, ENTRY)
                for key in now:
                    self.assertEqual(now[key], fresh[key], "seed %d: %r after %s" % (seed, key, "; ".join(done)))

    def test_damaged_source(self):
        """Source cut and spliced at random: an answer or an error with a place, never an exception, and the same from scratch."""
        texts = [BASE[k].encode() for k in sorted(BASE) if k.endswith(".py") and BASE[k]]
        for seed in range(int(os.environ.get("ASSETDEV_SEEDS", "150"))):
            r = random.Random(seed)
            content = b"".join(t[r.randrange(len(t)) :][: r.randrange(400)] for t in r.sample(texts, 3))
            content = bytes(b if r.random() > 0.002 else r.randrange(256) for b in content)
            got = codeversion.summarise(content)
            self.assertEqual(json.loads(json.dumps(got)), json.loads(json.dumps(codeversion.summarise(content))))
            if "error" in got:
                self.assertTrue(got["error"]["line"] >= 1 and got["error"]["column"] >= 1 and got["error"]["message"])
            else:
                w = self.workspace({"repo/m.py": content}, cache=False)
                w.index().versions([asset("a", "m")])

    def test_globals_of_the_library(self):
        """Names that symtable calls global in the standard library's functions are references of their nodes."""
        import ast
        import symtable

        class Plain(ast.NodeTransformer):
            """Annotations of functions do not count, except with decorators."""

            def visit_FunctionDef(self, node):
                self.generic_visit(node)
                node.returns = None
                return node

            visit_AsyncFunctionDef = visit_FunctionDef

            def visit_arg(self, node):
                return ast.arg(node.arg)

            def visit_AnnAssign(self, node):
                self.generic_visit(node)
                return ast.copy_location(ast.Assign([node.target], node.value), node) if node.value else ast.Pass()

        folder, total = os.path.dirname(os.__file__), 0
        for name in ("argparse.py", "typing.py", "tarfile.py", "dataclasses.py", "inspect.py", os.path.join("asyncio", "tasks.py"), codeversion.__file__):
            with open(os.path.join(folder, name), "rb") as f:
                source = f.read()
            got = codeversion.summarise(source)
            self.assertNotIn("error", got)
            bound = set(got["binds"]) | {n for node in got["nodes"] for n in node["n"]}
            table = symtable.symtable(ast.unparse(Plain().visit(ast.parse(source))), name, "exec")

            def free(t):
                names = {s.get_name() for s in t.get_symbols() if s.is_global() and s.is_referenced()} if t.get_type() == "function" else set()
                return names.union(*[free(c) for c in t.get_children()])

            wanted, seen, count = {}, {}, 0
            for t in table.get_children():
                if t.get_type() == "function":
                    seen[t.get_name()] = seen.get(t.get_name(), 0) + 1
                    wanted[t.get_name()] = free(t) & bound
            for node in got["nodes"]:
                if node["k"] == "def" and seen.get(node["n"][0]) == 1:
                    refs = {r.partition(":")[2].partition(".")[0].partition("=")[0] for r in node["d"] + node["b"]}
                    self.assertEqual(wanted[node["n"][0]] - refs, set(), "%s in %s" % (node["n"], name))
                    count += len(wanted[node["n"][0]])
            total += count
        self.assertGreater(total, 50)


class Protocol(Case):
    def test_service(self):
        w = self.workspace(BASE)
        s = codeversion.Service()
        opened = s.handle({"id": 1, "op": "open", "workspace_roots": [w.path("repo")], "sys_path": [w.path("site")], "paths": [w.path("repo")], "cache_dir": w.cache, "env": ENV})
        self.assertEqual(opened, {"id": 1, "roots": [w.path("elsewhere"), w.path("repo")]})
        first = s.handle({"op": "versions", "assets": ASSETS, "entry": ENTRY})
        self.assertEqual(first["versions"], w.index().versions(ASSETS, ENTRY))
        known = {k: a["version"] for k, a in first["versions"].items()}
        w.write({S: BASE[S].replace("42", "43")})
        second = s.handle({"op": "versions", "assets": ASSETS, "entry": ENTRY, "known": known, "update": [w.path(S)]})
        self.assertEqual(sorted(k for k, a in second["versions"].items() if "unchanged" not in a), ["", "plain"])
        self.assertEqual(second["errors"], [])
        self.assertEqual(s.handle({"op": "close", "id": "x"}), {"id": "x"})
        for bad in ({}, [], 3, None, {"op": "nope"}, {"op": "versions"}, {"op": "open", "roots": 3}, {"op": "files", "files": 7}, {"op": "__class__"}):
            self.assertIn("error", s.handle(bad), bad)

    def test_process(self):
        w = self.workspace(BASE)
        requests = [
            {"id": 1, "op": "open", "workspace_roots": [w.path("repo")], "sys_path": [w.path("repo"), w.path("site")], "cache_dir": w.cache, "env": ENV},
            "not json", {"id": 2, "op": "versions", "assets": ASSETS, "entry": ENTRY}, "", {"id": 3, "op": "roots", "workspace_roots": [w.path("repo")]},
        ]  # fmt: skip
        text = "".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in requests)
        done = subprocess.run([sys.executable, "-I", "-S", "-c", "import sys; sys.path.insert(0, %r); from assetdev_bridge.codeversion import main; main()" % LIB], input=text.encode(), capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([a.get("id") for a in answers], [1, None, 2, 3])
        self.assertEqual(answers[2]["versions"], w.index().versions(ASSETS, ENTRY))
        done = subprocess.run([sys.executable, "-m", "assetdev_bridge.codeversion"], input=b'{"op": "files", "files": []}\n', capture_output=True, timeout=60, cwd=LIB)
        self.assertEqual((done.returncode, done.stdout), (0, b'{"id":null,"parts":[]}\n'))

    def test_imports_little(self):
        done = subprocess.run([sys.executable, "-I", "-S", "-c", "import sys; sys.path.insert(0, %r); import assetdev_bridge.codeversion; print(' '.join(sorted(sys.modules)))" % LIB], capture_output=True, timeout=60)
        loaded = set(done.stdout.decode().split())
        self.assertTrue(loaded)
        for heavy in ("ast", "importlib.metadata", "inspect", "typing", "email", "pathlib", "tempfile", "json", "tomllib", "glob", "dagster"):
            self.assertNotIn(heavy, loaded)

    def test_runs_nothing(self):
        w = self.workspace({"repo/m.py": "open(%r, 'w').close()\n\ndef a(): pass\n", "repo/x.pth": "import m\n"})
        w.write({"repo/m.py": "open(%r, 'w').close()\n\ndef a(): pass\n" % w.path("ran")})
        w.index().versions([asset("a", "m")], {"module": "m"})
        self.assertFalse(os.path.exists(w.path("ran")))
        self.assertNotIn("m", sys.modules)


if __name__ == "__main__":
    unittest.main()
