package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCustomerOrderSummary(t *testing.T) {
	day := func(d int) time.Time { return date(2023, time.March, d) }
	rows, err := customerOrderSummary(t.Context(), summaryInputs{
		Customers: []Customer{{CustomerID: 1, Name: "Ada", Tier: "premium"}, {CustomerID: 2, Name: "Ben", Tier: "basic"}},
		Orders: []Order{
			{CustomerID: 1, OrderDate: day(9), TotalAmount: 1010},
			{CustomerID: 1, OrderDate: day(2), TotalAmount: 1},
			{CustomerID: 1, OrderDate: day(5), TotalAmount: 500},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := OrderSummary{1, "Ada", "premium", 3, 15.11, 5.04, day(2), day(9)}
	if len(rows) != 1 || rows[0] != want {
		t.Errorf("got %v, want only %v", rows, want)
	}
}

func TestUnknownCustomerIsRefused(t *testing.T) {
	_, err := customerOrderSummary(t.Context(), summaryInputs{Orders: []Order{{OrderID: 7, CustomerID: 3}}})
	if err == nil || !strings.Contains(err.Error(), "order 7 is of customer 3") {
		t.Errorf("got error %v", err)
	}
}

func TestProductPerformance(t *testing.T) {
	last := date(2023, time.July, 14)
	rows, err := productPerformance(t.Context(), performanceInputs{
		Products: []Product{{Product: "Mint", Cost: 120}, {Product: "Candle"}},
		Orders: []Order{
			{Product: "Mint", Quantity: 2, TotalAmount: 800, OrderDate: last},
			{Product: "Mint", Quantity: 3, TotalAmount: 1200, OrderDate: last.AddDate(0, 0, -quarter)},
			{Product: "Mint", Quantity: 5, TotalAmount: 2000, OrderDate: last.AddDate(0, 0, -2*quarter)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mint, cost := rows[0], (10 * (120 + handlingCost)).Float()
	if mint.UnitsSold != 10 || mint.UnitsLastQuarter != 2 || mint.UnitsPriorQuarter != 3 {
		t.Errorf("units: got %d, %d, %d, want 10, 2, 3", mint.UnitsSold, mint.UnitsLastQuarter, mint.UnitsPriorQuarter)
	}
	if mint.Revenue != 40 || mint.TotalCost != cost || mint.Profit != 40-cost {
		t.Errorf("got revenue %v, cost %v, profit %v, want 40, %v, %v", mint.Revenue, mint.TotalCost, mint.Profit, cost, 40-cost)
	}
	if candle := rows[1]; candle.Orders != 0 || candle.ProfitMargin != 0 {
		t.Errorf("a product without orders: got %+v", candle)
	}
}

func TestSegment(t *testing.T) {
	for _, test := range []struct {
		spent  float64
		orders int64
		want   string
	}{
		{100, 3, "High Value"},
		{100, 2, "Medium Value"},
		{99.99, 9, "Medium Value"},
		{50, 1, "Low Value"},
		{49.99, 9, "Low Value"},
	} {
		if got := segment(OrderSummary{TotalSpent: test.spent, TotalOrders: test.orders}); got != test.want {
			t.Errorf("%v in %d orders: got %s, want %s", test.spent, test.orders, got, test.want)
		}
	}
}

func TestMoney(t *testing.T) {
	for _, m := range []Money{0, 5, 1234, -5, -1234, 100000} {
		text, err := m.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Money
		if err := back.UnmarshalText(text); err != nil || back != m {
			t.Errorf("%d is written %s and read as %d, %v", m, text, back, err)
		}
	}
	for _, text := range []string{"", "x", "1.234"} {
		var m Money
		if err := m.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %d, want an error", text, m)
		}
	}
}

func TestShopIsAlwaysTheSame(t *testing.T) {
	none := func(float64) {}
	if a, b := fmt.Sprint(generateOrders(none)[500:510]), fmt.Sprint(generateOrders(none)[500:510]); a != b {
		t.Errorf("two times the same shop:\n%s\n%s", a, b)
	}
}
