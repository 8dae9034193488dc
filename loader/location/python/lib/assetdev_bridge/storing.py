"""Who stores an asset: assetdev ("replace"), the project's own I/O manager ("own"), or both.

Without a word in the settings, managers of files and object stores are replaced; those of databases, and those that an asset has to itself
(``io_manager_def=``), stay alone. A manager of the project's own code is one of a database when its module speaks of one.
"""

import functools
import inspect
import re

import dagster as dg

DATABASES = re.compile(
    r"^(dagster_(duckdb|snowflake|delta|iceberg|postgres|mysql|clickhouse|databricks|sling|dlt|polars\.io_managers\.bigquery)|dagster_gcp(_pandas|_pyspark)?\.bigquery)"
)
SPEAKS = re.compile(
    r"\b(sqlalchemy|psycopg2?|asyncpg|duckdb|snowflake|bigquery|to_sql|read_sql|pymysql|mysql|sqlite3|pymongo|redis|clickhouse|databricks|trino|oracledb|pyodbc|cassandra|"
    r"elasticsearch|boto3\.resource|dynamodb|neo4j|DbIOManager|TableSlice)\w*",
    re.IGNORECASE,
)
DEFAULT = "io_manager"


def is_manager(resource):
    """Reports whether a resource of a location is an I/O manager."""
    return isinstance(resource, (dg.IOManager, dg.IOManagerDefinition, dg.ConfigurableIOManagerFactory)) or (
        isinstance(resource, type) and issubclass(resource, (dg.IOManager, dg.ConfigurableIOManagerFactory))
    )


def mode(key, resource, request, bound=False):
    """Returns "replace", "own" or "both". bound: an asset has the manager to itself."""
    asked = (request.get("io_managers") or {}).get(key)
    if asked in ("replace", "own", "both"):
        return asked
    if bound:
        return "own"
    if resource is None or not _of_database(resource):
        return "replace"
    return "own"


def stored_by(how):
    return {"replace": "assetdev", "own": "own", "both": "both"}[how]


def code_of(resource):
    """Returns the class or function that a manager is made by."""
    if isinstance(resource, dg.ResourceDefinition):
        return getattr(resource, "configurable_resource_cls", None) or inspect.unwrap(resource.resource_fn)
    return resource if isinstance(resource, type) else type(resource)


def _of_database(resource):
    source = resource
    if isinstance(resource, dg.IOManagerDefinition):
        source = code_of(resource)
        if getattr(source, "__module__", "").startswith("dagster."):
            return False
        if not isinstance(source, type):
            return bool(DATABASES.match(source.__module__ or "")) or _speaks(source)
    cls = source if isinstance(source, type) else type(source)
    for base in cls.__mro__:
        if DATABASES.match(base.__module__ or "") or base.__name__ == "DbIOManager":
            return True
    if issubclass(cls, dg.UPathIOManager):
        return False
    if cls.__module__.partition(".")[0] in ("dagster", "dagster_aws", "dagster_gcp", "dagster_azure", "dagster_polars", "dagster_pandas"):
        return False
    return _speaks(cls)


@functools.lru_cache(None)
def _speaks(of):
    try:
        return bool(SPEAKS.search(inspect.getsource(of)))
    except (OSError, TypeError):
        return False
