"""Answers materialize: runs one step (an asset, a multi-asset, a graph asset, with the checks of its assets) through dagster.materialize.

Only the definition itself, its checks and stubs of its upstreams are handed to Dagster, so that the size of the location costs nothing. The
instance is an ephemeral one: nothing of the run is kept in DAGSTER_HOME.
"""

import importlib
import inspect
import logging
import os
import warnings

import dagster as dg

from . import dbt, errors, opened, partitions, storing
from .describe import function_of, value_keys
from .errors import Told
from .storage import Run, Storage, facts, path_of
from .target import load

OWN = "assetdev_own__"  # resources under which the project's managers stay when ours stand in their place


def answer(target, request, channel):
    dbt.prepared(step=True)
    loaded = load(target)
    step = Step(loaded, target, request, channel)
    own = [request.get("view"), *(o.get("output") for o in request.get("outputs") or ()), request.get("output")]
    with opened.Step(target.get("workspace_root") or "", target.get("dagster_home") or "", own) as files:
        answer = step.run()
    if files.more:
        text = "%d more files that it read do not make it stale when they change: declare them, metadata={\"assetdev/files\": …}" % files.more
        channel.send("log", {"level": "warning", "text": text})
    found = files.files()
    for i in range(0, len(found), 1000):
        channel.send("files", found[i : i + 1000])
    return answer


class Step:
    def __init__(self, loaded, target, request, channel):
        self.home = target.get("dagster_home") or None
        self.loaded, self.request, self.channel = loaded, request, channel
        self.wanted = [o["asset"] for o in request.get("outputs") or ()] or [request["asset"]]
        self.data = Run(request, lambda level, text: channel.send("log", {"level": level, "text": text}))
        self.definition, self.checks = self.find()
        self.keys = [k for k in self.definition.keys if path_of(k) in self.wanted or not self.definition.can_subset]
        self.data.graph = isinstance(self.definition.node_def, dg.GraphDefinition)
        errors.working_on(inspect.unwrap(function_of(self.definition)) if function_of(self.definition) is not None else None)

    def find(self):
        first = self.wanted[0]

        def holds(definition):
            return isinstance(definition, dg.AssetsDefinition) and any(path_of(k) == first for k in definition.keys)

        definition = next((d for d in self.loaded.assets if holds(d)), None)
        raw = definition
        declared = {path_of(k) for d in self.loaded.assets if hasattr(d, "keys") for k in d.keys} | set(self.data.inputs)
        if definition is None or any(path_of(k) not in declared for k in value_keys(definition)):
            definition = next((d for d in self.loaded.resolved() if holds(d)), None)
        if definition is None or not definition.is_executable or not definition.is_materializable:
            raise Told("no asset %r here" % first if definition is None else "asset %s cannot be materialized: it is declared, and made by nobody here" % first)
        missing = [k for k in self.wanted if not any(path_of(d) == k for d in definition.keys)]
        if missing:
            raise Told("asset %s is not made in one step with %s" % (missing[0], first))
        if raw is not definition or self.loaded.repositories:
            definition = unbound(definition, self.loaded)
        checks = [c for c in self.loaded.checks if any(path_of(s.asset_key) in self.wanted for s in c.check_specs)]
        for d in self.loaded.assets:  # checks may be among the assets
            if isinstance(d, dg.AssetsDefinition) and not d.keys and any(path_of(s.asset_key) in self.wanted for s in d.check_specs):
                checks.append(d)
        return definition, list({id(c): c for c in checks}.values())

    def run(self):
        request = self.request
        definition, resources, stubs = self.prepared()
        everything = [definition, *self.checks, *stubs]
        instance = ephemeral(self.channel, self.home)
        partition = request.get("partition") or None
        self.add_dynamic(instance, partition)
        if not partition and any(s.partitions_def is not None and s.key in self.keys for s in definition.specs):
            raise Told("asset %s has partitions, and the request names none (--partition)" % request["asset"])
        selection = dg.AssetSelection.assets(*self.keys)
        config = self.config()
        given = config.get("resources", {})
        for key in [k for k in given if OWN + k in resources]:
            given[OWN + key] = given[key]
        try:
            result = dg.materialize(
                everything, selection=selection, resources=resources, instance=instance, partition_key=partition, run_config=config,
                raise_on_error=bool(request.get("debug")),
            )
        except dg.DagsterInvalidConfigError as error:
            raise Told(self.config_error(error)) from None
        return self.outcome(result)

    def prepared(self):
        """Returns the definition, the resources and the stubs of upstreams that Dagster gets."""
        definition = self.definition
        resources = dict(self.loaded.resources)
        bound = dict(definition.resource_defs)
        managers = {k for k, v in resources.items() if storing.is_manager(v)}
        managers.add(storing.DEFAULT)
        upstreams = self.upstreams()
        elsewhere = {k for k, i in self.data.inputs.items() if i.get("elsewhere") or any(p.get("elsewhere") for p in i.get("partitions") or ())}
        for key in list(bound):
            if storing.is_manager(bound[key]):
                how = storing.mode(key, bound[key], self.request, True)
                if how != "own":
                    resources[key] = bound.pop(key)
                    managers.add(key)
        if bound != dict(definition.resource_defs):
            definition = rebuilt(definition, bound)
        for upstream in upstreams:
            if upstream["manager"] not in resources and upstream["resource"] is not None:
                resources[upstream["manager"]] = upstream["resource"]
                managers.add(upstream["manager"])
        for key in managers:
            own = resources.get(key)
            how = storing.mode(key, own, self.request, key in bound)
            if how == "own" and own is not None:
                continue
            needed = how == "both" or any(u["manager"] == key and u["key"] in elsewhere for u in upstreams)
            if needed and own is None:
                own = dg.fs_io_manager
            if needed:
                resources[OWN + key] = own
                resources[key] = around(self.data, OWN + key, how == "both", own)
            else:
                resources[key] = Storage(self.data)
        for key in bound:
            resources.pop(key, None)
        for check in self.checks:
            for key in check.resource_defs:
                if key in resources and not storing.is_manager(resources[key]):
                    resources.pop(key, None)
        if self.checks:
            self.data.keep = {path_of(k) for c in self.checks for k in c.keys_by_input_name.values()}
        stubs = [stub(u) for u in upstreams]
        return definition, resources, stubs

    def upstreams(self):
        """Returns the assets outside this step that it, or its checks, depend on."""
        known = {}
        for d in self.loaded.assets:
            if isinstance(d, dg.AssetsDefinition):
                for spec in d.specs:
                    known.setdefault(spec.key, (d, spec))
            elif isinstance(d, (dg.AssetSpec, dg.SourceAsset)):
                known.setdefault(d.key, (d, d))
        found, own = {}, set(self.definition.keys)
        for d in [self.definition, *self.checks]:
            keys = set(d.keys_by_input_name.values()) | {dep.asset_key for s in d.specs for dep in s.deps} | {s.asset_key for s in d.check_specs}
            for key in sorted(keys - own, key=str):
                if key in found:
                    continue
                definition, spec = known.get(key, (None, None))
                found[key] = upstream(key, definition, spec)
        return list(found.values())

    def config(self):
        given = self.request.get("config") or {}
        node = self.definition.node_def.name
        names = {node, *(c.node_def.name for c in self.checks)}
        config = {k: v for k, v in given.items() if k not in ("execution", "loggers", "ops", "resources")}
        ops = {k: v for k, v in (given.get("ops") or {}).items() if k in names}
        if ops:
            config["ops"] = ops
        if given.get("resources"):
            config["resources"] = {k: v for k, v in given["resources"].items() if k in self.loaded.resources or k in self.definition.resource_defs}
        config["loggers"] = {"console": {"config": {"log_level": "CRITICAL"}}}
        return config

    def config_error(self, error):
        """Names the fields that are missing or wrong."""
        from .describe import fields

        lines = []
        node = self.definition.node_def
        given = (((self.request.get("config") or {}).get("ops") or {}).get(node.name) or {}).get("config") or {}
        schema = getattr(node, "config_schema", None)
        known = fields(schema)
        missing = [f for f in known if f["required"] and isinstance(given, dict) and f["name"] not in given]
        if missing:
            lines.append("missing: " + ", ".join("%s (%s)" % (f["name"], f["type"]) for f in missing))
        for one in getattr(error, "errors", None) or ():
            text = one.message.strip()
            if missing and text.startswith("Missing required config"):
                continue
            text = text.split(" Sample config")[0].split(" The following example config")[0]
            lines.append(text)
        place = "ops: {%s: {config: {…}}}" % node.name
        return "the run config of %s is not complete or wrong: %s; its fields stand under %s, give them with -c FILE or --config-json" % (
            self.request["asset"], "; ".join(lines) or str(error), place,
        )

    def add_dynamic(self, instance, partition):
        for spec in self.definition.specs:
            definition = spec.partitions_def
            if definition is None or partition is None:
                continue
            dimensions = [(definition, partition)]
            if isinstance(definition, dg.MultiPartitionsDefinition):
                names = sorted(d.name for d in definition.partitions_defs)
                of = {d.name: d.partitions_def for d in definition.partitions_defs}
                dimensions = list(zip((of[n] for n in names), partition.split("|")))
            for one, key in dimensions:
                if isinstance(one, dg.DynamicPartitionsDefinition) and one.name:
                    instance.add_dynamic_partitions(one.name, [key])
            break
        for key, given in self.data.inputs.items():
            for spec in self.loaded_specs(key):
                if isinstance(spec.partitions_def, dg.DynamicPartitionsDefinition) and spec.partitions_def.name:
                    instance.add_dynamic_partitions(spec.partitions_def.name, [p["key"] for p in given.get("partitions") or ()])

    def loaded_specs(self, key):
        for d in self.loaded.assets:
            for spec in d.specs if isinstance(d, dg.AssetsDefinition) else [d] if isinstance(d, dg.AssetSpec) else []:
                if path_of(spec.key) == key:
                    yield spec

    def outcome(self, result):
        """Returns the last message."""
        checks, events, failures, broken = [], {}, [], None
        for event in result.all_events:
            if event.is_step_failure:
                failures.append(event)
            elif event.is_asset_check_evaluation if hasattr(event, "is_asset_check_evaluation") else event.event_type_value == "ASSET_CHECK_EVALUATION":
                checks.append(event.event_specific_data)
            elif event.is_step_materialization:
                materialization = event.event_specific_data.materialization
                events[path_of(materialization.asset_key)] = materialization
            elif event.is_failure and getattr(event.event_specific_data, "error", None) is not None:
                broken = event.event_specific_data.error  # of a resource, before any step
        blocking = {(s.asset_key, s.name): bool(s.blocking) for d in [self.definition, *self.checks] for s in d.check_specs}
        for c in checks:
            self.channel.send("check", {
                "asset": path_of(c.asset_key), "name": c.check_name, "passed": bool(c.passed), "severity": c.severity.value,
                "blocking": blocking.get((c.asset_key, c.check_name), False), "description": getattr(c, "description", None) or "", "metadata": facts(c.metadata or {}),
            })
        node = self.definition.node_def.name
        for failure in failures:
            step = failure.step_key or ""
            top = step.partition(".")[0].partition("[")[0]
            info = failure.step_failure_data.error
            if is_check_failure(info):
                continue
            if top != node and self.broken_check(top, info, blocking):
                continue
            told = errors.from_serialized(info) if info is not None else {"message": "step %s failed" % step}
            return "error", told
        if not result.success and not failures:
            return "error", errors.from_serialized(broken) if broken is not None else {"message": "the run failed without saying why"}
        outputs = []
        for key in self.wanted:
            one = {"asset": key, "format": "skipped", "rows": 0}
            if key in self.data.made:
                one["format"], one["rows"] = self.data.made[key]
            elif key in events:
                one["format"] = "none"
            materialization = events.get(key)
            if materialization is not None:
                one["metadata"] = facts(materialization.metadata or {})
                tags = materialization.tags or {}
                if tags.get("dagster/data_version_is_user_provided") == "true":
                    one["data_version"] = tags.get("dagster/data_version", "")
            outputs.append(one)
        if self.request.get("outputs"):
            return "result", {"format": outputs[0]["format"].replace("skipped", "none"), "rows": 0, "outputs": outputs}
        only = outputs[0]
        if only.get("metadata"):
            self.channel.send("metadata", only["metadata"])
        answer = {"format": only["format"], "rows": only["rows"]}
        if only["format"] == "skipped":
            answer = {"format": "none", "rows": 0, "outputs": [{"asset": only["asset"], "format": "skipped", "rows": 0}]}
        if only.get("data_version"):
            answer["data_version"] = only["data_version"]
        return "result", answer

    def broken_check(self, node, info, blocking):
        """Tells the failure of a check's own code as a check that did not pass."""
        for check in self.checks:
            if check.node_def.name != node:
                continue
            told = errors.from_serialized(info)
            place = "%s:%d: " % (told["file"], told["line"]) if told.get("file") else ""
            for spec in check.check_specs:
                self.channel.send("check", {
                    "asset": path_of(spec.asset_key), "name": spec.name, "passed": False, "severity": "ERROR", "blocking": blocking.get((spec.asset_key, spec.name), False),
                    "description": "the check itself failed: %s%s" % (place, told["message"]), "metadata": {},
                })
            return True
        return False


def is_check_failure(info):
    while info is not None:
        if info.cls_name == "DagsterAssetCheckFailedError":
            return True
        info = info.cause
    return False


def upstream(key, definition, spec):
    manager, resource, of = storing.DEFAULT, None, None
    if spec is not None:
        of = spec.partitions_def
        if isinstance(definition, dg.AssetsDefinition) and definition.is_executable:
            manager = definition.get_io_manager_key_for_asset_key(key)
        elif isinstance(spec, dg.SourceAsset):
            manager = spec.io_manager_key or manager
        else:
            value = (spec.metadata or {}).get("dagster/io_manager_key")
            manager = getattr(value, "value", value) or manager
        resource = (getattr(definition, "resource_defs", None) or {}).get(manager)
    return {"key": path_of(key), "asset_key": key, "manager": manager, "resource": resource, "partitions": of, "metadata": getattr(spec, "metadata", None) or {}}


def stub(up):
    metadata = {k: v for k, v in up["metadata"].items() if k != "dagster/auto_created_stub_asset"}
    spec = dg.AssetSpec(up["asset_key"], partitions_def=up["partitions"], metadata=metadata)
    return spec.with_io_manager_key(up["manager"])


def around(run, own, both, resource):
    """Returns our manager that has the project's own one at hand, with that one's configuration: managers of databases look it up in their context."""
    definition = resource.get_resource_definition() if hasattr(resource, "get_resource_definition") else resource

    @dg.io_manager(required_resource_keys={own}, config_schema=getattr(definition, "config_schema", None))
    def manager(context):
        return Storage(run, both, getattr(context.resources, own))

    return manager


def rebuilt(definition, resources):
    """Returns the definition with other resources of its own."""
    return type(definition).dagster_internal_init(**{**definition.get_attributes_dict(), "resource_defs": resources})


def unbound(definition, loaded):
    """Returns a resolved definition without the resources that the location binds to all of its assets."""
    given = set(loaded.resources)
    keep = {k: v for k, v in definition.resource_defs.items() if k not in given and k != storing.DEFAULT}
    return rebuilt(definition, keep)


def ephemeral(channel, home=None):
    """Returns an instance that keeps its records in memory. home is the DAGSTER_HOME: managers without a base_dir of their own store below it."""
    without_migrations()
    logs = {"dagster_handler_config": {"handlers": {"assetdev": {"()": _Factory(channel), "level": "DEBUG"}}}, "python_log_level": "DEBUG"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dg.DagsterInstance.ephemeral(tempdir=home if home and os.path.isdir(home) else None, settings={"python_logs": logs})


def without_migrations():
    """A new database in memory needs no migrations; reading their scripts, only to note the newest, is 40 % of what a small asset costs."""
    for name in ("runs", "event_log"):
        try:
            module = importlib.import_module("dagster._core.storage.%s.in_memory" % name)
        except ImportError:
            continue
        if hasattr(module, "stamp_alembic_rev"):
            module.stamp_alembic_rev = lambda *_, **__: None


class _Factory:
    """What logging calls to make the handler."""

    def __init__(self, channel):
        self.channel = channel

    def __call__(self, **_):
        return _Handler(self.channel)


class _Handler(logging.Handler):
    """Lines of context.log go over the channel; what Dagster itself tells of a run does not."""

    def __init__(self, channel):
        super().__init__()
        self.channel = channel

    def emit(self, record):
        meta = getattr(record, "dagster_meta", None) or {}
        if isinstance(meta, dict) and meta.get("dagster_event") is not None or getattr(record, "dagster_event", None) is not None:
            return
        text = meta.get("orig_message") if isinstance(meta, dict) else None
        if text is None:
            text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        level = "debug" if record.levelno < 20 else "info" if record.levelno < 30 else "warning" if record.levelno < 40 else "error"
        for line in text.splitlines() or [""]:
            self.channel.send("log", {"level": level, "text": line})
