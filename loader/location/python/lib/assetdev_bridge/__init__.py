"""What assetdev runs in the interpreter of a Python code location.

Two ways in: ``worker`` (one process, one request) and ``server`` (imports third-party modules once, forks for each request); both end in
``main.serve``, so that a request means the same in either. The wire is described in loader/PROTOCOL.md.

Invariants: nothing here is imported by the project's code; no module of the project is ever read from byte code; whatever the project's code
does, an answer goes out or the process ends; nothing is written beside the request's outputs. There is no state between two requests, and
nothing of Dagster's history is written. The standard library and, once a request is read, Dagster: nothing else is required.
"""

VERSION = "1"
