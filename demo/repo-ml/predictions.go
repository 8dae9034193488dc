package main

import (
	"context"
	"math"

	"github.com/assetdev/assetdev/asset"
)

// A RiskScore is a row of customer_risk_scores.
type RiskScore struct {
	CustomerID       int64   `asset:"customer_id"`
	ChurnProbability float64 `asset:"churn_probability"`
	RiskTier         string  `asset:"risk_tier"` // Low, Medium or High
	Recommendation   string  `asset:"recommendation"`
}

type riskInputs struct {
	Model     []ModelRow         `asset:"customer_churn_model"`
	Customers []CustomerFeatures `asset:"customer_features"`
}

// riskScores says for each customer how likely it is that they are lost, and what to do about it.
func riskScores(ctx context.Context, in riskInputs) ([]RiskScore, error) {
	model, err := readModel(in.Model, churnFeatures)
	if err != nil {
		return nil, err
	}
	rows := make([]RiskScore, len(in.Customers))
	tiers := map[string]int{}
	for i, f := range in.Customers {
		p := rounded(sigmoid(model.at(churnInputs(f))), 4)
		tier := riskTier(p)
		rows[i] = RiskScore{f.CustomerID, p, tier, recommend(tier, f)}
		tiers[tier]++
	}
	asset.Report(ctx, "tiers", tiers)
	return rows, nil
}

func riskTier(probability float64) string {
	switch {
	case probability <= 0.3:
		return "Low"
	case probability <= 0.7:
		return "Medium"
	default:
		return "High"
	}
}

func recommend(tier string, f CustomerFeatures) string {
	switch {
	case tier == "High" && f.MonetaryScore == 3:
		return "Call in person"
	case tier == "High":
		return "Win back with a discount"
	case tier == "Medium" && f.IsPremium:
		return "Offer a tasting evening"
	case tier == "Medium":
		return "Send a personal offer"
	default:
		return "Keep in touch"
	}
}

// A DemandForecast is a row of product_demand_forecasts.
type DemandForecast struct {
	Product          string  `asset:"product"`
	CurrentDemand    int64   `asset:"current_demand"`    // units in the last quarter
	ForecastedDemand int64   `asset:"forecasted_demand"` // units in the next one
	DemandChange     int64   `asset:"demand_change"`
	DemandChangePct  float64 `asset:"demand_change_pct"`
	Recommendation   string  `asset:"inventory_recommendation"`
}

type forecastInputs struct {
	Model    []ModelRow        `asset:"demand_forecast_model"`
	Products []ProductFeatures `asset:"product_features"`
}

// demandForecasts applies the model to the quarter that has just ended, which gives the next one.
func demandForecasts(ctx context.Context, in forecastInputs) ([]DemandForecast, error) {
	model, err := readModel(in.Model, demandFeatures)
	if err != nil {
		return nil, err
	}
	rows := make([]DemandForecast, len(in.Products))
	var now, next int64
	for i, f := range in.Products {
		x, err := demandInputs(f, f.UnitsLastQuarter)
		if err != nil {
			return nil, err
		}
		row := DemandForecast{Product: f.Product, CurrentDemand: f.UnitsLastQuarter, ForecastedDemand: int64(math.Round(math.Expm1(model.at(x))))}
		row.DemandChange = row.ForecastedDemand - row.CurrentDemand
		row.DemandChangePct = rounded(100*float64(row.DemandChange)/float64(max(1, row.CurrentDemand)), 1)
		row.Recommendation = stock(row.DemandChangePct)
		rows[i] = row
		now, next = now+row.CurrentDemand, next+row.ForecastedDemand
	}
	asset.Report(ctx, "units_last_quarter", now)
	asset.Report(ctx, "units_next_quarter", next)
	return rows, nil
}

func stock(change float64) string {
	switch {
	case change > 10:
		return "Increase stock"
	case change < -10:
		return "Reduce stock"
	default:
		return "Keep stock"
	}
}
