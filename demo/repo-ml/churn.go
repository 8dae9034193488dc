package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"

	"github.com/assetdev/assetdev/asset"
)

// churnDays is for how many days somebody has not ordered whom we count as lost.
const churnDays = 90

// churnFeatures are what the model learns from. How long ago the last order was is not among them: it is what churn means.
var churnFeatures = []string{"log_orders_per_month", "log_avg_order_value", "is_premium", "log_days_since_first_order"}

func churnInputs(f CustomerFeatures) []float64 {
	premium := 0.0
	if f.IsPremium {
		premium = 1
	}
	return []float64{
		math.Log(f.OrdersPerMonth), math.Log(max(0.01, f.AvgOrderValue)), premium, math.Log(float64(max(1, f.DaysSinceFirstOrder))),
	}
}

type churnModelInputs struct {
	Customers []CustomerFeatures `asset:"customer_features"`
}

// churnModel learns to tell who is about to be lost: a logistic regression, as a table of coefficients and metrics. The metrics are
// of a fourth of the customers, on whom it was not trained; the coefficients are then learned from all.
func churnModel(ctx context.Context, in churnModelInputs) ([]ModelRow, error) {
	var all, train, test sample
	for _, f := range in.Customers {
		if f.DaysSinceFirstOrder <= churnDays {
			continue // cannot be lost yet, and teaches nothing
		}
		all.add(f)
		if f.CustomerID%4 == 0 {
			test.add(f)
		} else {
			train.add(f)
		}
	}
	if len(test.ys) == 0 {
		return nil, errors.New("there is nobody to test the model on")
	}
	const penalty, rounds = 1.0, 8
	progress := func(start float64, text string) func(int) {
		return func(iteration int) { asset.Progress(ctx, start+0.5*min(1, float64(iteration)/rounds), text) }
	}
	model, err := fitLogistic(churnFeatures, train.xs, train.ys, penalty, progress(0, "training on three fourths"))
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	q := judge(model, test)
	slog.Info("tested", "customers", len(test.ys), "accuracy", rounded(q.accuracy, 3), "recall", rounded(q.recall, 3))
	model, err = fitLogistic(churnFeatures, all.xs, all.ys, penalty, progress(0.5, "training on all"))
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	slog.Info("trained", "customers", len(all.ys), "iterations", model.iterations)
	for name, value := range map[string]float64{
		"accuracy": q.accuracy, "base_rate": q.baseRate, "precision": q.precision, "recall": q.recall, "f1": q.f1,
	} {
		asset.Report(ctx, name, rounded(value, 4))
	}
	lost := float64(all.lost())
	return model.rows(
		metric("accuracy", q.accuracy), metric("base_rate", q.baseRate), metric("precision", q.precision), metric("recall", q.recall), metric("f1", q.f1),
		metric("churned", lost), metric("stayed", float64(len(all.ys))-lost),
	), nil
}

// A sample is customers whose fate is known.
type sample struct {
	xs [][]float64
	ys []bool // lost
}

func (s *sample) add(f CustomerFeatures) {
	s.xs = append(s.xs, churnInputs(f))
	s.ys = append(s.ys, f.DaysSinceLastOrder > churnDays)
}

func (s *sample) lost() int {
	n := 0
	for _, lost := range s.ys {
		if lost {
			n++
		}
	}
	return n
}

// A quality says how well a model tells who is lost. baseRate is the accuracy of who always says what is more frequent.
type quality struct{ accuracy, baseRate, precision, recall, f1 float64 }

func judge(m linear, s sample) quality {
	var right, hits, said float64
	for i, x := range s.xs {
		says := m.at(x) > 0
		if says == s.ys[i] {
			right++
		}
		if says {
			said++
		}
		if says && s.ys[i] {
			hits++
		}
	}
	n, lost := float64(len(s.ys)), float64(s.lost())
	q := quality{accuracy: right / n, baseRate: max(lost, n-lost) / n, precision: hits / max(1, said), recall: hits / max(1, lost)}
	if q.precision+q.recall > 0 {
		q.f1 = 2 * q.precision * q.recall / (q.precision + q.recall)
	}
	return q
}
