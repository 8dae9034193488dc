import dagster as dg


@dg.asset
def a(:
    return 1
