package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/assetdev/assetdev/asset"
)

// An OrderSummary is what we read of customer_order_summary, an asset of another repository: the columns that we need, by name. When one
// is gone or has another type, the step fails before it starts and says which.
type OrderSummary struct {
	CustomerID    int64     `asset:"customer_id"`
	Tier          string    `asset:"tier"`
	TotalOrders   int64     `asset:"total_orders"`
	TotalSpent    float64   `asset:"total_spent"`
	AvgOrderValue float64   `asset:"avg_order_value"`
	FirstOrder    time.Time `asset:"first_order"`
	LastOrder     time.Time `asset:"last_order"`
}

// A CustomerFeatures is a row of customer_features.
type CustomerFeatures struct {
	CustomerID          int64   `asset:"customer_id"`
	TotalOrders         int64   `asset:"total_orders"`
	TotalSpent          float64 `asset:"total_spent"`
	AvgOrderValue       float64 `asset:"avg_order_value"`
	DaysSinceLastOrder  int64   `asset:"days_since_last_order"`
	DaysSinceFirstOrder int64   `asset:"days_since_first_order"`
	OrdersPerMonth      float64 `asset:"orders_per_month"`
	IsPremium           bool    `asset:"is_premium"`
	RecencyScore        int64   `asset:"recency_score"`   // 1, 2 or 3, as the next two; 3 is best
	FrequencyScore      int64   `asset:"frequency_score"` // by orders
	MonetaryScore       int64   `asset:"monetary_score"`  // by what was spent
}

type featureInputs struct {
	Summaries []OrderSummary `asset:"customer_order_summary"`
}

// customerFeatures describes each customer by recency, frequency and value, as of today.
func customerFeatures(ctx context.Context, in featureInputs) []CustomerFeatures {
	rows := make([]CustomerFeatures, len(in.Summaries))
	for i, s := range in.Summaries {
		rows[i] = describeCustomer(s)
	}
	asset.Report(ctx, "customers", len(rows))
	return rows
}

func describeCustomer(s OrderSummary) CustomerFeatures {
	f := CustomerFeatures{
		CustomerID: s.CustomerID, TotalOrders: s.TotalOrders, TotalSpent: s.TotalSpent, AvgOrderValue: s.AvgOrderValue,
		DaysSinceLastOrder: daysUntil(today, s.LastOrder), DaysSinceFirstOrder: daysUntil(today, s.FirstOrder),
		IsPremium: s.Tier == "premium",
	}
	f.OrdersPerMonth = 30 * float64(s.TotalOrders) / float64(max(30, f.DaysSinceFirstOrder))
	f.RecencyScore = score(-float64(f.DaysSinceLastOrder), -90, -30)
	f.FrequencyScore = score(float64(s.TotalOrders), 4, 10)
	f.MonetaryScore = score(s.TotalSpent, 50, 200)
	return f
}

func daysUntil(end, start time.Time) int64 { return int64(end.Sub(start).Hours() / 24) }

// score is 1, or 2 from the first limit, or 3 from the second.
func score(x, two, three float64) int64 {
	switch {
	case x >= three:
		return 3
	case x >= two:
		return 2
	default:
		return 1
	}
}

// productPerformance is the key of the other asset that we read of the analytics team.
const productPerformance = "product_performance"

// A ProductPerformance is what we read of it.
type ProductPerformance struct {
	Product           string  `asset:"product"`
	Category          string  `asset:"category"`
	Cost              string  `asset:"cost"` // a decimal, as its text
	RetailPrice       string  `asset:"retail_price"`
	Supplier          *string `asset:"supplier"`
	Orders            int64   `asset:"orders"`
	UnitsSold         int64   `asset:"units_sold"`
	UnitsLastQuarter  int64   `asset:"units_last_quarter"`
	UnitsPriorQuarter int64   `asset:"units_prior_quarter"`
	Revenue           float64 `asset:"revenue"`
	TotalCost         float64 `asset:"total_cost"`
	Profit            float64 `asset:"profit"`
	ProfitMargin      float64 `asset:"profit_margin"`
}

// Categories are one column each.
type Categories struct {
	Chocolate bool `asset:"category_chocolate"`
	Coffee    bool `asset:"category_coffee"`
	Gifts     bool `asset:"category_gifts"`
	Kitchen   bool `asset:"category_kitchen"`
	Spices    bool `asset:"category_spices"`
	Tea       bool `asset:"category_tea"`
}

// A ProductFeatures is a row of product_features.
type ProductFeatures struct {
	ProductPerformance
	RevenuePerOrder float64 `asset:"revenue_per_order"`
	UnitsPerOrder   float64 `asset:"units_per_order"`
	Categories
	RevenuePercentile float64 `asset:"revenue_percentile"` // share of the products that do not earn more, in (0, 1]
	ProfitPercentile  float64 `asset:"profit_percentile"`
	UnitsPercentile   float64 `asset:"units_percentile"`
	PerformanceTier   string  `asset:"performance_tier"` // high, medium or low, by revenue and profit
}

// productFeatures describes each product among its peers.
//
// It reads its upstream by hand: asset.Deps in main declares the order, asset.LoadExternal reads what lies in the shared
// storage. An argument, as in customerFeatures, says both at once.
func productFeatures(ctx context.Context) ([]ProductFeatures, error) {
	products, err := asset.LoadExternal[ProductPerformance](ctx, productPerformance)
	if err != nil {
		return nil, err
	}
	rows, err := describeProducts(products)
	if err != nil {
		return nil, err
	}
	tiers := map[string]int{}
	for _, row := range rows {
		tiers[row.PerformanceTier]++
	}
	slog.Info("compared products", "products", len(rows), "high", tiers["high"])
	asset.Report(ctx, "tiers", tiers)
	return rows, nil
}

func describeProducts(products []ProductPerformance) ([]ProductFeatures, error) {
	revenue := percentiles(products, func(p ProductPerformance) float64 { return p.Revenue })
	profit := percentiles(products, func(p ProductPerformance) float64 { return p.Profit })
	units := percentiles(products, func(p ProductPerformance) float64 { return float64(p.UnitsSold) })
	rows := make([]ProductFeatures, len(products))
	for i, p := range products {
		orders := float64(max(1, p.Orders))
		row := ProductFeatures{
			ProductPerformance: p, RevenuePerOrder: p.Revenue / orders, UnitsPerOrder: float64(p.UnitsSold) / orders,
			RevenuePercentile: revenue[i], ProfitPercentile: profit[i], UnitsPercentile: units[i],
		}
		switch least := min(revenue[i], profit[i]); {
		case least >= 0.8:
			row.PerformanceTier = "high"
		case least >= 0.5:
			row.PerformanceTier = "medium"
		default:
			row.PerformanceTier = "low"
		}
		switch p.Category {
		case "Chocolate":
			row.Chocolate = true
		case "Coffee":
			row.Coffee = true
		case "Gifts":
			row.Gifts = true
		case "Kitchen":
			row.Kitchen = true
		case "Spices":
			row.Spices = true
		case "Tea":
			row.Tea = true
		default:
			return nil, fmt.Errorf("product %q is of category %q, for which there is no column", p.Product, p.Category)
		}
		rows[i] = row
	}
	return rows, nil
}

// percentiles says for each product the share of products whose value is not larger.
func percentiles(products []ProductPerformance, value func(ProductPerformance) float64) []float64 {
	values := make([]float64, len(products))
	for i, p := range products {
		values[i] = value(p)
	}
	order := slices.Sorted(slices.Values(values))
	shares := make([]float64, len(values))
	for i, v := range values {
		// The place behind the last value that is not larger.
		place, _ := slices.BinarySearchFunc(order, v, func(x, v float64) int {
			if x == v {
				return -1
			}
			return cmp.Compare(x, v)
		})
		shares[i] = float64(place) / float64(len(order))
	}
	return shares
}
