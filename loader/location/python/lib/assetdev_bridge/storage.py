"""The I/O manager that stands in for the project's: outputs go to the files that the request names, inputs come from those it names."""

import copy

import dagster as dg

from . import tables
from .describe import plain
from .errors import Told


class StorageError(Told):
    """What a user reads when data cannot be handed over."""


class Run:
    """What one materialize reads and writes. Steps of a run that are no assets (ops of a graph) hand their values over in memory."""

    def __init__(self, request, log):
        self.request, self.log = request, log
        self.outputs = {o["asset"]: o["output"] for o in request.get("outputs") or ()} or {request["asset"]: request["output"]}
        self.inputs = {i["asset"]: i for i in request.get("inputs") or ()}
        self.memory = {}
        self.graph = False  # whether the step is a graph, whose ops may read what others of them made, assets too
        self.made = {}  # key -> (format, rows)
        self.values = {}  # key -> value, for checks that read what was just made
        self.keep = set()  # keys whose value checks read

    def input(self, key, annotation, source=""):
        """Returns the data of an upstream."""
        if key in self.values:
            return self.values[key]
        given = self.inputs.get(key)
        if given is None:
            raise StorageError("%s reads %s, which it did not declare as an upstream" % (self.request["asset"], key))
        if given.get("partitions"):
            return self.parts(key, given, annotation)
        for form in ("arrow", "parquet", "opaque"):
            if given.get(form):
                return self.read(key, given, given[form], form, annotation)
        raise StorageError(no_data(key, given))

    def parts(self, key, given, annotation, elsewhere=None):
        """elsewhere loads a partition that the location's own manager stores, by its key and the type that is wanted."""
        values = {}
        inner = mapping_value(annotation)
        for part in given["partitions"]:
            form = next((f for f in ("parquet", "opaque") if part.get(f)), None)
            if part.get("elsewhere") and elsewhere is not None:
                values[part["key"]] = elsewhere(part["key"], inner if inner is not None else annotation)
                continue
            if form is None:
                raise StorageError(no_data("%s has no data for partition %s" % (key, part["key"]), given, key))
            values[part["key"]] = self.read(key, given, part[form], form, inner if inner is not None else annotation)
        if len(values) == 1 and inner is None:
            return next(iter(values.values()))
        return values

    def read(self, key, given, path, form, annotation):
        try:
            if form == "opaque":
                return tables.read_opaque(path)
            return tables.read(path, form, annotation)
        except ModuleNotFoundError as error:
            raise StorageError(
                "the value of %s needs the module %s, which this environment does not have; it was made by %s" % (key, error.name, given.get("location") or "another environment")
            ) from error

    def write(self, key, value):
        path = self.outputs.get(key)
        if key in self.keep:
            self.values[key] = value
        if path is None:
            return  # an asset of the step that nobody asked for
        if value is None:
            self.made[key] = ("none", 0)
            return
        form, rows, why = tables.write(value, path)
        if why:
            self.log("info", "%s is stored as an opaque value without rows to show: %s" % (key, why))
        self.made[key] = (form, rows)


def no_data(what, given, key=None):
    text = what if key else "%s has no data" % what
    if given.get("location"):
        text += "; %s makes it" % given["location"]
    if given.get("command"):
        text += ": " + given["command"]
    return text


def mapping_value(annotation):
    """Returns the type of the values when a parameter wants a dict of partitions, else None."""
    import collections.abc
    import typing

    origin = typing.get_origin(annotation)
    if origin in (dict, collections.abc.Mapping):
        args = typing.get_args(annotation)
        return args[1] if len(args) == 2 else typing.Any
    return typing.Any if annotation is dict else None


def path_of(key):
    return "/".join(key.path)


class Storage(dg.IOManager):
    """own is the project's manager for mode "both" and for data that lies elsewhere, or None."""

    def __init__(self, run, both=False, own=None):
        self.run, self.both, self.own = run, both, own

    def handle_output(self, context, obj):
        if not context.has_asset_key:
            self.run.memory[(context.step_key, context.name, getattr(context, "mapping_key", None))] = obj
            return
        if self.both:
            self.own.handle_output(context, obj)
        if self.run.graph:
            self.run.memory[(context.step_key, context.name, None)] = obj
        self.run.write(path_of(context.asset_key), obj)

    def load_input(self, context):
        upstream = context.upstream_output
        if upstream is not None and not upstream.has_asset_key or not context.has_asset_key:
            try:
                return own_copy(self.run.memory[(upstream.step_key, upstream.name, getattr(upstream, "mapping_key", None))])
            except KeyError:
                raise StorageError("the input %s has no value" % context.name) from None
        key = path_of(context.asset_key)
        if upstream is not None:  # a value of a graph between its ops has the key of its asset
            value = self.run.memory.get((upstream.step_key, upstream.name, None), self.run)
            if value is not self.run:
                return own_copy(value)
        given = self.run.inputs.get(key)
        parts = (given or {}).get("partitions") or ()
        there = {p["key"] for p in parts if p.get("elsewhere")}
        if given and key not in self.run.values and (there or given.get("elsewhere")):
            if self.own is None:
                raise StorageError("%s lies where the location's own I/O manager stores it, and there is none" % key)
            wanted = context.dagster_type.typing_type
            one = len(there) == 1 and mapping_value(wanted) is not None  # Dagster's own managers then give the value for the dict of it
            if not there or not one and there == {p["key"] for p in parts} == set(context.asset_partition_keys):
                return self.own.load_input(context)
            return self.run.parts(key, given, wanted, lambda partition, wanted: self.single(context, partition, wanted))
        return self.run.input(key, context.dagster_type.typing_type)

    def single(self, context, partition, wanted):
        """Loads one partition by the location's own manager, where others of them lie in our storage or do not exist."""
        resources = context.resources._asdict() if hasattr(context.resources, "_asdict") else {}
        of = dg.build_input_context(
            name=context.name, config=context.config, definition_metadata=context.definition_metadata, asset_key=context.asset_key,
            upstream_output=context.upstream_output, dagster_type=dg.DagsterType(type_check_fn=lambda _context, _value: True, name="assetdev_partition", typing_type=wanted),
            resource_config=context.resource_config, resources={k: v for k, v in resources.items() if not k.startswith("assetdev_")},
            partition_key=partition, asset_partition_key_range=dg.PartitionKeyRange(partition, partition), asset_partitions_def=context.asset_partitions_def,
            instance=context.instance,
        )
        return self.own.load_input(of)


def own_copy(value):
    """Returns a value for one reader: ops may change what they are given, and with Dagster's own managers each has its own."""
    if type(value).__module__.partition(".")[0] in ("builtins", "pyarrow", "polars") and not isinstance(value, (dict, list, set, tuple, bytearray)):
        return value
    try:
        return copy.deepcopy(value)
    except Exception:  # what cannot be copied could not be stored either
        return value


def facts(metadata):
    """Returns metadata of Dagster as the wire's."""
    return {str(k): plain(v) for k, v in metadata.items()}
