package asset_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/assetdev/assetdev/asset"
)

// Order is what this program reads of another team's asset: the columns that it names, whatever else there is.
type Order struct {
	Customer int64     `asset:"customer_id"`
	Amount   float64   `asset:"total_amount"`
	At       time.Time `asset:"order_date"`
	Coupon   *string   `asset:"coupon"` // may be null
}

// Spending is a row that this program makes.
type Spending struct {
	CustomerID int64  // column customer_id
	Total      string `asset:"total,decimal(12,2)"`
	LastOrder  time.Time
}

// spending sums up what each customer spent. This comment becomes the asset's description.
func spending(ctx context.Context, in struct {
	Orders []Order `asset:"order_data"`
},
) ([]Spending, error) {
	totals := map[int64]float64{}
	last := map[int64]time.Time{}
	var customers []int64
	for i, order := range in.Orders {
		if _, known := totals[order.Customer]; !known {
			customers = append(customers, order.Customer)
		}
		if order.Amount < 0 {
			return nil, fmt.Errorf("customer %d has an order of %.2f", order.Customer, order.Amount)
		}
		totals[order.Customer] += order.Amount
		last[order.Customer] = order.At
		asset.Progress(ctx, float64(i)/float64(len(in.Orders)), "adding up")
	}
	var rows []Spending
	for _, customer := range customers {
		rows = append(rows, Spending{customer, fmt.Sprintf("%.2f", totals[customer]), last[customer]})
	}
	slog.Info("added up", "customers", len(rows)) // goes to the step's log
	asset.Report(ctx, "customers", len(rows))     // goes to the materialization's metadata
	return rows, nil
}

// largeOrders goes through the orders one by one: neither they nor the result need fit in memory.
func largeOrders(in struct {
	Orders iter.Seq2[Order, error] `asset:"order_data"`
},
) iter.Seq2[Order, error] {
	return func(yield func(Order, error) bool) {
		for order, err := range in.Orders {
			if err != nil || order.Amount >= 1000 {
				if !yield(order, err) {
					return
				}
			}
		}
	}
}

// The main function of a code location.
func Example() {
	// In the program this is main.
	main := func() {
		asset.Main(
			asset.New("marts/spending", spending,
				asset.Group("marts"),
				asset.Owners("team:analytics"),
				asset.FreshWithin(24*time.Hour)),
			asset.New("marts/large_orders", largeOrders, asset.Group("marts"), asset.Unordered()),
		)
	}
	_ = main
}

// An asset's function is an ordinary function: a test calls it.
func ExampleNew_test() {
	rows, err := spending(context.Background(), struct {
		Orders []Order `asset:"order_data"`
	}{[]Order{{Customer: 7, Amount: 12.5}, {Customer: 7, Amount: 7.5}}})
	fmt.Println(rows[0].CustomerID, rows[0].Total, err)
	// Output: 7 20.00 <nil>
}
