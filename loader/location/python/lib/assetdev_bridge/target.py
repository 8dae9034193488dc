"""Finds what a code location defines, as Dagster does (dagster/_core/workspace/autodiscovery.py).

In this order: the one function under @definitions; the one Definitions of any name; repositories; the one job; the one graph; all assets of the module.
Differences: sys.path keeps the working directory after the import (lazy imports in functions work), a package that lies in src/ below the working
directory is found there, and all repositories of a module count as one.
"""

import importlib
import importlib.util
import inspect
import os
import sys

import dagster as dg

from . import fresh
from .errors import Told


class Loaded:
    """What was found. assets, checks, jobs, schedules, sensors are raw: resources are not bound to them, unless a repository did that."""

    def __init__(self):
        self.definitions = None
        self.repositories = []
        self.assets, self.checks, self.jobs, self.schedules, self.sensors = [], [], [], [], []
        self.resources = {}
        self.notices = []
        self._graph = None

    def repository(self):
        """The repository that Dagster makes of the definitions. Building it resolves and checks everything."""
        if self.definitions is not None:
            return self.definitions.get_repository_def()
        return self.repositories[0]

    def resolved(self):
        """Returns the resolved assets and asset checks."""
        if self._graph is None:
            found = []
            if self.definitions is not None:
                found = list(self.repository().asset_graph.assets_defs)
            for repository in self.repositories:
                found += repository.asset_graph.assets_defs
            self._graph = found
        return self._graph


def load(target):
    """Imports the target and returns what it defines."""
    without_catalogue()
    loaded = Loaded()
    kind, name = target.get("kind", "python_module"), target["target"]
    directory = target.get("working_directory") or os.getcwd()
    if sys.path[:1] != [directory]:
        sys.path.insert(0, directory)
    if kind == "python_file":
        module = import_file(name, directory)
    else:
        module = import_module(name, directory, loaded.notices, target.get("workspace_root") or "")
    if kind == "autoload_defs_module":
        try:
            from dagster.components import load_defs
        except ImportError:
            raise Told("autoload_defs_module needs a Dagster with components; this environment has %s" % dg.__version__) from None
        take(loaded, load_defs(module))
    elif target.get("attribute"):
        take(loaded, of_attribute(module, target["attribute"]))
    else:
        discover(loaded, module)
    return loaded


def without_catalogue():
    """Of a defs folder Dagster also describes each known type of component, with its JSON schema, for its own screen: two thirds of what loading costs."""
    try:
        module = importlib.import_module("dagster.components.core.load_defs")
        original = module.get_library_json_enriched_defs
    except (ImportError, AttributeError):
        return

    def without(tree=None, *more, **named):
        try:
            return dg.Definitions(component_tree=tree)
        except TypeError:
            return original(tree, *more, **named)

    module.get_library_json_enriched_defs = without


def import_module(name, directory, notices, workspace=""):
    top = name.partition(".")[0]
    source = os.path.join(directory, "src")
    there = any(os.path.exists(os.path.join(source, top + end)) for end in ("", ".py"))
    if there and top not in sys.modules:
        try:
            found = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            found = None
        if found is None or (found.origin is None and not _has_submodule(found, name)):
            sys.path.insert(1, source)
            importlib.invalidate_caches()
            sys.modules.pop(top, None)
            notices.append("package %s was found in %s, which is not on Python's path; Dagster needs the project installed, or working_directory: %s" % (top, shown(source, workspace), shown(source, workspace)))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")) and not _from_project(error):
            raise Told("no module named %r; it was looked for in %s and in the environment of %s" % (error.name, directory, sys.executable)) from None
        raise


def shown(path, workspace):
    """Returns a path as people write it: relative to the workspace's folder where it lies below."""
    return os.path.relpath(path, workspace) if workspace and path.startswith(os.path.join(workspace, "")) else path


def _has_submodule(spec, name):
    rest = name.split(".")[1:2]
    if not rest:
        return False
    return any(os.path.exists(os.path.join(p, rest[0] + end)) for p in spec.submodule_search_locations or () for end in ("", ".py"))


def _from_project(error):
    tb = error.__traceback__
    while tb is not None:
        if fresh.first_party(tb.tb_frame.f_code.co_filename):
            return True
        tb = tb.tb_next
    return False


def import_file(path, directory):
    path = os.path.join(directory, path)
    if not os.path.exists(path):
        raise Told("no file %s" % path)
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        if "attempted relative import with no known parent package" in str(error):
            raise Told("%s imports relatively, and a python_file belongs to no package; use python_module in the workspace" % path, *_place(error)) from error
        raise
    return module


def _place(error):
    tb, place = error.__traceback__, ("", 0)
    while tb is not None:
        if fresh.first_party(tb.tb_frame.f_code.co_filename):
            place = (tb.tb_frame.f_code.co_filename, tb.tb_lineno)
        tb = tb.tb_next
    return place


def is_lazy(value):
    return type(value).__name__ == "LazyDefinitions" and callable(value)


def of_attribute(module, attribute):
    if not hasattr(module, attribute):
        names = [n for n, v in inspect.getmembers(module) if is_lazy(v) or isinstance(v, (dg.Definitions, dg.RepositoryDefinition))]
        hint = "; it has %s" % ", ".join(names) if names else ""
        raise Told("module %s has no attribute %r%s" % (module.__name__, attribute, hint), getattr(module, "__file__", "") or "", 1)
    value = getattr(module, attribute)
    known = (dg.Definitions, dg.RepositoryDefinition, dg.JobDefinition, dg.GraphDefinition, dg.AssetsDefinition)
    if callable(value) and not is_lazy(value) and not isinstance(value, known):
        value = value()
    return value


def discover(loaded, module):
    found = members(module, is_lazy)
    if not found:
        found = members(module, lambda v: isinstance(v, dg.Definitions))
    if found:
        one_of(module, found, "Definitions or functions under @definitions")
        return take(loaded, found[0][1])
    found = members(module, lambda v: isinstance(v, dg.RepositoryDefinition))
    if found:
        for _, repository in found:
            take(loaded, repository)
        return None
    for what, kind in (("jobs", dg.JobDefinition), ("graphs", dg.GraphDefinition)):
        found = members(module, lambda v, kind=kind: isinstance(v, kind))
        if found:
            one_of(module, found, what)
            return take(loaded, found[0][1])
    assets = dg.load_assets_from_modules([module])
    checks = dg.load_asset_checks_from_modules([module])
    if not assets:
        raise Told(
            "module %s defines no Definitions, repository, job, graph or asset" % module.__name__,
            getattr(module, "__file__", "") or "", 1 if getattr(module, "__file__", None) else 0,
        )
    return take(loaded, dg.Definitions(assets=assets, asset_checks=checks))


def members(module, suits):
    return [(name, value) for name, value in inspect.getmembers(module) if suits(value)]


def one_of(module, found, what):
    if len({id(v) for _, v in found}) > 1:
        raise Told("module %s has more than one of %s: %s; name one with attribute:" % (module.__name__, what, ", ".join(n for n, _ in found)), getattr(module, "__file__", "") or "", 1)


def take(loaded, value):
    """Adds a loadable object to what was found."""
    if is_lazy(value):
        value = value()
    if isinstance(value, dg.AssetsDefinition):
        value = [value]
    if type(value) in (list, tuple) and value:
        value = dg.Definitions(assets=list(value))
    if isinstance(value, (dg.JobDefinition, dg.GraphDefinition)):
        value = dg.Definitions(jobs=[value if isinstance(value, dg.JobDefinition) else value.to_job()])
    if isinstance(value, dg.Definitions):
        loaded.definitions = value
        loaded.assets = list(value.assets or ())
        loaded.checks = list(value.asset_checks or ())
        loaded.jobs, loaded.schedules, loaded.sensors = list(value.jobs or ()), list(value.schedules or ()), list(value.sensors or ())
        loaded.resources = dict(value.resources or {})
    elif isinstance(value, dg.RepositoryDefinition):
        loaded.repositories.append(value)
        for definition in value.asset_graph.assets_defs:
            only_checks = not definition.keys and definition.check_keys
            (loaded.checks if only_checks else loaded.assets).append(definition)
        loaded.jobs += [j for j in value.get_all_jobs() if not j.name.startswith("__ASSET_JOB")]
        loaded.schedules += value.schedule_defs
        loaded.sensors += value.sensor_defs
        loaded.resources.update(value.get_top_level_resources() or {})
    else:
        raise Told("the location's attribute is a %s; Dagster takes Definitions, a repository, a job, a graph or assets" % type(value).__name__)
