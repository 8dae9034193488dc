"""The code location of the ML platform.

Of the analytics team it knows two asset keys and the columns that it reads of them, no code and no folder: see defs/external.py.
"""

from pathlib import Path

import dagster as dg

from ml_platform.storage import ParquetIOManager, shared_assets_path


@dg.definitions
def defs() -> dg.Definitions:
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
        dg.Definitions(resources={"io_manager": ParquetIOManager(base_dir=shared_assets_path())}),
    )
