package graph

// A Step is one asset that a plan runs.
type Step struct {
	Asset       Key      `json:"asset"`
	Partition   string   `json:"partition,omitempty"`
	Location    string   `json:"location"`
	Why         string   `json:"why"`   // missing, stale, overdue, unknown or forced
	After       []Key    `json:"after"` // steps of the plan that it waits for: its upstreams among them
	ForecastMS  *int64   `json:"forecast_ms"`
	MayBeCutOff bool     `json:"may_be_cut_off"` // all its reasons are upstreams that may turn out unchanged
	Reasons     []Reason `json:"-"`
}

// A Blocked is an asset that the plan would have to run and cannot.
type Blocked struct {
	Asset Key    `json:"asset"`
	Text  string `json:"text"`
}

// A Plan is the steps that bring a selection up to date, upstreams first, ties in the order of the graph.
type Plan struct {
	Steps   []Step    `json:"steps"`
	Fresh   []Key     `json:"fresh"`   // selected, and nothing to do
	Blocked []Blocked `json:"blocked"` // selected or needed, and not runnable, with the reason
}
