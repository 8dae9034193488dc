"""Partitions definitions and mappings as the wire wants them: keys in order, and which upstream keys each key reads."""

import hashlib

import dagster as dg

PIECE = 4000  # keys in one message
BYTES = 300_000  # of keys in one message: a longer one would be cut
MOST_BYTES = 900_000  # of what one key reads
MOST = 200_000  # keys of one definition
MOST_MAPPED = 20_000  # keys of an asset whose mapping is computed key by key


class Partitions:
    def __init__(self, target):
        self.target = target
        self.known = {}  # id -> (kind, keys)
        self.ids = {}
        self.notices = []
        self._instance = None

    def instance(self):
        """Dagster's own instance, for the keys of dynamic partitions, or None."""
        if self._instance is None:
            self._instance = False
            if self.target.get("instance") in ("read", "report") and self.target.get("dagster_home"):
                from . import history

                self._instance = history.instance(self.target["dagster_home"]) or False
        return self._instance or None

    def id(self, definition):
        found = self.ids.get(id(definition))
        if found:
            return found[0]
        kind = kind_of(definition)
        if kind == "dynamic" and definition.name:
            name = "dynamic:" + definition.name
        else:
            name = kind + ":" + hashlib.sha256(repr(unique(definition)).encode()).hexdigest()[:16]
        self.ids[id(definition)] = (name, definition)
        if name not in self.known:
            self.known[name] = (kind, self.keys(definition, kind))
        return name

    def keys(self, definition, kind):
        try:
            if kind == "dynamic" or kind == "multi" and has_dynamic(definition):
                instance = self.instance()
                if instance is None:
                    return []
                keys = definition.get_partition_keys(dynamic_partitions_store=instance)
            else:
                keys = definition.get_partition_keys()
        except Exception as error:
            self.notices.append("the partitions %s cannot be listed: %s" % (definition, error))
            return []
        keys = list(keys)
        if len(keys) > MOST:
            self.notices.append("%d partitions are too many: the last %d are listed" % (len(keys), MOST))
            keys = keys[-MOST:]
        return keys

    def messages(self):
        for name, (kind, keys) in sorted(self.known.items()):
            piece, size = [], 0
            for key in keys:
                if piece and (len(piece) == PIECE or size > BYTES):
                    yield {"id": name, "kind": kind, "keys": piece}
                    piece, size = [], 0
                piece.append(key)
                size += len(key.encode("utf-8", "replace")) + 3
            yield {"id": name, "kind": kind, "keys": piece}

    def mappings(self, definition, spec, specs):
        """Yields the mapping messages of one asset."""
        own = spec.partitions_def
        for dep in spec.deps:
            upstream = specs.get(dep.asset_key)
            other = upstream.partitions_def if upstream is not None else None
            if other is None:
                continue
            asset, source = "/".join(spec.key.path), "/".join(dep.asset_key.path)
            if own is None:
                yield {"asset": asset, "input": source, "all": True}
                continue
            mapping = dep.partition_mapping or definition.get_partition_mapping(dep.asset_key)
            if isinstance(mapping, dg.AllPartitionMapping):
                yield {"asset": asset, "input": source, "all": True}
                continue
            if isinstance(mapping, dg.IdentityPartitionMapping) or (mapping is None or is_plain_window(mapping)) and self.id(own) == self.id(other):
                continue
            try:
                yield from self.table(asset, source, own, other, mapping)
            except Exception as error:
                self.notices.append("asset %s: what its partitions read of %s cannot be said, so that each counts all of them: %s" % (asset, source, error))
                yield {"asset": asset, "input": source, "all": True}

    def table(self, asset, source, own, other, mapping):
        keys = self.known[self.id(own)][1]
        self.id(other)
        if mapping is None:
            mapping = inferred(own, other)
        piece, size = {}, 0
        for key in keys[-MOST_MAPPED:]:
            reads = upstream_keys(mapping, own, other, key, self.instance())
            if reads == [key]:
                continue
            piece[key] = reads
            size += len(key.encode("utf-8", "replace")) + 8 + sum(len(r.encode("utf-8", "replace")) + 3 for r in reads)
            if size > MOST_BYTES:
                raise ValueError("partition %s reads %d partitions" % (key, len(reads)))
            if size > BYTES:
                yield {"asset": asset, "input": source, "table": piece}
                piece, size = {}, 0
        if piece:
            yield {"asset": asset, "input": source, "table": piece}


def kind_of(definition):
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return "multi"
    if isinstance(definition, dg.DynamicPartitionsDefinition):
        return "dynamic"
    if isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return "time_window"
    return "static"


def has_dynamic(definition):
    return any(isinstance(d.partitions_def, dg.DynamicPartitionsDefinition) for d in definition.partitions_defs)


def unique(definition):
    if isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return [str(getattr(definition, name, None)) for name in ("start", "end", "timezone", "fmt", "cron_schedule", "end_offset", "exclusions")]
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return [(d.name, unique(d.partitions_def)) for d in definition.partitions_defs]
    if isinstance(definition, dg.DynamicPartitionsDefinition):
        return ["dynamic", definition.name or id(definition)]
    return list(definition.get_partition_keys())


def is_plain_window(mapping):
    return isinstance(mapping, dg.TimeWindowPartitionMapping) and not mapping.start_offset and not mapping.end_offset


def inferred(own, other):
    if isinstance(own, dg.TimeWindowPartitionsDefinition) and isinstance(other, dg.TimeWindowPartitionsDefinition):
        return dg.TimeWindowPartitionMapping()
    if isinstance(own, dg.MultiPartitionsDefinition) or isinstance(other, dg.MultiPartitionsDefinition):
        single = other if isinstance(own, dg.MultiPartitionsDefinition) else own
        multi = own if isinstance(own, dg.MultiPartitionsDefinition) else other
        if any(d.partitions_def == single for d in multi.partitions_defs):
            return dg.MultiToSingleDimensionPartitionMapping()
    return dg.AllPartitionMapping() if own != other else dg.IdentityPartitionMapping()


def upstream_keys(mapping, own, other, key, instance=None):
    """Returns the keys of the upstream that a key reads, in order."""
    import datetime
    import inspect

    method = mapping.get_upstream_mapped_partitions_result_for_partitions
    accepted = inspect.signature(method).parameters
    arguments = {}
    if "current_time" in accepted:
        arguments["current_time"] = datetime.datetime.now(datetime.timezone.utc)
    if "dynamic_partitions_store" in accepted:
        arguments["dynamic_partitions_store"] = instance
    result = method(own.empty_subset().with_partition_keys([key]), own, other, **arguments)
    return list(result.partitions_subset.get_partition_keys())

