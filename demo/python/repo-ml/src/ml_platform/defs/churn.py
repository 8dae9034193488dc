"""Who is about to be lost."""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# For how many days somebody has not ordered whom we count as lost.
CHURN_DAYS = 90


def churn_inputs(features: pd.DataFrame) -> pd.DataFrame:
    """What the model learns from. How long ago the last order was is not among it: it is what churn means."""
    return pd.DataFrame(
        {
            "log_orders_per_month": np.log(features["orders_per_month"]),
            "log_avg_order_value": np.log(features["avg_order_value"].clip(lower=0.01)),
            "is_premium": features["is_premium"].astype("float64"),
            "log_days_since_first_order": np.log(features["days_since_first_order"].clip(lower=1)),
        }
    )


@dg.asset(
    group_name="ml_models", owners=["team:ml-platform"], kinds={"model", "scikitlearn"}, tags={"algorithm": "logistic_regression"}
)
def customer_churn_model(context: dg.AssetExecutionContext, customer_features: pd.DataFrame) -> dict[str, Any]:
    """Tells who is about to be lost.

    The metrics are of a fourth of the customers, on whom it was not trained; what is handed over then learned from all.
    """
    # Who came lately cannot be lost yet, and teaches nothing.
    known = customer_features[customer_features["days_since_first_order"] > CHURN_DAYS]
    inputs, lost = churn_inputs(known), known["days_since_last_order"] > CHURN_DAYS
    test = known["customer_id"] % 4 == 0

    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(inputs[~test], lost[~test])
    said = model.predict(inputs[test])
    metrics = {
        "accuracy": accuracy_score(lost[test], said),
        "base_rate": max(lost[test].mean(), 1 - lost[test].mean()),  # the accuracy of who always says what is more frequent
        "precision": precision_score(lost[test], said),
        "recall": recall_score(lost[test], said),
        "f1": f1_score(lost[test], said),
    }
    metrics = {name: round(float(value), 4) for name, value in metrics.items()}
    context.log.info(f"tested on {test.sum()} customers: accuracy {metrics['accuracy']}, recall {metrics['recall']}")

    model.fit(inputs, lost)
    context.log.info(f"trained on {len(known)} customers, {lost.sum()} of them lost")
    context.add_output_metadata(metrics)
    weights = np.abs(model[-1].coef_[0])
    return {
        "model": model,
        **metrics,
        "feature_importance": dict(zip(inputs.columns, (weights / weights.sum()).round(4).tolist(), strict=True)),
        "class_counts": {"churned": int(lost.sum()), "stayed": int((~lost).sum())},
    }
