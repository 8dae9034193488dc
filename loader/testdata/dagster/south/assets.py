import dagster as dg
import pandas as pd


@dg.asset
def forecast(sales: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"gross": [sales["gross"].sum() * 2]})


# Another repository makes it.
sales = dg.AssetSpec("sales")
everything = dg.Definitions(assets=[sales, forecast])
