package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// A MarketDay is a row of synthetic_market_data.
type MarketDay struct {
	Date               time.Time `asset:"date,date"`
	Season             float64   `asset:"season"`              // 1 on an average day
	MarketIndex        float64   `asset:"market_index"`        // 100 on the first day
	ConsumerConfidence float64   `asset:"consumer_confidence"` // around 100
	CompetitorPrice    float64   `asset:"competitor_price"`    // relative to ours
	SearchInterest     *int64    `asset:"search_interest"`     // 0 to 100, null on days without a count
}

// marketData is what the market may have done since the beginning of the year: seasonal and random series, a row a day, to try
// models on. No other asset reads it yet.
func marketData() []MarketDay {
	r := rand.New(rand.NewPCG(2023, 715)) // the same every time
	var rows []MarketDay
	index, confidence, price := 100.0, 100.0, 1.0
	for day := time.Date(2023, time.January, 1, 0, 0, 0, 0, time.UTC); !day.After(today); day = day.AddDate(0, 0, 1) {
		year := 2 * math.Pi * float64(day.YearDay()) / 365
		row := MarketDay{
			Date: day, Season: rounded(1+0.25*math.Cos(year)+0.05*r.NormFloat64(), 3), MarketIndex: rounded(index, 2),
			ConsumerConfidence: rounded(confidence, 1), CompetitorPrice: rounded(price, 3),
		}
		if r.Float64() > 0.05 {
			interest := int64(min(100, max(0, 60*row.Season+8*r.NormFloat64())))
			row.SearchInterest = &interest
		}
		rows = append(rows, row)
		index *= math.Exp(0.0004 + 0.009*r.NormFloat64())
		confidence += 0.1*(100-confidence) + r.NormFloat64()
		price += 0.05*(1-price) + 0.01*r.NormFloat64()
	}
	return rows
}

func rounded(x float64, places int) float64 {
	scale := math.Pow10(places)
	return math.Round(x*scale) / scale
}
