"""What each customer ordered."""

import dagster as dg
import pandas as pd


# Other repositories read this asset: keep its key and its columns.
@dg.asset(group_name="analytics", owners=["team:analytics"], kinds={"table", "pandas"}, tags={"contract": "public"})
def customer_order_summary(context: dg.AssetExecutionContext, customer_data: pd.DataFrame, order_data: pd.DataFrame) -> pd.DataFrame:
    """The orders of each customer who has ordered at least once, summed up."""
    unknown = order_data[~order_data["customer_id"].isin(customer_data["customer_id"])]
    if not unknown.empty:
        order = unknown.iloc[0]
        raise ValueError(f"order {order['order_id']} is of customer {order['customer_id']}, whom customer_data does not have")

    summary = order_data.groupby("customer_id", as_index=False).agg(
        total_orders=("order_id", "size"),
        total_spent=("total_amount", "sum"),
        first_order=("order_date", "min"),
        last_order=("order_date", "max"),
    )
    summary["total_spent"] = summary["total_spent"].round(2)
    summary["avg_order_value"] = (summary["total_spent"] / summary["total_orders"]).round(2)
    summary = summary.merge(customer_data[["customer_id", "name", "tier"]], on="customer_id")
    if never := len(customer_data) - len(summary):
        context.log.warning(f"{never} customers without an order are left out")
    context.add_output_metadata({"customers": len(summary)})
    return summary[["customer_id", "name", "tier", "total_orders", "total_spent", "avg_order_value", "first_order", "last_order"]]
