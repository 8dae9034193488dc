"""How each product sells."""

import dagster as dg
import pandas as pd

# Change one of these and save: product_performance and what is made from it become stale, in both repositories, and nothing else.
HANDLING_COST = 0.35  # for each unit, on top of what the supplier takes
QUARTER = 90  # days


# Other repositories read this asset: keep its key and its columns.
@dg.asset(group_name="analytics", owners=["team:analytics", "sales@example.com"], kinds={"table", "pandas"}, tags={"contract": "public"})
def product_performance(context: dg.AssetExecutionContext, order_data: pd.DataFrame, product_catalog: pd.DataFrame) -> pd.DataFrame:
    """How much of each product of the catalog was sold, and what that earned."""
    unknown = order_data[~order_data["product"].isin(product_catalog["product"])]
    if not unknown.empty:
        order = unknown.iloc[0]
        raise ValueError(f"order {order['order_id']} is of product {order['product']!r}, which the catalog does not have")

    age = (order_data["order_date"].max() + pd.Timedelta(days=1) - order_data["order_date"]).dt.days
    orders = order_data.assign(
        units_last_quarter=order_data["quantity"].where(age <= QUARTER, 0),
        units_prior_quarter=order_data["quantity"].where((age > QUARTER) & (age <= 2 * QUARTER), 0),
    )
    sales = orders.groupby("product").agg(
        orders=("order_id", "size"),
        units_sold=("quantity", "sum"),
        units_last_quarter=("units_last_quarter", "sum"),
        units_prior_quarter=("units_prior_quarter", "sum"),
        revenue=("total_amount", "sum"),
    )
    counts = ["orders", "units_sold", "units_last_quarter", "units_prior_quarter"]
    performance = product_catalog.merge(sales, how="left", left_on="product", right_index=True)
    performance[counts] = performance[counts].fillna(0).astype("int64")
    performance["revenue"] = performance["revenue"].fillna(0).round(2)
    performance["total_cost"] = (performance["units_sold"] * (performance["cost"] + HANDLING_COST)).round(2)
    performance["profit"] = (performance["revenue"] - performance["total_cost"]).round(2)
    performance["profit_margin"] = (100 * performance["profit"] / performance["revenue"].where(performance["revenue"] > 0)).round(1).fillna(0)

    for row in performance[performance["profit"] < 0].itertuples():
        context.log.warning(f"{row.product} sells at a loss of {-row.profit:.2f}")
    context.add_output_metadata(
        {"revenue": round(float(performance["revenue"].sum()), 2), "profit": round(float(performance["profit"].sum()), 2)}
    )
    return performance
