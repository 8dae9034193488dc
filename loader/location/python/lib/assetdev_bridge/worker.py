"""One process, one request: ``python -B -X utf8 -m assetdev_bridge.worker``, with the folder of this package on PYTHONPATH. See main.py for the contract."""

import sys

if __name__ == "__main__":
    from assetdev_bridge import main

    main.cold()
