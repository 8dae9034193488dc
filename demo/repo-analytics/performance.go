package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/assetdev/assetdev/asset"
)

// Change one of these and save: product_performance and what is made from it become stale, in both repositories, and nothing else.
const (
	handlingCost = Money(35) // cents for each unit, on top of what the supplier takes
	quarter      = 90        // days
)

// A Performance is a row of product_performance: the catalog's columns, and how the product sells.
type Performance struct {
	Product
	Orders            int64   `asset:"orders"`
	UnitsSold         int64   `asset:"units_sold"`
	UnitsLastQuarter  int64   `asset:"units_last_quarter"`  // in the last 90 days with orders
	UnitsPriorQuarter int64   `asset:"units_prior_quarter"` // in the 90 days before these
	Revenue           float64 `asset:"revenue"`
	TotalCost         float64 `asset:"total_cost"`
	Profit            float64 `asset:"profit"`
	ProfitMargin      float64 `asset:"profit_margin"` // percent of the revenue
}

type performanceInputs struct {
	Orders   []Order   `asset:"order_data"`
	Products []Product `asset:"product_catalog"`
}

// productPerformance says for each product of the catalog how much of it was sold and what that earned.
func productPerformance(ctx context.Context, in performanceInputs) ([]Performance, error) {
	rows := make([]Performance, len(in.Products))
	place := make(map[string]int, len(in.Products))
	for i, p := range in.Products {
		rows[i].Product = p
		place[p.Product] = i
	}
	end := dayAfterLast(in.Orders)
	revenue, profit := Money(0), Money(0)
	sold := make([]Money, len(rows))
	for _, o := range in.Orders {
		i, ok := place[o.Product]
		if !ok {
			return nil, fmt.Errorf("order %d is of product %q, which the catalog does not have", o.OrderID, o.Product)
		}
		row := &rows[i]
		row.Orders++
		row.UnitsSold += o.Quantity
		sold[i] += o.TotalAmount
		switch age := int(end.Sub(o.OrderDate).Hours() / 24); {
		case age <= quarter:
			row.UnitsLastQuarter += o.Quantity
		case age <= 2*quarter:
			row.UnitsPriorQuarter += o.Quantity
		}
	}
	for i := range rows {
		row := &rows[i]
		cost := Money(row.UnitsSold) * (row.Cost + handlingCost)
		earned := sold[i] - cost
		row.Revenue, row.TotalCost, row.Profit = sold[i].Float(), cost.Float(), earned.Float()
		if sold[i] > 0 {
			row.ProfitMargin = round(100*earned.Float()/sold[i].Float(), 1)
		}
		if earned < 0 {
			slog.Warn("sold at a loss", "product", row.Product.Product, "profit", row.Profit)
		}
		revenue, profit = revenue+sold[i], profit+earned
	}
	asset.Report(ctx, "revenue", revenue.Float())
	asset.Report(ctx, "profit", profit.Float())
	return rows, nil
}

// dayAfterLast is the day after the last order.
func dayAfterLast(orders []Order) time.Time {
	var last time.Time
	for _, o := range orders {
		if o.OrderDate.After(last) {
			last = o.OrderDate
		}
	}
	return last.AddDate(0, 0, 1)
}
