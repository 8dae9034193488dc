"""An asset's function is an ordinary function. README.md says how to run these."""

import os
import tempfile
import unittest
from unittest import mock

import dagster as dg
import pandas as pd

from ml_platform.defs.features import customer_features, product_features, score
from ml_platform.defs.predictions import recommend
from ml_platform.external import load_external_asset


class ML(unittest.TestCase):
    def test_customer_features(self) -> None:
        summary = pd.DataFrame(
            {
                "customer_id": [1],
                "tier": ["premium"],
                "total_orders": [4],
                "total_spent": [200.0],
                "avg_order_value": [50.0],
                "first_order": pd.to_datetime(["2023-05-16"]),
                "last_order": pd.to_datetime(["2023-06-15"]),
            }
        )
        row = customer_features(dg.build_asset_context(), summary).iloc[0]
        self.assertEqual([row["days_since_first_order"], row["days_since_last_order"], row["orders_per_month"]], [60, 30, 2])
        self.assertEqual([row["recency_score"], row["frequency_score"], row["monetary_score"], row["is_premium"]], [3, 2, 3, True])

    def test_score(self) -> None:
        self.assertEqual(score(pd.Series([3.9, 4, 10]), 4, 10).tolist(), [1, 2, 3])

    def test_external_assets(self) -> None:
        products = pd.DataFrame(
            {"product": list("abcde"), "category": ["Tea"] * 4 + ["Coffee"], "orders": 1, "units_sold": 2, "revenue": range(5), "profit": range(5)}
        )
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"SHARED_ASSETS_PATH": folder}):
            with self.assertRaisesRegex(FileNotFoundError, "product_performance not found at"):
                load_external_asset("product_performance")
            products.to_parquet(os.path.join(folder, "product_performance.parquet"))
            features = product_features(dg.build_asset_context())
        self.assertEqual(features["performance_tier"].tolist(), ["low", "low", "medium", "high", "high"])
        self.assertEqual(features["category_tea"].tolist(), [True, True, True, True, False])

    def test_recommendations(self) -> None:
        features = pd.DataFrame({"monetary_score": [3, 1, 1, 1, 3], "is_premium": [False, True, True, False, True]})
        tiers = pd.Series(["High", "High", "Medium", "Medium", "Low"])
        want = ["Call in person", "Win back with a discount", "Offer a tasting evening", "Send a personal offer", "Keep in touch"]
        self.assertEqual(recommend(tiers, features).tolist(), want)


if __name__ == "__main__":
    unittest.main()
