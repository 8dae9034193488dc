"""The project that the tests of the bridge run: one asset for each thing that can happen."""

import os
import pathlib
import pickle
import sys
import threading

import dagster as dg
import pandas as pd
import pyarrow as pa

from . import helpers

QUERY = (pathlib.Path(__file__).parent / "query.sql").read_text()
STORE = os.environ.get("SHOP_STORE", "/tmp/none")


class Config(dg.Config):
    limit: int = 2
    name: str = "x"


class Needs(dg.Config):
    since: str
    limit: int


@dg.asset(group_name="raw", owners=["team:data", "a@example.org"], kinds={"pandas"}, tags={"tier": "gold"}, code_version="v7",
          metadata={"rows": 3, "doc": dg.MetadataValue.url("http://example.org"), "assetdev/files": "data/*.csv", "assetdev/env": ["SHOP_KEY"], "assetdev/unordered": True})
def orders(context: dg.AssetExecutionContext, config: Config) -> pd.DataFrame:
    """Orders.

    More of them.
    """
    context.log.debug("a debug line")
    context.log.info("an info line")
    context.log.warning("careful")
    context.log.error("two\nlines")
    dg.get_dagster_logger().info("by the logger")
    print("printed")
    context.add_output_metadata({"n": 3, "f": 1.5, "t": "text", "none": None, "nan": float("nan"), "list": [1, "a"], "path": dg.MetadataValue.path("/x")})
    return pd.DataFrame({"id": [1, 2, 3], "price": [1.5, 2.5, 3.5]}).head(config.limit)


NEW = tuple(int(n) for n in dg.__version__.split(".")[:2]) >= (1, 10)  # earlier a key could not be both


@dg.asset(key_prefix=["a"], deps=["orders"] if NEW else None)
def nested(context, orders: pd.DataFrame):
    return orders.assign(twice=orders.price * 2)


@dg.asset
def model(orders):
    return {"kind": type(orders).__module__.partition(".")[0], "sum": float(orders.price.sum())}


@dg.asset
def uses_model(model):
    return pd.DataFrame({"sum": [model["sum"]]})


@dg.asset(deps=[orders])
def effect() -> None:
    print("done")


@dg.asset
def nothing_said():
    return None


@dg.asset
def reported() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"path": "/data/x.parquet", "rows": 5}, data_version=dg.DataVersion("dv1"))


@dg.asset
def wrapped() -> dg.Output[pd.DataFrame]:
    return dg.Output(pd.DataFrame({"a": [1]}), metadata={"k": 1}, data_version=dg.DataVersion("mine"))


@dg.asset
def yielded():
    yield dg.Output([{"a": 1, "b": "x"}, {"a": 2, "c": 2.5}], metadata={"k": "v"})


@dg.asset
def rows_back(yielded: list[dict]):
    return {"rows": yielded}


@dg.asset
def arrow_table() -> pa.Table:
    return pa.table({"x": pa.array([1, 2], pa.int32()), "s": ["a", None]})


@dg.asset
def arrow_reader():
    schema = pa.schema([("x", pa.int64())])
    return pa.RecordBatchReader.from_batches(schema, (pa.record_batch([pa.array(range(i, i + 10))], schema=schema) for i in range(3)))


@dg.asset
def arrow_back(arrow_table):
    return {"kind": type(arrow_table).__name__, "rows": arrow_table.num_rows}


@dg.asset
def indexed() -> pd.DataFrame:
    frame = pd.DataFrame({"v": [1, 2, 3], "k": ["a", "b", "c"]}).set_index("k")
    frame["d"] = pd.to_timedelta([1, 2, None], unit="s")
    frame["c"] = pd.Categorical(["lo", "hi", "lo"], categories=["lo", "hi"], ordered=True)
    frame["when"] = pd.to_datetime(["2024-01-01", "2024-01-02", None])
    frame["i"] = pd.array([1, None, 3], dtype="Int64")
    return frame


@dg.asset
def indexed_back(indexed):
    return {"index": list(indexed.index), "name": indexed.index.name, "dtypes": {c: str(t) for c, t in indexed.dtypes.items()}, "ordered": indexed.c.cat.ordered,
            "second": indexed.d.iloc[1].total_seconds()}


@dg.asset
def mixed() -> pd.DataFrame:
    return pd.DataFrame({"a": [1, "x", None]})


@dg.asset
def no_columns() -> pd.DataFrame:
    return pd.DataFrame()


@dg.asset
def twice_named() -> pd.DataFrame:
    return pd.DataFrame([[1, 2]], columns=["a", "a"])


@dg.multi_asset(outs={"together_a": dg.AssetOut(group_name="multi"), "together_b": dg.AssetOut()}, internal_asset_deps={"together_a": {dg.AssetKey("orders")}, "together_b": {dg.AssetKey("together_a")}})
def together(orders):
    yield dg.Output(orders.head(1), output_name="together_a", metadata={"side": "a"})
    yield dg.Output({"not": "a table"}, output_name="together_b")


@dg.multi_asset(outs={"one": dg.AssetOut(is_required=False), "two": dg.AssetOut(is_required=False)}, can_subset=True)
def some(context: dg.AssetExecutionContext):
    for name in sorted(context.selected_output_names):
        yield dg.Output(pd.DataFrame({"n": [name]}), output_name=name)


@dg.multi_asset(specs=[dg.AssetSpec("maybe", skippable=True), dg.AssetSpec("always")])
def optional():
    yield dg.MaterializeResult(asset_key="always", metadata={"x": 1})


@dg.op
def first(orders):
    return orders.price.tolist()


@dg.op
def second(values):
    return pd.DataFrame({"v": values})


@dg.graph_asset(group_name="graphs")
def graphed(orders):
    return second(first(orders))


@dg.op
def cheap(orders):
    return orders[orders.price < 2]


@dg.op
def spoils(frame):
    frame["price"] = 0.0
    return len(frame)


@dg.op
def total(frame, after):
    return {"sum": frame.price.sum(), "rows": after}


@dg.graph(out={"cheap_orders": dg.GraphOut(), "cheap_total": dg.GraphOut()})
def cheap_graph(orders):
    frame = cheap(orders)
    return {"cheap_orders": frame, "cheap_total": total(frame, spoils(frame))}


cheap_assets = dg.AssetsDefinition.from_graph(cheap_graph)


@dg.asset(output_required=False)
def skips():
    if False:
        yield dg.Output(1)


@dg.asset(**({"pool": "warehouse"} if NEW else {"op_tags": {"dagster/concurrency_key": "warehouse"}}))
def configured(config: Needs):
    return {"since": config.since, "limit": config.limit}


# partitions

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-15")
WEEKS = dg.WeeklyPartitionsDefinition("2024-01-01", end_date="2024-01-15")
COLOURS = dg.StaticPartitionsDefinition(["red", "green", "blue"])
USERS = dg.DynamicPartitionsDefinition(name="users")
GRID = dg.MultiPartitionsDefinition({"colour": COLOURS, "size": dg.StaticPartitionsDefinition(["s", "l"])})


@dg.asset(partitions_def=DAYS)
def daily(context: dg.AssetExecutionContext):
    return pd.DataFrame({"day": [context.partition_key]})


@dg.asset(partitions_def=DAYS)
def daily_copy(daily: pd.DataFrame):
    return daily


@dg.asset(partitions_def=DAYS, ins={"daily": dg.AssetIn(partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True))})
def day_before(daily):
    return {"read": daily if daily is None else daily.day.tolist()}


@dg.asset(partitions_def=WEEKS)
def weekly(daily: dict[str, pd.DataFrame]):
    return pd.concat(daily.values())


@dg.asset
def all_days(daily):
    return {"keys": sorted(daily), "kind": type(next(iter(daily.values()))).__name__}


@dg.asset(partitions_def=COLOURS)
def coloured(context: dg.AssetExecutionContext):
    return {"colour": context.partition_key}


@dg.asset(partitions_def=USERS)
def per_user(context: dg.AssetExecutionContext):
    return {"user": context.partition_key}


@dg.asset(partitions_def=GRID)
def grid(context: dg.AssetExecutionContext):
    return dict(context.partition_key.keys_by_dimension)


# checks


@dg.asset(check_specs=[dg.AssetCheckSpec("inside", asset="checked", blocking=True, description="Inside.")])
def checked():
    yield dg.Output(pd.DataFrame({"a": [1]}))
    yield dg.AssetCheckResult(passed=True, check_name="inside", metadata={"rows": 1})


@dg.asset_check(asset=checked)
def warns(checked: pd.DataFrame):
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="only %d" % len(checked))


@dg.asset
def blocked():
    return pd.DataFrame({"a": [1]})


@dg.asset_check(asset=blocked, blocking=True)
def stops():
    return dg.AssetCheckResult(passed=False)


@dg.asset
def badly_checked():
    return pd.DataFrame({"a": [1]})


@dg.asset_check(asset=badly_checked)
def broken():
    helpers.fail("the check is broken")


# I/O managers


class Files(dg.ConfigurableIOManager):
    """A manager of the project's own: pickles in a folder."""

    base: str = "pickles"

    def handle_output(self, context, obj):
        path = pathlib.Path(STORE) / self.base / ("/".join(context.asset_key.path) + ".pkl")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(obj))
        context.add_output_metadata({"path": str(path)})

    def load_input(self, context):
        path = pathlib.Path(STORE) / self.base / ("/".join(context.asset_key.path) + ".pkl")
        return pickle.loads(path.read_bytes())


@dg.asset(io_manager_key="files")
def filed():
    return pd.DataFrame({"f": [1, 2]})


@dg.asset
def reads_filed(filed):
    return {"sum": int(filed.f.sum())}


@dg.io_manager
def own_manager(_):
    return Files(base="own")


@dg.asset(io_manager_def=own_manager)
def stored_by_itself():
    return {"x": 1}


@dg.asset
def reads_own(stored_by_itself):
    return {"got": stored_by_itself}


# what goes wrong


@dg.asset
def raises(orders):
    helpers.fail("boom")


@dg.asset
def in_library():
    return pd.DataFrame({"a": [1]})["nothing"]


@dg.asset
def chained():
    try:
        helpers.fail("inner")
    except ValueError as error:
        raise RuntimeError("outer") from error


@dg.asset
def exits():
    sys.exit(3)


@dg.asset
def hard_exit():
    print("giving up", file=sys.stderr)
    os._exit(4)


@dg.asset
def segfaults():
    import ctypes

    ctypes.string_at(0)


@dg.asset
def recurses():
    def again():
        return again()

    return again()


@dg.asset
def too_big():
    raise MemoryError("cannot have that much")


@dg.asset
def wrong_type() -> pd.DataFrame:
    return {"a": 1}


@dg.asset
def unpicklable():
    return threading.Lock()


@dg.asset
def waits(context):
    context.log.info("waiting")
    threading.Event().wait(60)


@dg.asset
def leaves_thread(context):
    def run():
        threading.Event().wait(60)

    threading.Thread(target=run, name="left-alone").start()
    return {"x": 1}


@dg.asset
def prints_binary():
    sys.stdout.buffer.write(bytes(range(256)) * 4)
    print("\udcff ünï 😀")
    return {"x": 1}


@dg.asset
def retried(context: dg.AssetExecutionContext):
    context.log.info("attempt %d" % context.retry_number)
    if context.retry_number < 1:
        raise dg.RetryRequested(max_retries=1)
    return {"x": 1}


class Service(dg.ConfigurableResource):
    token: str


@dg.asset
def uses_service(service: Service):
    return {"token": service.token}


class Fails(dg.ConfigurableResource):
    def setup_for_execution(self, context):
        helpers.fail("no connection")


@dg.asset
def uses_broken(broken_service: Fails):
    return 1


@dg.asset
def debugged():
    seen = 41
    breakpoint()
    return {"seen": seen}


@dg.asset
def environment():
    import multiprocessing

    return {"env": {k: v for k, v in os.environ.items() if k.startswith(("ASSETDEV", "SHOP", "SHARED", "PYTHON"))}, "cwd": os.getcwd(), "path": sys.path, "argv": sys.argv,
            "main": multiprocessing.current_process().name, "threads": len(threading.enumerate())}


# what is declared only

foreign = dg.AssetSpec("foreign", group_name="elsewhere", description="From another location.")


@dg.asset
def reads_foreign(foreign: pd.DataFrame):
    return foreign.head(1)


@dg.observable_source_asset
def observed():
    return dg.DataVersion("1")


everything = dg.define_asset_job("everything", selection="*")
raw_job = dg.define_asset_job("raw_job", selection=dg.AssetSelection.groups("raw"))


@dg.sensor(job=raw_job)
def looks():
    return None


assets = [v for v in list(globals().values()) if isinstance(v, (dg.AssetsDefinition, dg.AssetSpec, dg.SourceAsset)) and not isinstance(v, dg.AssetChecksDefinition)]

whatever_name = dg.Definitions(
    assets=assets, asset_checks=[warns, stops, broken], jobs=[raw_job], sensors=[looks], schedules=[dg.ScheduleDefinition(name="nightly", job=raw_job, cron_schedule="0 0 * * *")],
    resources={"files": Files(), "broken_service": Fails(), "service": Service(token=dg.EnvVar("SHOP_TOKEN"))},
)
