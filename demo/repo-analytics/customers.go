package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/assetdev/assetdev/asset"
)

// A Customer is a row of customer_data.
type Customer struct {
	CustomerID int64     `asset:"customer_id"`
	Name       string    `asset:"name"`
	Email      *string   `asset:"email"` // null for those who have not told us
	SignupDate time.Time `asset:"signup_date,date"`
	Tier       string    `asset:"tier"` // premium or basic
}

// customerData is everybody who has signed up, in the order of their numbers.
func customerData(ctx context.Context) []Customer {
	rows := generateCustomers()
	premium, reachable := 0, 0
	for _, c := range rows {
		if c.Tier == "premium" {
			premium++
		}
		if c.Email != nil {
			reachable++
		}
	}
	slog.Info("read customers", "customers", len(rows), "premium", premium)
	asset.Report(ctx, "premium", premium)
	asset.Report(ctx, "with_email", reachable)
	return rows
}
