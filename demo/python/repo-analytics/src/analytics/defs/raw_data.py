"""What comes in: customers, orders and products."""

import dagster as dg
import pandas as pd

from analytics import shop

RAW = {"group_name": "raw_data", "kinds": {"table", "pandas"}, "metadata": {"source": "made up by shop.py, always the same"}}


@dg.asset(owners=["team:analytics"], tags={"pii": "true"}, **RAW)
def customer_data(context: dg.AssetExecutionContext) -> pd.DataFrame:
    """Everybody who has signed up, in the order of their numbers."""
    customers = pd.DataFrame(shop.generate_customers())
    customers["signup_date"] = pd.to_datetime(customers["signup_date"])
    premium = int((customers["tier"] == "premium").sum())
    context.log.info(f"read {len(customers)} customers, {premium} of them premium")
    context.add_output_metadata({"premium": premium, "with_email": int(customers["email"].notna().sum())})
    return customers


@dg.asset(owners=["team:analytics", "sales@example.com"], **RAW)
def order_data(context: dg.AssetExecutionContext) -> pd.DataFrame:
    """Every order of the last 18 months, oldest first: one product in each."""
    orders = pd.DataFrame(shop.generate_orders())
    orders["order_date"] = pd.to_datetime(orders["order_date"])
    orders["total_amount"] = (orders["quantity"] * orders["price"]).round(2)
    first, last = orders["order_date"].min(), orders["order_date"].max()
    context.log.info(f"read {len(orders)} orders from {first:%Y-%m-%d} to {last:%Y-%m-%d}")
    context.add_output_metadata({"revenue": round(float(orders["total_amount"].sum()), 2)})
    return orders


@dg.asset(owners=["team:analytics"], **RAW)
def product_catalog() -> pd.DataFrame:
    """What the shop sells, with what it costs."""
    products = pd.DataFrame(shop.generate_products()).drop(columns=["popularity", "growth"])
    if products["product"].duplicated().any():
        raise ValueError("a product is in the catalog twice")
    return products
