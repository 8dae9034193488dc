// Command ml is the code location of the ML platform: features, models and predictions. assetdev builds and runs it.
//
// Of the analytics team it knows two asset keys and the columns that it reads of them, no code and no folder.
package main

import (
	"time"

	"github.com/assetdev/assetdev/asset"
)

const team = "team:ml-platform"

// today is the day on which the demo stands still.
var today = time.Date(2023, time.July, 15, 0, 0, 0, 0, time.UTC)

func main() {
	fromAnalytics := asset.Metadata(map[string]string{"upstream_team": "analytics"})
	model := asset.Kinds("model", "table")

	asset.Main(
		asset.New("customer_features", customerFeatures,
			asset.Group("ml_features"), asset.Owners(team), asset.Kinds("table"), fromAnalytics),
		asset.New("product_features", productFeatures, asset.Deps(productPerformance),
			asset.Group("ml_features"), asset.Owners(team), asset.Kinds("table"), fromAnalytics),
		asset.New("synthetic_market_data", marketData,
			asset.Group("ml_features"), asset.Owners(team), asset.Kinds("table"), asset.Tags(map[string]string{"stage": "experiment"})),

		asset.New("customer_churn_model", churnModel,
			asset.Group("ml_models"), asset.Owners(team), model, asset.Tags(map[string]string{"algorithm": "logistic_regression"})),
		asset.New("demand_forecast_model", demandModel,
			asset.Group("ml_models"), asset.Owners(team), model, asset.Tags(map[string]string{"algorithm": "ridge_regression"})),

		asset.New("customer_risk_scores", riskScores,
			asset.Group("ml_predictions"), asset.Owners(team, "retention@example.com"), asset.Kinds("table")),
		asset.New("product_demand_forecasts", demandForecasts,
			asset.Group("ml_predictions"), asset.Owners(team, "purchasing@example.com"), asset.Kinds("table")),
	)
}
