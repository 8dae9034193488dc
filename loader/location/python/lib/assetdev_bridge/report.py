"""Answers report: tells Dagster's own instance (DAGSTER_HOME) what assetdev materialized. The project's code is not loaded for it."""

import os

import dagster as dg

from . import history
from .errors import Told


def answer(target, request, channel):
    home = target.get("dagster_home")
    if not home:
        raise Told("DAGSTER_HOME is not set")
    instance = history.instance(home)
    if instance is None:
        raise Told("DAGSTER_HOME names %s, which is no folder with a dagster.yaml" % home)
    for one in request.get("reports") or ():
        instance.report_runless_asset_event(materialization(one))
    return "result", {"format": "none", "rows": 0}


def materialization(one):
    """Returns what is reported as Dagster's own event: the author's metadata, the rows as Dagster counts them, and the versions."""
    metadata = {**(one.get("metadata") or {}), history.REPORTED: one["run"], "assetdev/at": one.get("at", "")}
    if one.get("path"):
        metadata["path"] = dg.MetadataValue.path(os.fspath(one["path"]))
    if one.get("rows", -1) >= 0:
        metadata["dagster/row_count"] = one["rows"]
    tags = {}
    if one.get("data_version"):
        tags = {"dagster/data_version": one["data_version"], "dagster/data_version_is_user_provided": "true"}
    if one.get("code_version"):
        tags["dagster/code_version"] = one["code_version"]
    return dg.AssetMaterialization(dg.AssetKey(one["asset"].split("/")), partition=one.get("partition") or None, metadata=metadata, tags=tags)
