package engine

import (
	"fmt"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
)

// An autoPolicy is what auto-run may start by itself: design §7.
type autoPolicy struct {
	selected map[graph.Key]bool // auto-run's selection
	budget   time.Duration      // 0: no bound
	outside  bool               // steps that write outside our storage may start
	catchUp  bool               // also what was stale before the save, and what was never made
}

// autoInput is what the policy looks at for one asset.
type autoInput struct {
	asset      graph.Asset
	stored     graph.Stored
	forecastMS int64 // -1 unknown
	code       string
	inputs     map[graph.Key]string // data versions it would read now
}

// refuses returns why auto-run must not start the asset by itself, "" when it may. It is pure.
func (p autoPolicy) refuses(in autoInput) string {
	budget := p.budget
	switch a := in.asset; {
	case !p.selected[a.Key]:
		return "not in auto-run's selection"
	case !a.Executable:
		return a.Why
	case a.Tags["assetdev/auto"] == "false":
		return `tagged assetdev/auto: "false"`
	case a.Outside && !p.outside:
		return "its step writes outside assetdev's storage"
	case in.stored.Record == nil && !p.catchUp:
		return "never materialized by assetdev"
	case failedForTheSame(in):
		return "failed for the same code and inputs in run " + in.stored.Last.Run
	case budget > 0 && in.forecastMS < 0:
		return "its duration is not known"
	case budget > 0 && in.forecastMS > budget.Milliseconds():
		return fmt.Sprintf("takes %s, more than auto-run's budget of %s", time.Duration(in.forecastMS)*time.Millisecond, budget)
	}
	return ""
}

func failedForTheSame(in autoInput) bool {
	last := in.stored.Last
	if last == nil || last.State != event.Failed || last.Code != in.code || len(last.Inputs) != len(in.inputs) {
		return false
	}
	for key, version := range in.inputs {
		if last.Inputs[key] != version {
			return false
		}
	}
	return true
}

// decide returns which of the assets that a save made stale start now, and why the others wait. stale reports whether an
// asset is not up to date for whatever reason. An asset waits when an upstream of it is stale and does not start: a save
// starts only what it made stale. Assets come in the graph's order.
func (p autoPolicy) decide(g *graph.Graph, made []graph.Key, stale func(graph.Key) bool, input func(graph.Key) autoInput) (start []graph.Key, waiting map[graph.Key]string) {
	waiting = map[graph.Key]string{}
	starts := map[graph.Key]bool{}
	for _, key := range made {
		why := p.refuses(input(key))
		if why == "" {
			for _, up := range g.Upstreams(key) {
				if stale(up) && !starts[up] && !g.IsExternal(up) {
					why = fmt.Sprintf("waits for %s, which is not up to date", up)
					break
				}
			}
		}
		if why != "" {
			if p.selected[key] {
				waiting[key] = why
			}
			continue
		}
		starts[key] = true
		start = append(start, key)
	}
	return start, waiting
}
