"""What Dagster's own instance (DAGSTER_HOME) knows. It is only read, and imported only when asked for."""

import datetime
import os

import dagster as dg

_instances = {}


def instance(home):
    """Returns the instance of a DAGSTER_HOME, or None when the folder has no dagster.yaml and no history."""
    if home not in _instances:
        there = os.path.isdir(home) and any(os.path.exists(os.path.join(home, n)) for n in ("dagster.yaml", "history", "storage"))
        _instances[home] = dg.DagsterInstance.from_config(home) if there else None
    return _instances[home]


def last(home, keys):
    """Returns for those of the keys (joined by slashes) that were materialized when, by which run, with which metadata and path."""
    from .describe import text

    i = instance(home)
    if i is None:
        return {}
    found = {}
    records = i.get_asset_records([dg.AssetKey(k.split("/")) for k in keys])
    for record in records:
        entry = record.asset_entry.last_materialization_record
        if entry is None:
            continue
        materialization = entry.event_log_entry.asset_materialization
        metadata = {k: text(v) for k, v in (materialization.metadata if materialization else {}).items()}
        at = datetime.datetime.fromtimestamp(entry.event_log_entry.timestamp, datetime.timezone.utc)
        made = {"at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "run": entry.event_log_entry.run_id, "metadata": metadata}
        path = metadata.get("path", "")
        if path and os.path.exists(os.path.abspath(path)):
            made["path"] = os.path.abspath(path)
        found["/".join(record.asset_entry.asset_key.path)] = made
    return found
