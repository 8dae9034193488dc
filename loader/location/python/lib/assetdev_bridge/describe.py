"""Answers describe: says of each asset what Dagster knows of it, executing nothing but the location's own definitions."""

import inspect
import json
import math
import os
import re
import sys

import dagster as dg

from . import dbt, fresh, opened, partitions, storing
from .errors import Told, from_exception
from .target import load

KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99})*")
SHOWN = 500  # characters of a value of metadata of one partition
FOLDERS = ("base_dir", "base_path", "path", "directory", "database", "bucket", "s3_bucket", "gcs_bucket")
DAGSTERS_OWN = ("dagster/io_manager_key", "dagster/code_references", "dagster/auto_created_stub_asset", "dagster/component_origin", "dagster/asset_execution_type")


def answer(target, request, channel):
    dbt.prepared(step=False)
    with opened.recording(target.get("workspace_root") or "", target.get("dagster_home") or "") as files:
        loaded = load(target)
        described = Description(loaded, target, request)
        described.run()
    for kind, message in described.messages:
        channel.send(kind, message)
    definitions = described.definitions
    definitions["files"] = described.dbt.reads(files())
    return "definitions", definitions


class Description:
    def __init__(self, loaded, target, request):
        self.loaded, self.target, self.request = loaded, target, request
        self.messages = []
        self.problems = []
        self.notices = list(loaded.notices)
        self.definitions = {}
        self.raw = {}  # key -> the raw AssetsDefinition
        for definition in loaded.assets:
            if isinstance(definition, dg.AssetsDefinition):
                for key in definition.keys:
                    self.raw[key] = definition
        self.variables = None
        self.dbt = dbt.Dbt()

    def run(self):
        try:
            assets = self.loaded.resolved()
        except Exception as error:
            raise self.explained(error) from error
        self.check_specs(assets)
        sent, seen = [], set()
        steps = {}
        specs = {}
        for definition in assets:
            if definition.is_auto_created_stub:
                continue
            for spec in definition.specs:
                specs[spec.key] = spec
        for definition in assets:
            if definition.is_auto_created_stub or not definition.keys:
                continue
            try:
                shared = Shared(self, definition, steps)
            except Exception as error:
                self.problem(error, definition)
                continue
            for spec in definition.specs:
                key = "/".join(spec.key.path)
                if not KEY.fullmatch(key) or len(key) > 200:
                    self.problems.append({"message": "asset key %r is left out: assetdev's keys have letters, digits and _ in each segment, after the first also . and -" % key})
                    continue
                if key in seen:
                    self.problems.append({"message": "asset %s is defined twice" % key})
                    continue
                seen.add(key)
                try:
                    sent.append(self.asset(shared, definition, spec))
                except Exception as error:
                    self.problem(error, definition, spec.key)
        known = partitions.Partitions(self.target)
        for definition in sorted((d for d in assets if d.keys), key=lambda d: min(str(k) for k in d.keys)):
            if definition.is_auto_created_stub:
                continue
            for spec in definition.specs:
                if "/".join(spec.key.path) not in seen:
                    continue
                for message in known.mappings(definition, spec, specs):
                    self.messages.append(("mapping", message))
        made = self.made([a["key"] for a in sent])
        sent.sort(key=lambda a: a["key"])
        for asset in sent:
            spec = asset.pop("_spec")
            if spec.partitions_def is not None:
                asset["partitions"] = known.id(spec.partitions_def)
            if asset["key"] in made:
                if made[asset["key"]] is not None:
                    asset["made"] = made[asset["key"]]
                if spec.partitions_def is not None:
                    self.made_partitions(asset["key"], known.known[asset["partitions"]][1])
        self.messages = [("partitions", m) for m in known.messages()] + [("asset", a) for a in sent] + self.messages
        self.notices += known.notices
        self.finish(assets)

    def check_specs(self, assets):
        self.checks = {}
        for definition in assets:
            for spec in definition.check_specs:
                self.checks.setdefault(spec.asset_key, []).append(spec)

    def asset(self, shared, definition, spec):
        key = "/".join(spec.key.path)
        a = {"key": key, "_spec": spec}
        depends = sorted((d.asset_key for d in spec.deps), key=lambda k: k.path)  # Dagster's order is another in each process
        inputs = [k for k in depends if k in shared.values]
        a["inputs"] = ["/".join(k.path) for k in inputs]
        a["deps"] = ["/".join(k.path) for k in depends if k not in shared.values]
        a["group"] = spec.group_name or "default"
        a["description"] = spec.description or ""
        a["owners"] = [str(getattr(o, "email", None) or (("team:" + o.team) if hasattr(o, "team") else o)) for o in spec.owners or ()]
        a["kinds"] = sorted(spec.kinds)
        a["tags"] = {k: str(v) for k, v in sorted((spec.tags or {}).items()) if not k.startswith("dagster/kind/")}
        metadata = spec.metadata or {}
        a["metadata"] = {k: shortened(text(v)) for k, v in metadata.items() if k not in DAGSTERS_OWN and k not in dbt.METADATA and not k.startswith("assetdev/")}
        files, env = listed(metadata.get("assetdev/files")), listed(metadata.get("assetdev/env"))
        if files:
            a["files"] = files
        if env:
            a["env"] = env
        if raw_value(metadata.get("assetdev/unordered")) in (True, "true", "True", 1):
            a["unordered"] = True
        a.update(self.freshness(spec))
        condition = spec.automation_condition
        if condition is not None:
            a["automation"] = automation(condition)
        elif getattr(spec, "auto_materialize_policy", None) is not None:
            a["automation"] = "auto-materialize policy"
        found = self.checks.get(spec.key)
        if found:
            a["checks"] = [{"name": c.name, "blocking": bool(c.blocking), "description": c.description or ""} for c in sorted(found, key=lambda c: c.name)]
        file, line, symbol = self.source(shared, definition, spec)
        model, code = self.dbt.code(spec)
        if model:
            a["code_files"] = sorted({*code, file} if file and not file.endswith(".py") and fresh.first_party(file) else code)
            file, line = model, 1
        if file:
            a["file"], a["line"] = file, line
        if symbol:
            a["symbol"] = symbol
        if spec.code_version and self.by_author(spec, shared, file):
            a["code_version"] = spec.code_version
        if not definition.is_executable or not definition.is_materializable:
            a["external"] = True
            if definition.is_executable:
                a["not_executable"] = "it is an observable source: Dagster observes it, nothing here makes it"
            manager = raw_value(metadata.get("dagster/io_manager_key"))
            if manager:
                a["io_manager"] = manager
            return a
        if shared.step:
            a["step"] = shared.step
            a["together"] = not definition.can_subset
        manager = definition.get_io_manager_key_for_asset_key(spec.key)
        if shared.nothing.get(spec.key):
            a["no_data"], a["outside"], a["stored_by"] = True, True, "none"
        else:
            how = self.mode(definition, spec.key, manager)
            a["io_manager"], a["stored_by"] = manager, storing.stored_by(how)
            if how != "replace":
                a["outside"] = True
                self.counts(a, manager, self.resource(definition, spec.key, manager))
        if shared.ops:
            a["also"] = sorted({*a.get("also", ()), *shared.ops})
        for name, key in definition.keys_by_input_name.items():
            loads = getattr(definition.node_def.input_dict.get(name), "input_manager_key", None)
            resource = self.resource(definition, spec.key, loads) if loads else None
            if resource is not None and not (storing.is_manager(resource) and storing.mode(loads, resource, self.request) == "replace"):
                self.counts(a, loads, resource)
        if shared.pool:
            a["pool"] = shared.pool
        if shared.config:
            a["config"], a["config_path"] = shared.config, ["ops", definition.node_def.name, "config"]
        return a

    def mode(self, definition, key, manager):
        raw = self.raw.get(key, definition)
        bound = manager in raw.resource_defs and manager != storing.DEFAULT
        return storing.mode(manager, self.resource(definition, key, manager), self.request, bound)

    def resource(self, definition, key, name):
        return self.raw.get(key, definition).resource_defs.get(name) or self.loaded.resources.get(name)

    def counts(self, a, name, resource):
        """Says that a manager of the project's decides what an asset stores or reads: its code counts as the asset's own, and so does what it is
        given where it is bound."""
        a["resources"] = sorted({*a.get("resources", ()), name})
        symbol = symbol_of(storing.code_of(resource)) if resource is not None else ""
        if symbol:
            a["also"] = sorted({*a.get("also", ()), symbol})

    def freshness(self, spec):
        policy = spec.freshness_policy
        if policy is None:
            policy = getattr(spec, "legacy_freshness_policy", None)
        if policy is None:
            return {}
        window = getattr(policy, "fail_window", None)
        if window is not None:
            return {"max_age_ms": int(window.to_timedelta().total_seconds() * 1000)}
        if hasattr(policy, "deadline_cron"):
            return {"freshness": "made by %s (%s), at most %s before" % (policy.deadline_cron, policy.timezone, policy.lower_bound_delta)}
        lag = getattr(policy, "maximum_lag_minutes", None)
        if lag is None:
            return {"freshness": str(policy)}
        if getattr(policy, "cron_schedule", None):
            return {"freshness": "at most %g minutes behind its upstreams at %s" % (lag, policy.cron_schedule)}
        return {"max_age_ms": int(lag * 60_000)}

    def source(self, shared, definition, spec):
        """Returns file, line and symbol of what makes the asset."""
        function, symbol = shared.function, ""
        if function is not None:
            code = getattr(inspect.unwrap(function), "__code__", None)
            if code is not None and fresh.first_party(code.co_filename):
                f = inspect.unwrap(function)
                symbol = "%s:%s" % (f.__module__, f.__qualname__)
                if "dagster/component_origin" not in (spec.metadata or {}):
                    return os.path.abspath(code.co_filename), code.co_firstlineno, symbol
        # Of a component people edit its YAML, also when its class is the project's own.
        references = raw_value((spec.metadata or {}).get("dagster/code_references"))
        for reference in getattr(references, "code_references", None) or ():
            path = getattr(reference, "file_path", None)
            if path and fresh.first_party(path):
                return os.path.abspath(path), getattr(reference, "line_number", None) or 1, symbol
        found = self.variable(spec.key)
        if found:
            return found
        if function is not None:
            f = inspect.unwrap(function)
            code = getattr(f, "__code__", None)
            if code is not None:
                return os.path.abspath(code.co_filename), code.co_firstlineno, "%s:%s" % (f.__module__, f.__qualname__)
        return "", 0, ""

    def variable(self, key):
        """Finds the global variable of the project's modules that holds the definition of an asset."""
        if self.variables is None:
            self.variables = {}
            for name in fresh.imported():
                module = sys.modules.get(name)
                file = fresh.file_of(module)
                if not fresh.first_party(file):
                    continue
                for variable, value in list(vars(module).items()):
                    for one in value if type(value) in (list, tuple) else (value,):
                        if isinstance(one, dg.AssetsDefinition):
                            keys = one.keys
                        elif isinstance(one, (dg.AssetSpec, dg.SourceAsset)):
                            keys = [one.key]
                        else:
                            continue
                        for k in keys:
                            self.variables.setdefault(k, (file, name, variable))
        if key not in self.variables:
            return None
        file, module, variable = self.variables[key]
        return os.path.abspath(file), line_of(file, variable), "%s:%s" % (module, variable)

    def by_author(self, spec, shared, file):
        """A code version that a library filled in does not count: it says nothing of the project's code."""
        if file and says(file, spec.code_version):
            return True
        for key in spec.metadata or {}:
            if key.startswith(("dagster_", "dagster-")):
                return False
        for name in fresh.imported():
            path = fresh.file_of(sys.modules.get(name))
            if path != file and fresh.first_party(path) and says(path, spec.code_version):
                return True
        return shared.function is not None and bool(file) and file.endswith(".py")

    def made(self, keys):
        if self.target.get("instance") not in ("read", "report") or not self.target.get("dagster_home"):
            return {}
        from . import history

        try:
            return history.last(self.target["dagster_home"], keys)
        except Exception as error:
            self.notices.append("Dagster's instance in %s cannot be read: %s" % (self.target["dagster_home"], error))
            return {}

    def made_partitions(self, key, keys):
        from . import history

        try:
            made = sorted(history.partitions(self.target["dagster_home"], key, keys).items())
        except Exception as error:
            self.notices.append("what Dagster's instance knows of the partitions of %s cannot be read: %s" % (key, error))
            return
        piece, size = {}, 0
        for partition, one in made:
            if one.get("metadata"):
                one["metadata"] = {k: v[:SHOWN] for k, v in one["metadata"].items()}
            if piece and size > partitions.BYTES:
                self.messages.append(("made", {"asset": key, "partitions": piece}))
                piece, size = {}, 0
            piece[partition] = one
            size += len(json.dumps(one)) + len(partition) + 8
        if piece:
            self.messages.append(("made", {"asset": key, "partitions": piece}))

    def problem(self, error, definition, key=None):
        told = from_exception(error)
        names = "/".join(key.path) if key is not None else ", ".join(sorted("/".join(k.path) for k in definition.keys))
        told["message"] = "asset %s: %s" % (names, told["message"])
        self.problems.append(told)

    def explained(self, error):
        """Turns what Dagster says of definitions that do not fit together into what to do about it."""
        text_ = str(error)
        if "is not produced by any of the provided asset ops" in text_:
            provided = set(self.raw) | {a.key for a in self.loaded.assets if isinstance(a, (dg.AssetSpec, dg.SourceAsset))}
            for key, definition in self.raw.items():
                values = value_keys(definition)
                for foreign in sorted(values - provided, key=str):
                    path = "/".join(foreign.path)
                    if path not in text_ and not all(part in text_ for part in foreign.path):
                        continue
                    shared_file, line, _ = self.source(Shared(self, definition, {}), definition, definition.get_asset_spec(key))
                    literal = '"%s"' % path if len(foreign.path) == 1 else json.dumps(list(foreign.path))
                    return Told(
                        "asset %s takes %s as an argument, and no asset of this location has that key; Dagster then loads nothing of the location. If another location "
                        "makes it, declare it: add dg.AssetSpec(%s) to the assets of the Definitions" % ("/".join(key.path), path, literal),
                        shared_file, line,
                    )
        return error

    def finish(self, assets):
        d = self.definitions
        d["framework"] = "dagster " + dg.__version__
        d["problems"], d["notices"] = self.problems, self.notices
        d["schedules"] = sorted(s.name for s in self.loaded.schedules)
        d["sensors"] = sorted(s.name for s in self.loaded.sensors)
        d["resources"] = ["%s: %s%s" % (k, type_name(v), folders(v)) for k, v in sorted(self.loaded.resources.items())]
        d["jobs"] = []
        for job in self.loaded.jobs:
            try:
                keys = self.job_keys(job)
            except Exception as error:
                told = from_exception(error)
                told["message"] = "job %s: %s" % (job.name, told["message"])
                self.problems.append(told)
                continue
            if keys:
                d["jobs"].append({"name": job.name, "assets": sorted("/".join(k.path) for k in keys)})
            else:
                self.notices.append("job %s has no assets: assetdev materializes assets, other jobs are run by Dagster" % job.name)
        if not assets:
            self.notices.append("the location defines no assets")

    def job_keys(self, job):
        selection = getattr(job, "selection", None)
        if selection is not None and hasattr(selection, "resolve"):
            return selection.resolve(self.loaded.repository().asset_graph)
        layer = getattr(job, "asset_layer", None)
        for attribute in ("selected_asset_keys", "executable_asset_keys", "target_asset_keys"):
            keys = getattr(layer, attribute, None)
            if keys:
                return keys
        return ()


class Shared:
    """What the assets of one AssetsDefinition have in common."""

    def __init__(self, description, definition, steps):
        self.values = value_keys(definition)
        self.function = function_of(definition)
        self.step = ""
        self.pool, self.config, self.nothing, self.ops = "", [], {}, []
        if not definition.is_executable:
            return
        node = definition.node_def
        if len(definition.keys) > 1:
            count = steps.get(node.name, 0)
            steps[node.name] = count + 1
            self.step = node.name if not count else "%s (%d)" % (node.name, count + 1)
        if self.function is None and isinstance(node, dg.GraphDefinition):
            self.ops = sorted(filter(None, (symbol_of(getattr(op.compute_fn, "decorated_fn", None)) for op in ops_of(node))))
        self.pool = pool_of(node)
        if isinstance(node, dg.OpDefinition):
            self.config = fields(node.config_schema)
        else:
            config = getattr(node, "config_mapping", None)
            self.config = fields(config.config_schema) if config is not None else []
        for name, key in definition.keys_by_output_name.items():
            output = node.output_dict.get(name)
            self.nothing[key] = output is not None and output.dagster_type.is_nothing
        if self.function is not None and len(definition.keys) == 1 and _hands_over_nothing(self.function):
            self.nothing = dict.fromkeys(definition.keys, True)


def _hands_over_nothing(function):
    annotation = getattr(inspect.unwrap(function), "__annotations__", {}).get("return", inspect.Parameter.empty)
    if isinstance(annotation, str):
        name = annotation.rpartition(".")[2]
        return name in ("None", "MaterializeResult")
    return annotation is None or annotation is type(None) or annotation is dg.MaterializeResult


def value_keys(definition):
    """Returns the keys whose data the function gets by its arguments."""
    if not definition.is_executable:
        return set()
    inputs = definition.node_def.input_dict
    return {key for name, key in definition.keys_by_input_name.items() if name in inputs and not inputs[name].dagster_type.is_nothing}


def function_of(definition):
    """Returns the function that an asset, or a graph of ops, is made from; None when there is none to be found."""
    if not definition.is_executable:
        return None
    node = definition.node_def
    if isinstance(node, dg.OpDefinition):
        return getattr(getattr(node, "compute_fn", None), "decorated_fn", None)
    return getattr(node, "__wrapped__", None)  # what @graph or @graph_asset stands above


def ops_of(graph):
    """Yields the ops of a graph and of the graphs in it."""
    for node in graph.node_defs:
        if isinstance(node, dg.GraphDefinition):
            yield from ops_of(node)
        elif isinstance(node, dg.OpDefinition):
            yield node


def symbol_of(code):
    """Returns "module:name" of a function or class of the project's own, "" of anything else."""
    if code is None:
        return ""
    if not isinstance(code, type):
        code = inspect.unwrap(code)
    module = sys.modules.get(getattr(code, "__module__", None) or "")
    if module is None or not fresh.first_party(fresh.file_of(module)):
        return ""
    return "%s:%s" % (code.__module__, code.__qualname__)


def pool_of(node):
    pools = set(getattr(node, "pools", None) or ())
    if getattr(node, "pool", None):
        pools.add(node.pool)
    if not pools:
        key = (getattr(node, "tags", None) or {}).get("dagster/concurrency_key")
        if key:
            pools.add(key)
    return sorted(pools)[0] if pools else ""


def fields(schema):
    """Returns the fields of a config schema, [] when it takes none, one field "" when it is no object."""
    if schema is None:
        return []
    field = schema.as_field()
    if field is None or getattr(field.config_type, "given_name", None) == "Any":
        return []
    inner = getattr(field.config_type, "fields", None)
    if inner is None:
        return [field_of("", field)]
    return [field_of(name, f) for name, f in inner.items()]


def field_of(name, field):
    out = {"name": name, "type": config_type(field.config_type), "required": bool(field.is_required)}
    if field.default_provided:
        if field.default_value is not None:  # Dagster then accepts null too, in silence
            out["type"] = out["type"].removesuffix(" or null")
        try:
            out["default"] = json.loads(json.dumps(field.default_value, default=str, allow_nan=False))
        except ValueError:
            out["default"] = str(field.default_value)
    if field.description:
        out["description"] = field.description
    return out


def config_type(kind):
    """Returns the type of a config field in words: Int, String, [String], Int or null, object."""
    scalar = getattr(kind, "scalar_type", None)  # a value, or {env: NAME}
    name = getattr(scalar if scalar is not None else kind, "given_name", None)
    if name:
        return name.removesuffix("SourceType").removesuffix("Source")
    word = getattr(getattr(kind, "kind", None), "name", "")
    inner = getattr(kind, "inner_type", None)
    if inner is not None:
        return {"ARRAY": "[%s]", "NONEABLE": "%s or null"}.get(word, word + " of %s") % config_type(inner)
    return {"STRICT_SHAPE": "object", "PERMISSIVE_SHAPE": "object", "SELECTOR": "one of", "MAP": "map", "ENUM": "enum"}.get(word, word.lower() or "?")


def automation(condition):
    for name in ("get_label", "label", "name"):
        value = getattr(condition, name, None)
        value = value() if callable(value) else value
        if value:
            return str(value)
    return type(condition).__name__


def raw_value(value):
    return getattr(value, "value", value) if isinstance(value, dg.MetadataValue) else value


def listed(value):
    value = raw_value(value)
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(v) for v in value]


def text(value):
    """Returns a metadata value for people, on one line where it has one."""
    value = plain(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


LONGEST = 20_000  # characters of one metadata value in a description: there are many assets


def shortened(value):
    return value if len(value) <= LONGEST else value[:LONGEST] + "… (%s characters in all)" % format(len(value), ",")


def plain(value, deep=0):
    """Returns a metadata value, Dagster's or any other, as JSON knows it. Names of objects in it, as addresses, do not appear."""
    if isinstance(value, dg.MetadataValue):
        inner = getattr(value, "value", None)
        if isinstance(value, dg.TableMetadataValue):
            inner = [dict(r.data) for r in value.records]
        elif isinstance(value, getattr(dg, "TimestampMetadataValue", ())):
            import datetime

            inner = datetime.datetime.fromtimestamp(inner, datetime.timezone.utc).isoformat()
        value = inner
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else ("NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity")
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if deep > 20:
        return str(value)
    if isinstance(value, dg.AssetKey):
        return "/".join(value.path)
    if isinstance(value, dg.TableSchema):
        return {c.name: c.type for c in value.columns}
    if isinstance(value, dict):
        return {str(k): plain(v, deep + 1) for k, v in value.items()}
    if type(value) in (list, tuple):
        return [plain(v, deep + 1) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(v, deep + 1) for v in value), key=str)
    item = getattr(value, "item", None)  # a number of numpy
    if callable(item) and getattr(value, "shape", None) == ():
        return plain(item(), deep + 1)
    if type(value).__repr__ is object.__repr__:  # it would tell an address, which is another in each process
        return "an object of class %s" % type(value).__qualname__
    return str(value)


def type_name(resource):
    if isinstance(resource, (dg.ResourceDefinition, dg.IOManagerDefinition)):
        inner = getattr(resource, "configurable_resource_cls", None)
        if inner is not None:
            return inner.__name__
        function = getattr(resource, "resource_fn", None)
        name = getattr(function, "__name__", "") or ""
        return name if name and name != "<lambda>" and "hardcoded" not in name else type(resource).__name__
    return type(resource).__name__


def folders(resource):
    """Returns what a resource was given as folders, as ‘(base_dir="~/data")’: where I/O managers of two locations meet, or miss each other."""
    default, shown = None, []
    if isinstance(resource, dg.ResourceDefinition) and hasattr(resource.config_schema, "resolve_config"):  # of configured({…})
        try:
            default = (resource.config_schema.resolve_config({}).value or {}).get("config")
        except Exception:
            default = None
    for name in FOLDERS:
        value = default.get(name) if isinstance(default, dict) else getattr(resource, name, None)
        if isinstance(value, dict) and set(value) == {"env"} or isinstance(value, dg.EnvVar):
            value = os.environ.get(str(value["env"] if isinstance(value, dict) else value))
        if isinstance(value, (str, os.PathLike)):
            shown.append("%s=%s" % (name, json.dumps(os.fspath(value), ensure_ascii=False)))
    return "(%s)" % ", ".join(shown) if shown else ""


_sources = {}


def source_of(path):
    if path not in _sources:
        try:
            with open(path, encoding="utf-8", errors="replace") as f:
                _sources[path] = f.read()
        except OSError:
            _sources[path] = ""
    return _sources[path]


def says(path, version):
    content = source_of(path)
    return any(form in content for form in ('"%s"' % version, "'%s'" % version, ": %s\n" % version))


def line_of(path, variable):
    """Returns the line where a global variable or function is bound."""
    pattern = re.compile(r"^(?:async\s+def|def|class)?\s*%s\b\s*[(:=]" % re.escape(variable))
    for number, line in enumerate(source_of(path).splitlines(), 1):
        if pattern.match(line):
            return number
    return 1
