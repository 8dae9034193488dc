package main

import (
	"context"

	"github.com/assetdev/assetdev/asset"
)

// A SegmentedCustomer is a row of customer_segments: the columns of the summary, and one more.
type SegmentedCustomer struct {
	OrderSummary
	Segment string `asset:"segment"`
}

type segmentInputs struct {
	Summaries []OrderSummary `asset:"customer_order_summary"`
}

// customerSegments puts each customer into one of three segments, by what was spent in how many orders.
func customerSegments(ctx context.Context, in segmentInputs) []SegmentedCustomer {
	rows := make([]SegmentedCustomer, len(in.Summaries))
	sizes := map[string]int{}
	for i, s := range in.Summaries {
		rows[i] = SegmentedCustomer{s, segment(s)}
		sizes[rows[i].Segment]++
	}
	asset.Report(ctx, "segments", sizes)
	return rows
}

func segment(s OrderSummary) string {
	switch {
	case s.TotalSpent >= 100 && s.TotalOrders >= 3:
		return "High Value"
	case s.TotalSpent >= 50 && s.TotalOrders >= 2:
		return "Medium Value"
	default:
		return "Low Value"
	}
}
