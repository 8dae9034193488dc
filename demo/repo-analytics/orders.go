package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/assetdev/assetdev/asset"
)

// An Order is a row of order_data: one product in one order.
type Order struct {
	OrderID     int64     `asset:"order_id"`
	CustomerID  int64     `asset:"customer_id"`
	Product     string    `asset:"product"`
	Quantity    int64     `asset:"quantity"`
	Price       Money     `asset:"price,decimal(10,2)"` // of one piece, as it was paid
	OrderDate   time.Time `asset:"order_date,date"`
	TotalAmount Money     `asset:"total_amount,decimal(12,2)"` // quantity × price
}

// orderData is every order of the last 18 months, oldest first.
func orderData(ctx context.Context) []Order {
	rows := generateOrders(func(done float64) { asset.Progress(ctx, done, "reading orders") })
	var total Money
	for _, o := range rows {
		total += o.TotalAmount
	}
	slog.Info("read orders", "orders", len(rows), "first", rows[0].OrderDate.Format(time.DateOnly), "last", rows[len(rows)-1].OrderDate.Format(time.DateOnly))
	asset.Report(ctx, "revenue", total.Float())
	return rows
}
