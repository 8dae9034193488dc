"""Tables and other values as files, and back.

A table is a pandas, polars or pyarrow object, or a list of dicts. It is written as an Arrow IPC file (uncompressed, batches of 64 Ki rows) with
pyarrow, as Parquet or Arrow with polars alone. Everything else, and a table that Parquet cannot hold, is an opaque file: the line OPAQUE, a line of JSON for people,
a pickle. Nobody but the user's own processes unpickles it.

The index rule is that of pandas.DataFrame.to_parquet: the index 0, 1, 2 … is not stored; any other becomes columns at the end (named as the index is,
else __index_level_0__), and is the index again for who reads it with pandas.

A reader gets what its annotation says: pandas, polars (also LazyFrame), pyarrow, list of dicts. Without one it gets the kind that was written, else pandas,
else what the environment has. Schema metadata "assetdev" holds what Parquet cannot: the kind, units of durations, values of categories.
"""

import json
import pickle
import sys

ROWS = 64 << 10
OPAQUE = b"assetdev opaque 1\n"
MOST_CATEGORIES = 10_000


class NotATable(Exception):
    """Why a value that looks like a table is stored as an opaque file."""


def kind_of(value):
    """Returns "pandas", "polars", "lazy", "arrow", "batch", "reader", "rows", or "" for what is no table."""
    kind = type(value)
    top, name = kind.__module__.partition(".")[0], kind.__name__
    if top == "pandas":
        return "pandas" if name == "DataFrame" else ""
    if top == "polars":
        return {"DataFrame": "polars", "LazyFrame": "lazy"}.get(name, "")
    if top == "pyarrow":
        return {"Table": "arrow", "RecordBatch": "batch", "RecordBatchReader": "reader"}.get(name, "")
    if kind is list and value and all(type(row) is dict and row and all(type(k) is str for k in row) for row in value):
        return "rows"
    return ""


def has(module):
    if module in sys.modules:
        return True
    import importlib.util

    return importlib.util.find_spec(module) is not None


def write(value, path):
    """Writes a value and returns the format of the file, the number of rows, and why a table became opaque, if it did."""
    kind, why = kind_of(value), ""
    if kind:
        try:
            return (*write_table(value, kind, path), "")
        except NotATable as error:
            why = str(error)
            if kind == "reader":
                raise
    write_opaque(value, path)
    return "opaque", 0, why


def write_table(value, kind, path):
    if not has("pyarrow"):
        return write_with_polars(value, kind, path)
    import pyarrow as pa

    about = {"kind": {"lazy": "polars", "batch": "arrow", "reader": "arrow"}.get(kind, kind)}
    if kind == "reader":
        return write_reader(value, about, path)
    if kind == "pandas":
        table = from_pandas(pa, value, about)
    elif kind in ("polars", "lazy"):
        table = from_polars(value.collect() if kind == "lazy" else value)
    elif kind == "batch":
        table = pa.Table.from_batches([value])
    elif kind == "rows":
        table = from_rows(pa, value)
    else:
        table = value
    table = storable(pa, table, about)
    with pa.OSFile(path, "wb") as f, pa.ipc.new_file(f, table.schema) as w:
        w.write_table(table, max_chunksize=ROWS)
    return "arrow", table.num_rows


def write_reader(reader, about, path):
    import pyarrow as pa

    schema = storable(pa, reader.schema.empty_table(), dict(about)).schema
    rows = 0
    with pa.OSFile(path, "wb") as f, pa.ipc.new_file(f, schema) as w:
        for batch in reader:
            table = storable(pa, pa.Table.from_batches([batch]), dict(about))
            rows += table.num_rows
            w.write_table(table.cast(schema), max_chunksize=ROWS)
    return "arrow", rows


def from_pandas(pa, frame, about):
    if not len(frame.columns):
        raise NotATable("the frame has no columns")
    categories = {}
    for name, dtype in zip(frame.columns, frame.dtypes):
        if str(dtype) == "category" and len(dtype.categories) <= MOST_CATEGORIES:
            values = dtype.categories.tolist()
            if all(isinstance(v, (str, int)) for v in values):
                categories[str(name)] = {"values": values, "ordered": bool(dtype.ordered)}
    if categories:
        about["categories"] = categories
    try:
        return pa.Table.from_pandas(frame)
    except (pa.ArrowException, ValueError, TypeError, OverflowError, NotImplementedError) as error:
        raise NotATable(first_line(error)) from None


def from_polars(frame):
    import polars as pl

    try:
        return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    except (AttributeError, TypeError):
        return frame.to_arrow()
    except BaseException as error:  # a panic of polars is no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
            raise
        raise NotATable(first_line(error)) from None


def from_rows(pa, rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    try:
        return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise NotATable(first_line(error)) from None


def storable(pa, table, about):
    """Returns the table with types that Parquet has, and with what is known about it in its metadata."""
    names = table.schema.names
    if not names:
        raise NotATable("it has no columns")
    if "" in names:
        raise NotATable("a column has no name")
    if len(set(names)) != len(names):
        raise NotATable("two columns are named %r" % next(n for n in names if names.count(n) > 1))
    durations = {}
    for i, field in enumerate(table.schema):
        if pa.types.is_duration(field.type):
            durations[field.name] = field.type.unit
            table = table.set_column(i, pa.field(field.name, pa.int64(), field.nullable), table.column(i).cast(pa.int64()))
            continue
        refuse(pa, field.type, field.name)
    if durations:
        about["durations"] = durations
    metadata = dict(table.schema.metadata or {})
    metadata[b"assetdev"] = json.dumps(about, sort_keys=True).encode()
    return table.replace_schema_metadata(metadata)


def refuse(pa, of, name):
    """Raises for a type that Parquet does not have."""
    t = pa.types
    if isinstance(of, pa.BaseExtensionType):
        return refuse(pa, of.storage_type, name)
    bad = t.is_duration(of) or t.is_interval(of) or t.is_union(of) or t.is_decimal256(of)
    bad = bad or getattr(t, "is_run_end_encoded", lambda _: False)(of) or t.is_struct(of) and of.num_fields == 0
    bad = bad or getattr(t, "is_list_view", lambda _: False)(of) or getattr(t, "is_large_list_view", lambda _: False)(of)
    if bad:
        raise NotATable("column %r has type %s, which Parquet does not have" % (name, of))
    if t.is_dictionary(of):
        return refuse(pa, of.value_type, name)
    if t.is_map(of):
        refuse(pa, of.key_type, name)
        return refuse(pa, of.item_type, name)
    for i in range(of.num_fields):
        refuse(pa, of.field(i).type, name)
    return None


def write_with_polars(value, kind, path):
    if not has("polars"):
        raise NotATable("this environment has neither pyarrow nor polars, without which no table can be shown; install pyarrow")
    import polars as pl

    if kind == "lazy":
        value = value.collect()
    elif kind == "rows":
        try:
            value = pl.DataFrame(value, infer_schema_length=None)
        except Exception as error:
            raise NotATable(first_line(error)) from None
    elif kind != "polars":
        raise NotATable("without pyarrow a pandas frame cannot be stored as a table; install pyarrow")
    for name, dtype in value.schema.items():
        if dtype.is_nested() and dtype == pl.Struct([]) or dtype in (pl.Duration, pl.Object, pl.Null):
            raise NotATable("column %r has type %s, which Parquet does not have" % (name, dtype))
    value.write_parquet(path, row_group_size=ROWS)
    return "parquet", value.height


def write_opaque(value, path):
    about = {"python": "%d.%d" % sys.version_info[:2], "type": "%s.%s" % (type(value).__module__, type(value).__qualname__)}
    with open(path, "wb") as f:
        f.write(OPAQUE + json.dumps(about).encode() + b"\n")
        pickle.dump(value, f, protocol=5)


def read_opaque(path):
    with open(path, "rb") as f:
        if f.readline() != OPAQUE:
            raise ValueError("%s was not written by a Python code location" % path)
        f.readline()
        return pickle.load(f)


def wanted(annotation):
    """Returns what a parameter's annotation asks for: a kind, or "" when it does not say."""
    import typing

    origin = typing.get_origin(annotation)
    if origin is typing.Union or type(annotation).__name__ == "UnionType":
        rest = [a for a in typing.get_args(annotation) if a is not type(None)]
        return wanted(rest[0]) if rest else ""
    if origin in (list, typing.get_origin(typing.Sequence[int])) or annotation is list:
        inner = typing.get_args(annotation)
        if annotation is list or inner and (typing.get_origin(inner[0]) or inner[0]) in (dict, typing.get_origin(typing.Mapping[int, int])):
            return "rows"
        return ""
    if not isinstance(annotation, type):
        return ""
    for base in annotation.__mro__:
        top, name = base.__module__.partition(".")[0], base.__name__
        if top == "pandas" and name == "DataFrame":
            return "pandas"
        if top == "polars" and name in ("DataFrame", "LazyFrame"):
            return "polars" if name == "DataFrame" else "lazy"
        if top == "pyarrow" and name in ("Table", "RecordBatch", "RecordBatchReader", "Dataset"):
            return {"Table": "arrow", "RecordBatch": "batch", "RecordBatchReader": "reader", "Dataset": "dataset"}[name]
    return ""


def read(path, form, annotation=None):
    """Reads a table in one of the forms "parquet" and "arrow" as what the annotation wants."""
    want = wanted(annotation)
    if want == "lazy" and form == "parquet":
        import polars as pl

        return pl.scan_parquet(path)
    if not has("pyarrow"):
        return read_without_arrow(path, form, want)
    import pyarrow as pa

    if want == "dataset":
        import pyarrow.dataset

        return pyarrow.dataset.dataset(path, format="parquet" if form == "parquet" else "ipc")
    if form == "arrow":
        with pa.memory_map(path) as f:
            table = pa.ipc.open_file(f).read_all()
    else:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as f:
            table = f.read()
    metadata = table.schema.metadata or {}
    try:
        about = json.loads(metadata.get(b"assetdev", b"{}"))
    except ValueError:
        about = {}
    for name, unit in about.get("durations", {}).items():
        i = table.schema.get_field_index(name)
        if i >= 0 and pa.types.is_int64(table.schema.field(i).type):
            table = table.set_column(i, pa.field(name, pa.duration(unit)), table.column(i).cast(pa.duration(unit)))
    if not want:
        want = about.get("kind") or ("pandas" if b"pandas" in metadata or has("pandas") else "polars" if has("polars") else "arrow")
        if want in ("pandas", "polars") and not has(want):
            want = "pandas" if has("pandas") else "polars" if has("polars") else "arrow"
    if want == "pandas":
        return to_pandas(table, about)
    if want in ("polars", "lazy"):
        import polars as pl

        frame = pl.from_arrow(table)
        return frame.lazy() if want == "lazy" else frame
    if want == "rows":
        return table.replace_schema_metadata(None).to_pylist()
    table = without(table, b"assetdev")
    if want == "batch":
        batches = table.combine_chunks().to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
    return table.to_reader(ROWS) if want == "reader" else table


def without(table, name):
    metadata = {k: v for k, v in (table.schema.metadata or {}).items() if k != name}
    return table.replace_schema_metadata(metadata or None)


def to_pandas(table, about):
    frame = table.to_pandas()
    categories = about.get("categories")
    if categories:
        import pandas as pd

        for name in list(frame.columns):
            c = categories.get(str(name))
            if c:
                frame[name] = frame[name].astype(pd.CategoricalDtype(c["values"], c["ordered"]))
    return frame


def read_without_arrow(path, form, want):
    if has("polars") and want in ("", "polars", "lazy", "rows"):
        import polars as pl

        frame = pl.read_parquet(path) if form == "parquet" else pl.read_ipc(path)
        return frame.to_dicts() if want == "rows" else frame.lazy() if want == "lazy" else frame
    if form == "parquet" and has("pandas"):
        import pandas as pd

        return pd.read_parquet(path)
    raise RuntimeError("reading %s needs pyarrow, which this environment does not have" % path)


def first_line(error):
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
