"""Assets of other repositories, read by hand."""

from pathlib import Path

import pandas as pd

from ml_platform.storage import shared_assets_path


def load_external_asset(key: str) -> pd.DataFrame:
    """The newest data of another team's asset, from the storage that all teams share."""
    path = Path(shared_assets_path(), *key.split("/")).with_suffix(".parquet")
    if not path.exists():
        raise FileNotFoundError(f"external asset {key} not found at {path}: has its team materialized it, and do we depend on it?")
    return pd.read_parquet(path)
