"""How much of each product will sell."""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CATEGORIES = ["chocolate", "coffee", "gifts", "kitchen", "spices", "tea"]


def demand_inputs(features: pd.DataFrame, units_before: pd.Series) -> pd.DataFrame:
    """What the demand of a quarter is learned from, all of it known before the quarter begins."""
    inputs = pd.DataFrame(
        {
            "log_units_before": np.log1p(units_before),
            "log_retail_price": np.log(features["retail_price"]),
            "profit_margin": features["profit_margin"],
        }
    )
    return inputs.join(features[[f"category_{name}" for name in CATEGORIES]].astype("float64"))


@dg.asset(group_name="ml_models", owners=["team:ml-platform"], kinds={"model", "scikitlearn"}, tags={"algorithm": "ridge_regression"})
def demand_forecast_model(context: dg.AssetExecutionContext, product_features: pd.DataFrame) -> dict[str, Any]:
    """Tells how many units of a product sell in a quarter, from the quarter before, its price, margin and category.

    Each metric is of products on which it was not trained.
    """
    inputs = demand_inputs(product_features, product_features["units_prior_quarter"])
    sold = product_features["units_last_quarter"]
    model = make_pipeline(StandardScaler(), Ridge(alpha=1.0))
    said = np.expm1(cross_val_predict(model, inputs, np.log1p(sold), cv=KFold(5, shuffle=True, random_state=0)))
    mse = float(mean_squared_error(sold, said))
    metrics = {"mse": round(mse, 4), "rmse": round(mse**0.5, 4), "r2": round(float(r2_score(sold, said)), 4)}

    model.fit(inputs, np.log1p(sold))
    context.log.info(f"trained on {len(inputs)} products: rmse {metrics['rmse']}, r2 {metrics['r2']}")
    context.add_output_metadata(metrics)
    weights = np.abs(model[-1].coef_)
    return {
        "model": model,
        **metrics,
        "feature_importance": dict(zip(inputs.columns, (weights / weights.sum()).round(4).tolist(), strict=True)),
    }
