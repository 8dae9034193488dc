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

// An OrderSummary is a row of customer_order_summary. Other repositories read it: keep these names.
type OrderSummary struct {
	CustomerID    int64     `asset:"customer_id"`
	Name          string    `asset:"name"`
	Tier          string    `asset:"tier"`
	TotalOrders   int64     `asset:"total_orders"`
	TotalSpent    float64   `asset:"total_spent"`
	AvgOrderValue float64   `asset:"avg_order_value"`
	FirstOrder    time.Time `asset:"first_order,date"`
	LastOrder     time.Time `asset:"last_order,date"`
}

type summaryInputs struct {
	Customers []Customer `asset:"customer_data"`
	Orders    []Order    `asset:"order_data"`
}

// customerOrderSummary sums up the orders of each customer who has ordered at least once.
func customerOrderSummary(ctx context.Context, in summaryInputs) ([]OrderSummary, error) {
	known := make(map[int64]Customer, len(in.Customers))
	for _, c := range in.Customers {
		known[c.CustomerID] = c
	}
	spent := map[int64]Money{}
	summaries := map[int64]*OrderSummary{}
	for _, o := range in.Orders {
		c, ok := known[o.CustomerID]
		if !ok {
			return nil, fmt.Errorf("order %d is of customer %d, whom customer_data does not have", o.OrderID, o.CustomerID)
		}
		s := summaries[c.CustomerID]
		if s == nil {
			s = &OrderSummary{CustomerID: c.CustomerID, Name: c.Name, Tier: c.Tier, FirstOrder: o.OrderDate, LastOrder: o.OrderDate}
			summaries[c.CustomerID] = s
		}
		s.TotalOrders++
		spent[c.CustomerID] += o.TotalAmount
		if o.OrderDate.Before(s.FirstOrder) {
			s.FirstOrder = o.OrderDate
		}
		if o.OrderDate.After(s.LastOrder) {
			s.LastOrder = o.OrderDate
		}
	}
	rows := make([]OrderSummary, 0, len(summaries))
	for id, s := range summaries {
		s.TotalSpent = spent[id].Float()
		s.AvgOrderValue = round(s.TotalSpent/float64(s.TotalOrders), 2)
		rows = append(rows, *s)
	}
	slices.SortFunc(rows, func(a, b OrderSummary) int { return cmp.Compare(a.CustomerID, b.CustomerID) })
	if never := len(in.Customers) - len(rows); never > 0 {
		slog.Warn("customers without an order are left out", "customers", never)
	}
	asset.Report(ctx, "customers", len(rows))
	return rows, nil
}
