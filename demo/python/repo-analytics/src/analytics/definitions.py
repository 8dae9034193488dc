"""The code location of the analytics team.

The teams that read these assets know their keys and columns, and nothing of this repository.
"""

from pathlib import Path

import dagster as dg

from analytics.storage import ParquetIOManager, shared_assets_path


@dg.definitions
def defs() -> dg.Definitions:
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
        dg.Definitions(resources={"io_manager": ParquetIOManager(base_dir=shared_assets_path())}),
    )
