"""Which customers matter most."""

import dagster as dg
import pandas as pd


@dg.asset(group_name="analytics", owners=["team:analytics"], kinds={"table", "pandas", "segmentation"})
def customer_segments(context: dg.AssetExecutionContext, customer_order_summary: pd.DataFrame) -> pd.DataFrame:
    """Each customer in one of three segments, by what was spent in how many orders."""
    spent, orders = customer_order_summary["total_spent"], customer_order_summary["total_orders"]
    segments = customer_order_summary.assign(segment="Low Value")
    segments.loc[(spent >= 50) & (orders >= 2), "segment"] = "Medium Value"
    segments.loc[(spent >= 100) & (orders >= 3), "segment"] = "High Value"
    context.add_output_metadata({"segments": segments["segment"].value_counts().to_dict()})
    return segments
