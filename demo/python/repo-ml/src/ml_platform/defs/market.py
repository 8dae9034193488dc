"""What the market may have done."""

import math
import random

import dagster as dg
import pandas as pd

from ml_platform.defs.features import TODAY


@dg.asset(group_name="ml_features", owners=["team:ml-platform"], kinds={"table", "pandas"}, tags={"stage": "experiment"})
def synthetic_market_data() -> pd.DataFrame:
    """Seasonal and random series since the beginning of the year, a row a day, to try models on. No other asset reads it yet."""
    r = random.Random(2023)  # the same every time
    index, confidence, price = 100.0, 100.0, 1.0
    rows = []
    for day in pd.date_range("2023-01-01", TODAY):
        season = round(1 + 0.25 * math.cos(2 * math.pi * day.dayofyear / 365) + 0.05 * r.gauss(0, 1), 3)
        interest = int(min(100, max(0, 60 * season + 8 * r.gauss(0, 1))))
        rows.append(
            {
                "date": day,
                "season": season,  # 1 on an average day
                "market_index": round(index, 2),  # 100 on the first day
                "consumer_confidence": round(confidence, 1),  # around 100
                "competitor_price": round(price, 3),  # relative to ours
                "search_interest": interest if r.random() > 0.05 else None,  # none on days without a count
            }
        )
        index *= math.exp(0.0004 + 0.009 * r.gauss(0, 1))
        confidence += 0.1 * (100 - confidence) + r.gauss(0, 1)
        price += 0.05 * (1 - price) + 0.01 * r.gauss(0, 1)
    return pd.DataFrame(rows).astype({"search_interest": "Int64"})
