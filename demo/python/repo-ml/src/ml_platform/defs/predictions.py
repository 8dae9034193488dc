"""What the models say."""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from ml_platform.defs.churn import churn_inputs
from ml_platform.defs.demand import demand_inputs

PREDICTIONS = {"group_name": "ml_predictions", "kinds": {"table", "pandas"}}


@dg.asset(owners=["team:ml-platform", "retention@example.com"], **PREDICTIONS)
def customer_risk_scores(
    context: dg.AssetExecutionContext, customer_churn_model: dict[str, Any], customer_features: pd.DataFrame
) -> pd.DataFrame:
    """How likely it is that a customer is lost, and what to do about it."""
    probability = customer_churn_model["model"].predict_proba(churn_inputs(customer_features))[:, 1].round(4)
    scores = pd.DataFrame({"customer_id": customer_features["customer_id"], "churn_probability": probability})
    scores["risk_tier"] = np.select([probability <= 0.3, probability <= 0.7], ["Low", "Medium"], "High")
    scores["recommendation"] = recommend(scores["risk_tier"], customer_features)
    context.add_output_metadata({"tiers": scores["risk_tier"].value_counts().to_dict()})
    return scores


def recommend(tier: pd.Series, features: pd.DataFrame) -> np.ndarray:
    high, medium = tier == "High", tier == "Medium"
    return np.select(
        [high & (features["monetary_score"] == 3), high, medium & features["is_premium"], medium],
        ["Call in person", "Win back with a discount", "Offer a tasting evening", "Send a personal offer"],
        "Keep in touch",
    )


@dg.asset(owners=["team:ml-platform", "purchasing@example.com"], **PREDICTIONS)
def product_demand_forecasts(
    context: dg.AssetExecutionContext, demand_forecast_model: dict[str, Any], product_features: pd.DataFrame
) -> pd.DataFrame:
    """The next quarter: the model applied to the one that has just ended."""
    current = product_features["units_last_quarter"]
    forecasted = np.expm1(demand_forecast_model["model"].predict(demand_inputs(product_features, current)))
    forecasts = pd.DataFrame(
        {"product": product_features["product"], "current_demand": current, "forecasted_demand": forecasted.round().astype("int64")}
    )
    forecasts["demand_change"] = forecasts["forecasted_demand"] - current
    change = (100 * forecasts["demand_change"] / current.clip(lower=1)).round(1)
    forecasts["demand_change_pct"] = change
    forecasts["inventory_recommendation"] = np.select([change > 10, change < -10], ["Increase stock", "Reduce stock"], "Keep stock")
    context.add_output_metadata(
        {"units_last_quarter": int(current.sum()), "units_next_quarter": int(forecasts["forecasted_demand"].sum())}
    )
    return forecasts
