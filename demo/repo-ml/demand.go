package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strconv"

	"github.com/assetdev/assetdev/asset"
)

// demandFeatures are what the demand of a quarter is learned from, all of it known before the quarter begins.
var demandFeatures = []string{
	"log_units_before", "log_retail_price", "profit_margin",
	"category_chocolate", "category_coffee", "category_gifts", "category_kitchen", "category_spices", "category_tea",
}

// demandInputs are the features of the quarter that follows one in which so many units were sold.
func demandInputs(f ProductFeatures, unitsBefore int64) ([]float64, error) {
	price, err := strconv.ParseFloat(f.RetailPrice, 64)
	if err != nil || price <= 0 {
		return nil, fmt.Errorf("product %q has the price %q", f.Product, f.RetailPrice)
	}
	x := []float64{math.Log1p(float64(unitsBefore)), math.Log(price), f.ProfitMargin}
	for _, is := range []bool{f.Chocolate, f.Coffee, f.Gifts, f.Kitchen, f.Spices, f.Tea} {
		if is {
			x = append(x, 1)
		} else {
			x = append(x, 0)
		}
	}
	return x, nil
}

type demandModelInputs struct {
	Products []ProductFeatures `asset:"product_features"`
}

// demandModel learns how many units of a product sell in a quarter from the quarter before, its price, margin and category: a
// ridge regression on logarithms, as a table of coefficients and metrics. Each metric is of products on which it was not trained.
func demandModel(ctx context.Context, in demandModelInputs) ([]ModelRow, error) {
	const penalty, folds = 1.0, 5
	var xs [][]float64
	var ys []float64
	for _, f := range in.Products {
		x, err := demandInputs(f, f.UnitsPriorQuarter)
		if err != nil {
			return nil, err
		}
		xs, ys = append(xs, x), append(ys, math.Log1p(float64(f.UnitsLastQuarter)))
	}
	var squared, mean, variance float64
	for _, f := range in.Products {
		mean += float64(f.UnitsLastQuarter) / float64(len(ys))
	}
	for fold := range folds {
		var trainX [][]float64
		var trainY []float64
		for i := range xs {
			if i%folds != fold {
				trainX, trainY = append(trainX, xs[i]), append(trainY, ys[i])
			}
		}
		model, err := fitLinear(demandFeatures, trainX, trainY, penalty)
		if err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
		for i, f := range in.Products {
			if i%folds == fold {
				actual := float64(f.UnitsLastQuarter)
				miss := math.Expm1(model.at(xs[i])) - actual
				squared += miss * miss
				variance += (actual - mean) * (actual - mean)
			}
		}
		asset.Progress(ctx, float64(fold+1)/(folds+1), "cross-validating")
	}
	model, err := fitLinear(demandFeatures, xs, ys, penalty)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	mse := squared / float64(len(ys))
	rmse, r2 := math.Sqrt(mse), 1-squared/variance
	slog.Info("trained", "products", len(ys), "rmse", rounded(rmse, 2), "r2", rounded(r2, 3))
	asset.Report(ctx, "rmse", rounded(rmse, 3))
	asset.Report(ctx, "r2", rounded(r2, 4))
	return model.rows(metric("mse", mse), metric("rmse", rmse), metric("r2", r2)), nil
}
