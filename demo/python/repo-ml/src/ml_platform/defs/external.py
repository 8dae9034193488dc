"""What we read of other teams. Dagster needs to be told of an asset from elsewhere that is an argument; in deps its key would do."""

import dagster as dg

customer_order_summary = dg.AssetSpec("customer_order_summary", description="The orders of each customer, of the analytics team")
product_performance = dg.AssetSpec("product_performance", description="How each product sells, of the analytics team")
