"""What Dagster's own instance (DAGSTER_HOME) knows. It is only read, and imported only when asked for."""

import datetime
import os

import dagster as dg

PAGE = 1000  # materializations that are read at once
MOST = 20_000  # of one asset with partitions
REPORTED = "assetdev/run"  # metadata of materializations that assetdev told the instance of: no news

_instances = {}


def instance(home):
    """Returns the instance of a DAGSTER_HOME, or None when the folder has no dagster.yaml and no history."""
    if home not in _instances:
        there = os.path.isdir(home) and any(os.path.exists(os.path.join(home, n)) for n in ("dagster.yaml", "history", "storage"))
        _instances[home] = dg.DagsterInstance.from_config(home) if there else None
    return _instances[home]


def last(home, keys):
    """Returns for those of the keys (joined by slashes) that were materialized when, by which run, with which metadata and path: None where
    assetdev itself did, and reported it."""
    i = instance(home)
    if i is None:
        return {}
    found = {}
    records = i.get_asset_records([dg.AssetKey(k.split("/")) for k in keys])
    for record in records:
        entry = record.asset_entry.last_materialization_record
        if entry is None:
            continue
        found["/".join(record.asset_entry.asset_key.path)] = told(entry.event_log_entry)
    return found


def partitions(home, key, known):
    """Returns for those of the known partitions of a key that were materialized what last returns for an asset. Of more materializations than
    MOST the oldest are not looked at: partitions that only those made are told without when and by whom."""
    i = instance(home)
    asset = dg.AssetKey(key.split("/"))
    found, ours, cursor, read = {}, set(), None, 0
    there = set(i.get_materialized_partitions(asset)) & set(known)
    while there - ours - found.keys() and read < MOST:
        page = i.fetch_materializations(asset, limit=PAGE, cursor=cursor)
        for record in page.records:
            partition = record.partition_key
            if partition not in there or partition in found or partition in ours:
                continue
            made = told(record.event_log_entry)
            if made is None:
                ours.add(partition)
            else:
                found[partition] = made
        read += len(page.records)
        cursor = page.cursor
        if not page.has_more:
            break
    for partition in there - ours - found.keys():
        found[partition] = {}
    return found


def told(entry):
    """Returns one materialization as the wire's, None for one that assetdev itself reported."""
    from .describe import text

    materialization = entry.asset_materialization
    metadata = {k: text(v) for k, v in (materialization.metadata if materialization else {}).items()}
    if REPORTED in metadata:
        return None
    at = datetime.datetime.fromtimestamp(entry.timestamp, datetime.timezone.utc)
    made = {"at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "run": entry.run_id, "metadata": metadata}
    path = metadata.get("path", "")
    if path and os.path.exists(os.path.abspath(path)):
        made["path"] = os.path.abspath(path)
    return made
