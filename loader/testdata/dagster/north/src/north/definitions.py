import dagster as dg
import pandas as pd

from north.prices import with_tax


@dg.asset(group_name="raw", owners=["team:north"], kinds={"pandas"})
def orders() -> pd.DataFrame:
    """What was ordered."""
    return pd.DataFrame({"order": [1, 2, 3], "net": [10.0, 20.0, 30.0]})


@dg.asset(group_name="shop")
def sales(context: dg.AssetExecutionContext, orders: pd.DataFrame) -> pd.DataFrame:
    context.log.info("so many orders: %d" % len(orders))
    return orders.assign(gross=with_tax(orders["net"]))


anything = dg.Definitions(assets=[orders, sales])
