import dagster as dg  # noqa: F401


def outer():
    import nowhere_to_be_found  # noqa: F401


outer()
