"""Where the teams find each other's data: one folder, one file for each asset. The same text in both repositories.

In production the folder would be a bucket. assetdev puts its own storage in the place of this I/O manager, which keeps versions and
provenance, and leaves the newest data at the same names.
"""

import os
import pickle
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd


def shared_assets_path() -> str:
    """The folder that all teams share: beside the repositories, unless the environment names another."""
    return os.environ.get("SHARED_ASSETS_PATH") or str(Path(__file__).resolve().parents[3] / "shared_assets")


class ParquetIOManager(dg.ConfigurableIOManager):
    """Tables as <base_dir>/<asset key>.parquet, anything else as a pickle."""

    base_dir: str

    def _path(self, key: dg.AssetKey, suffix: str) -> Path:
        return Path(self.base_dir, *key.path[:-1], key.path[-1] + suffix)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        table = isinstance(obj, pd.DataFrame)
        path = self._path(context.asset_key, ".parquet" if table else ".pkl")
        path.parent.mkdir(parents=True, exist_ok=True)
        if table:
            obj.to_parquet(path, index=False)
        else:
            path.write_bytes(pickle.dumps(obj))
        context.add_output_metadata({"path": dg.MetadataValue.path(str(path))})

    def load_input(self, context: dg.InputContext) -> Any:
        model = self._path(context.asset_key, ".pkl")
        if model.exists():
            return pickle.loads(model.read_bytes())
        return pd.read_parquet(self._path(context.asset_key, ".parquet"))
