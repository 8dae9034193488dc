"""What the models learn from."""

import dagster as dg
import pandas as pd

from ml_platform.external import load_external_asset

TODAY = pd.Timestamp("2023-07-15")  # the day on which the demo stands still

FEATURES = {"group_name": "ml_features", "owners": ["team:ml-platform"], "kinds": {"table", "pandas"}}


@dg.asset(metadata={"upstream_team": "analytics"}, **FEATURES)
def customer_features(context: dg.AssetExecutionContext, customer_order_summary: pd.DataFrame) -> pd.DataFrame:
    """Each customer by recency, frequency and value, as of today.

    The summary is another repository's; as an argument it is read by the I/O manager, which finds it by its key.
    """
    summary = customer_order_summary
    features = summary[["customer_id", "total_orders", "total_spent", "avg_order_value"]].copy()
    features["days_since_last_order"] = (TODAY - summary["last_order"]).dt.days
    features["days_since_first_order"] = (TODAY - summary["first_order"]).dt.days
    features["orders_per_month"] = 30 * features["total_orders"] / features["days_since_first_order"].clip(lower=30)
    features["is_premium"] = summary["tier"] == "premium"
    features["recency_score"] = score(-features["days_since_last_order"], -90, -30)
    features["frequency_score"] = score(features["total_orders"], 4, 10)
    features["monetary_score"] = score(features["total_spent"], 50, 200)
    context.add_output_metadata({"customers": len(features)})
    return features


def score(values: pd.Series, two: float, three: float) -> pd.Series:
    """1, or 2 from the first limit, or 3 from the second; 3 is best."""
    return 1 + (values >= two).astype("int64") + (values >= three).astype("int64")


@dg.asset(deps=["product_performance"], metadata={"upstream_team": "analytics"}, **FEATURES)
def product_features(context: dg.AssetExecutionContext) -> pd.DataFrame:
    """Each product among its peers.

    The performance is read by hand: deps declares the order, load_external_asset reads what lies in the shared storage.
    An argument, as in customer_features, says both at once.
    """
    features = load_external_asset("product_performance")
    orders = features["orders"].clip(lower=1)
    features["revenue_per_order"] = features["revenue"] / orders
    features["units_per_order"] = features["units_sold"] / orders
    features = features.join(pd.get_dummies(features["category"].str.lower(), prefix="category"))
    for name, column in {"revenue": "revenue", "profit": "profit", "units": "units_sold"}.items():
        features[f"{name}_percentile"] = features[column].rank(method="max", pct=True)  # share of the products that are not above

    least = features[["revenue_percentile", "profit_percentile"]].min(axis="columns")
    features["performance_tier"] = "low"
    features.loc[least >= 0.5, "performance_tier"] = "medium"
    features.loc[least >= 0.8, "performance_tier"] = "high"
    tiers = features["performance_tier"].value_counts().to_dict()
    context.log.info(f"compared {len(features)} products, {tiers.get('high', 0)} of them of high performance")
    context.add_output_metadata({"tiers": tiers})
    return features
