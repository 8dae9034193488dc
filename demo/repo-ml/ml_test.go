package main

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assetdev/assetdev/asset"
)

func TestDescribeCustomer(t *testing.T) {
	got := describeCustomer(OrderSummary{
		CustomerID: 1, Tier: "premium", TotalOrders: 12, TotalSpent: 60, FirstOrder: today.AddDate(0, 0, -120), LastOrder: today.AddDate(0, 0, -31),
	})
	want := CustomerFeatures{
		CustomerID: 1, TotalOrders: 12, TotalSpent: 60, DaysSinceLastOrder: 31, DaysSinceFirstOrder: 120, OrdersPerMonth: 3,
		IsPremium: true, RecencyScore: 2, FrequencyScore: 3, MonetaryScore: 2,
	}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestScore(t *testing.T) {
	for x, want := range map[float64]int64{3.9: 1, 4: 2, 9.9: 2, 10: 3} {
		if got := score(x, 4, 10); got != want {
			t.Errorf("score of %v: got %d, want %d", x, got, want)
		}
	}
}

func TestPercentiles(t *testing.T) {
	products := []ProductPerformance{{Revenue: 5}, {Revenue: 1}, {Revenue: 5}, {Revenue: 9}}
	got := percentiles(products, func(p ProductPerformance) float64 { return p.Revenue })
	for i, want := range []float64{0.75, 0.25, 0.75, 1} {
		if got[i] != want {
			t.Errorf("percentile of %v: got %v, want %v", products[i].Revenue, got[i], want)
		}
	}
}

// product_features reads its upstream by hand, so the test runs the whole asset on a file. Package asset/assettest makes that shorter, at the
// price of compiling a Parquet reader once.
func TestProductFeatures(t *testing.T) {
	dir := t.TempDir()
	input, output := filepath.Join(dir, "in.arrow"), filepath.Join(dir, "out.arrow")
	if _, err := asset.WriteFile(input, []ProductPerformance{
		{Product: "Mint", Category: "Tea", Orders: 4, UnitsSold: 10, Revenue: 40, Profit: 20},
		{Product: "Candle", Category: "Gifts"},
	}); err != nil {
		t.Fatal(err)
	}
	features := asset.New("product_features", productFeatures, asset.Deps(productPerformance))
	if _, err := features.Materialize(t.Context(), map[string]string{productPerformance: input}, output); err != nil {
		t.Fatal(err)
	}
	rows, err := asset.ReadFile[ProductFeatures](output)
	if err != nil {
		t.Fatal(err)
	}
	mint, candle := rows[0], rows[1]
	if !mint.Tea || mint.Gifts || mint.RevenuePerOrder != 10 || mint.UnitsPerOrder != 2.5 || mint.PerformanceTier != "high" {
		t.Errorf("mint: got %+v", mint)
	}
	if !candle.Gifts || candle.RevenuePerOrder != 0 || candle.PerformanceTier != "medium" {
		t.Errorf("candle: got %+v", candle)
	}
}

func TestUnknownCategoryIsRefused(t *testing.T) {
	_, err := describeProducts([]ProductPerformance{{Product: "Boat", Category: "Ships"}})
	if err == nil || !strings.Contains(err.Error(), `"Ships"`) {
		t.Errorf("got error %v", err)
	}
}

// What was put in comes out: ys are made with known coefficients.
func TestFitLinear(t *testing.T) {
	var xs [][]float64
	var ys []float64
	for i := range 50 {
		a, b := float64(i%7), float64(i%5)
		xs, ys = append(xs, []float64{a, b}), append(ys, 3+2*a-b)
	}
	m, err := fitLinear([]string{"a", "b"}, xs, ys, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.at([]float64{10, 1}), 22.0; math.Abs(got-want) > 1e-9 {
		t.Errorf("got %v, want %v", got, want)
	}
	back, err := readModel(m.rows(metric("r2", 1)), m.names)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := back.at([]float64{4, 2}), m.at([]float64{4, 2}); got != want {
		t.Errorf("the model that was written and read gives %v, want %v", got, want)
	}
}

// Of ten at each place, x are lost: the fitted probability must follow.
func TestFitLogistic(t *testing.T) {
	var xs [][]float64
	var ys []bool
	for x := 1; x < 10; x++ {
		for i := range 10 {
			xs, ys = append(xs, []float64{float64(x)}), append(ys, i < x)
		}
	}
	m, err := fitLogistic([]string{"x"}, xs, ys, 0, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range map[float64]float64{2: 0.2, 5: 0.5, 8: 0.8} {
		if got := sigmoid(m.at([]float64{x})); math.Abs(got-want) > 0.02 {
			t.Errorf("probability at %v: got %.3f, want about %v", x, got, want)
		}
	}
	if m.iterations > 20 {
		t.Errorf("it took %d iterations", m.iterations)
	}
}

func TestReadModelOfOtherFeatures(t *testing.T) {
	one := 1.0
	rows := []ModelRow{{"coefficient", "a", 2, &one, &one, &one}}
	for _, names := range [][]string{{"a", "b"}, {"b"}} {
		if _, err := readModel(rows, names); err == nil {
			t.Errorf("a model of a is read for features %v, want an error", names)
		}
	}
}

func TestTiers(t *testing.T) {
	for p, want := range map[float64]string{0: "Low", 0.3: "Low", 0.31: "Medium", 0.7: "Medium", 0.71: "High", 1: "High"} {
		if got := riskTier(p); got != want {
			t.Errorf("risk tier of %v: got %s, want %s", p, got, want)
		}
	}
	if got := recommend("High", CustomerFeatures{MonetaryScore: 3}); got != "Call in person" {
		t.Errorf("a valuable customer at risk: got %q", got)
	}
}
