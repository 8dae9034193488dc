"""An asset's function is an ordinary function. README.md says how to run these."""

import unittest

import dagster as dg
import pandas as pd

from analytics.defs.performance import HANDLING_COST, QUARTER, product_performance
from analytics.defs.segments import customer_segments
from analytics.defs.summary import customer_order_summary


def orders(*rows: tuple) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["order_id", "customer_id", "product", "quantity", "total_amount", "order_date"])
    return table.assign(order_date=pd.to_datetime(table["order_date"]))


class Analytics(unittest.TestCase):
    def test_summary(self) -> None:
        customers = pd.DataFrame({"customer_id": [1, 2], "name": ["Ada", "Ben"], "tier": ["premium", "basic"]})
        made = orders((1, 1, "Mint", 1, 10.10, "2023-03-09"), (2, 1, "Mint", 1, 0.01, "2023-03-02"), (3, 1, "Mint", 1, 5.00, "2023-03-05"))
        got = customer_order_summary(dg.build_asset_context(), customers, made)
        want = [1, "Ada", "premium", 3, 15.11, 5.04, pd.Timestamp("2023-03-02"), pd.Timestamp("2023-03-09")]
        self.assertEqual(got.values.tolist(), [want])

    def test_unknown_customer_is_refused(self) -> None:
        customers = pd.DataFrame({"customer_id": [1], "name": ["Ada"], "tier": ["basic"]})
        with self.assertRaisesRegex(ValueError, "order 7 is of customer 3"):
            customer_order_summary(dg.build_asset_context(), customers, orders((7, 3, "Mint", 1, 1.0, "2023-03-02")))

    def test_performance(self) -> None:
        last = pd.Timestamp("2023-07-14")
        catalog = pd.DataFrame({"product": ["Mint", "Candle"], "cost": [1.2, 0.0]})
        made = orders(
            (1, 1, "Mint", 2, 8.0, last),
            (2, 1, "Mint", 3, 12.0, last - pd.Timedelta(days=QUARTER)),
            (3, 1, "Mint", 5, 20.0, last - pd.Timedelta(days=2 * QUARTER)),
        )
        got = product_performance(dg.build_asset_context(), made, catalog)
        mint, candle = got.iloc[0], got.iloc[1]
        cost = round(10 * (1.2 + HANDLING_COST), 2)
        self.assertEqual([mint["units_sold"], mint["units_last_quarter"], mint["units_prior_quarter"]], [10, 2, 3])
        self.assertEqual([mint["revenue"], mint["total_cost"], mint["profit"]], [40, cost, 40 - cost])
        self.assertEqual([candle["orders"], candle["profit_margin"]], [0, 0])

    def test_segments(self) -> None:
        summary = pd.DataFrame({"total_spent": [100.0, 99.99, 50.0, 500.0], "total_orders": [3, 3, 1, 2]})
        got = customer_segments(dg.build_asset_context(), summary)
        self.assertEqual(got["segment"].tolist(), ["High Value", "Medium Value", "Low Value", "Medium Value"])


if __name__ == "__main__":
    unittest.main()
