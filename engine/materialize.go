package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assetdev/assetdev/engine/event"
	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/internal/trust"
	"github.com/assetdev/assetdev/loader"
)

// Do carries out a command.
func (e *Engine) Do(ctx context.Context, c Command) (Reply, error) {
	var reply Reply
	var err error
	switch c.(type) {
	case Materialize, Confirm, Retry, Adopt, Rollback:
		// What others stored or deleted meanwhile counts.
		if err := e.lookAtStorage(ctx); err != nil {
			return Reply{}, err
		}
	}
	if callErr := e.call(ctx, func() { reply, err = e.do(c) }); callErr != nil {
		return Reply{}, callErr
	}
	if err == nil && reply.wait != nil {
		// The part of a command that asks the storage runs here, on the caller's goroutine.
		return reply.wait(ctx)
	}
	return reply, err
}

func (e *Engine) do(c Command) (Reply, error) {
	if e.ctx.Err() != nil {
		return Reply{}, errClosed
	}
	switch c := c.(type) {
	case Materialize:
		return e.materialize(c)
	case Confirm:
		q := e.question
		if q == nil || c.ID != "" && q.ID != c.ID {
			return Reply{}, errors.New("no plan waits for a confirmation")
		}
		e.question = nil
		e.touch()
		m := q.Request
		m.Confirmed = true
		return e.materialize(m)
	case Dismiss:
		e.question = nil
		e.touch()
		return Reply{}, nil
	case Cancel:
		return e.cancelRun(c.Asset)
	case Retry:
		return e.retry()
	case Reload:
		if err := e.trusted(); err != nil {
			return Reply{}, err
		}
		e.startLoading(loader.Always)
		e.readStored(e.ctx, nil)
		return Reply{Text: "reloading " + plural(len(e.loader.Names()), "code location")}, nil
	case SetAutoRun:
		return Reply{}, e.setAuto(c)
	case Trust:
		return Reply{}, e.trustNow(c.Remember)
	case Rollback:
		return e.rollback(c)
	case Adopt:
		return e.adopt(c)
	}
	return Reply{}, fmt.Errorf("unknown command %T", c)
}

// trusted returns the error of a command that would execute code of a workspace that is not trusted.
func (e *Engine) trusted() error {
	if e.grant.Valid() {
		return nil
	}
	if e.needsTrust != nil {
		return e.needsTrust
	}
	return &trust.NeedsTrust{Workspace: e.ws.Dir}
}

// Plan says what Materialize would run, and starts nothing.
func (e *Engine) Plan(ctx context.Context, m Materialize) (graph.Plan, error) {
	var plan graph.Plan
	if err := e.lookAtStorage(ctx); err != nil {
		return plan, err
	}
	var err error
	if callErr := e.call(ctx, func() { plan, _, err = e.plan(m) }); callErr != nil {
		return plan, callErr
	}
	return plan, err
}

// plan resolves the selection and makes the plan.
func (e *Engine) plan(m Materialize) (graph.Plan, []graph.Key, error) {
	fresh := e.judge()
	selected, named := m.Keys, m.Keys
	if m.Keys == nil {
		sel, err := graph.ParseSelection(m.Selection)
		if err != nil {
			return graph.Plan{}, nil, err
		}
		if selected, err = graph.Select(e.graph, fresh, sel); err != nil {
			return graph.Plan{}, nil, err
		}
		named = sel.NamedKeys()
	}
	selected, err := e.withPartitions(selected, m.Partitions)
	if err != nil {
		return graph.Plan{}, nil, err
	}
	if !m.Partitions.IsZero() {
		named = slices.Clone(named)
		for _, key := range selected {
			if key.Partition() != "" && slices.Contains(named, key.Asset()) {
				named = append(named, key)
			}
		}
	}
	plan := graph.MakePlan(e.graph, fresh, graph.PlanRequest{
		Selected: selected, Named: named, Only: m.Only, Force: m.Force, LatestOnly: m.By == "auto",
		Forecast: func(key graph.Key) (int64, bool) { ms := e.forecast(key); return ms, ms >= 0 },
		Refuse:   func(a graph.Asset) string { return lacksConfig(a, m.Config) },
		Given:    func(a graph.Asset) bool { return givesConfig(a, m.Config) },
	})
	return plan, selected, nil
}

func (e *Engine) materialize(m Materialize) (Reply, error) {
	if err := e.trusted(); err != nil {
		return Reply{}, err
	}
	if e.ctx.Err() != nil {
		return Reply{}, errClosed
	}
	if m.By == "" {
		m.By = e.opts.By
	}
	if e.ws.Settings.ReadOnly {
		return Reply{}, diag.New("storage", "this workspace is read only").WithHint("remove read_only from %s", e.ws.SettingsFile)
	}
	if e.run != nil {
		e.queue = append(e.queue, m)
		e.touch()
		return Reply{Text: "waits for run " + e.run.id}, nil
	}
	if m.By != "auto" && e.anyLoading() {
		e.queue = append(e.queue, m)
		e.touch()
		return Reply{Text: "starts as soon as the code locations have answered"}, nil
	}
	plan, selected, err := e.plan(m)
	if err != nil {
		return Reply{}, err
	}
	reply := Reply{Plan: &plan}
	switch {
	case len(plan.Steps) == 0 && len(plan.Blocked) > 0:
		reply.Text = "nothing can run: " + plan.Blocked[0].Text
		return reply, nil
	case len(plan.Steps) == 0:
		reply.Text = nothingToDo(e, selected)
		return reply, nil
	}
	if why := e.asks(m, plan); len(why) > 0 {
		q := &Question{ID: e.newRunID(), Why: why, Plan: plan, Request: m, TotalMS: total(plan)}
		e.question = q
		e.touch()
		reply.Question = q.ID
		return reply, nil
	}
	if err := e.start(m, plan); err != nil {
		return reply, err
	}
	reply.Run = e.run.id
	return reply, nil
}

func nothingToDo(e *Engine, selected []graph.Key) string {
	switch len(selected) {
	case 0:
		return "nothing to do: the selection is empty"
	case 1:
		return fmt.Sprintf("nothing to do: %s is %s", selected[0], e.judge().Status(selected[0]))
	}
	counts := map[string]int{}
	for _, key := range selected {
		counts[e.judge().Status(key).String()]++
	}
	var parts []string
	for _, s := range graph.Statuses {
		if n := counts[s.String()]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	slices.Reverse(parts)
	return "nothing to do: " + strings.Join(parts, ", ")
}

// total returns the forecast of a plan on one core, in ms, -1 when some step's is unknown.
func total(plan graph.Plan) int64 {
	sum := int64(0)
	for _, s := range plan.Steps {
		if s.ForecastMS == nil {
			return -1
		}
		sum += *s.ForecastMS
	}
	return sum
}

// asks returns why the plan is not started at once, nil when it is: a plan that is cheap and local starts with one key.
func (e *Engine) asks(m Materialize, plan graph.Plan) []string {
	if m.Confirmed {
		return nil
	}
	confirm := e.ws.Settings.Confirm
	var why []string
	if len(plan.Steps) > confirm.Steps {
		why = append(why, fmt.Sprintf("%d steps", len(plan.Steps)))
	}
	switch ms := total(plan); {
	case ms < 0:
		why = append(why, "its duration is not known yet")
	case ms > confirm.Time.Milliseconds():
		why = append(why, fmt.Sprintf("takes about %s", (time.Duration(ms)*time.Millisecond).Round(time.Second)))
	}
	for _, s := range plan.Steps {
		if a, _ := e.graph.Asset(s.Asset); a.Outside {
			why = append(why, fmt.Sprintf("%s writes outside assetdev's storage", s.Asset))
			break
		}
	}
	if e.ws.Settings.Shared {
		why = append(why, "the storage is shared")
	}
	if m.Marked {
		why = append(why, fmt.Sprintf("%s marked", plural(len(m.Keys), "asset")))
	}
	if confirm.Select.Value != "" {
		if sel, err := graph.ParseSelection(confirm.Select.Value); err == nil {
			if keys, err := graph.Select(e.graph, e.judge(), sel); err == nil {
				for _, s := range plan.Steps {
					if slices.Contains(keys, s.Asset) {
						why = append(why, fmt.Sprintf("%s is in confirm: {select: %s}", s.Asset, confirm.Select.Value))
						break
					}
				}
			}
		}
	}
	return why
}

// retry runs what failed in the last run, and what that held up.
func (e *Engine) retry() (Reply, error) {
	if e.run != nil {
		return Reply{}, errors.New("a run is active")
	}
	var keys []graph.Key
	for _, key := range e.graph.StoredKeys() {
		last := e.stored[key].Last
		if last == nil {
			continue
		}
		switch last.State {
		case event.Failed, event.Cancelled, event.Interrupted, event.Skipped:
			if e.judge().Status(key) != graph.Fresh {
				keys = append(keys, key)
			}
		}
	}
	if len(keys) == 0 {
		return Reply{Text: "nothing to retry: no asset's last run failed"}, nil
	}
	return e.materialize(Materialize{Keys: keys})
}

// rollback makes a kept version the newest data.
func (e *Engine) rollback(c Rollback) (Reply, error) {
	if err := e.exists(c.Asset); err != nil {
		return Reply{}, err
	}
	asset, _ := e.graph.Asset(c.Asset)
	if e.run != nil {
		return Reply{}, errors.New("a run is active; roll back when it has ended")
	}
	c.Asset = e.judge().Default(c.Asset)
	return Reply{wait: func(ctx context.Context) (Reply, error) {
		versions, err := e.manager.Versions(ctx, c.Asset)
		if err != nil {
			return Reply{}, err
		}
		i := slices.IndexFunc(versions, func(r graph.Record) bool { return VersionName(r) == c.Version })
		if i < 0 {
			var have []string
			for _, r := range versions {
				have = append(have, VersionName(r))
			}
			return Reply{}, diag.New("asset", "%s has no version %q", c.Asset, c.Version).WithHint("kept versions: %s", strings.Join(have, ", "))
		}
		update := versions[i]
		update.At, update.By, update.Location = time.Now(), e.user, asset.Location
		record, _, err := e.manager.Restore(ctx, c.Asset, versions[i], update)
		if err != nil {
			return Reply{}, err
		}
		if err := e.call(ctx, func() { e.readStored(e.ctx, []graph.Key{c.Asset}) }); err != nil {
			return Reply{}, err
		}
		return Reply{Text: fmt.Sprintf("%s is back at version %s, %d rows", c.Asset, c.Version, record.Rows)}, nil
	}}, nil
}

// VersionName names a version of an asset's data for people and commands.
func VersionName(r graph.Record) string { return fmt.Sprintf("%s-%d", r.Run, r.Attempt) }

func (e *Engine) noAsset(key graph.Key) error {
	err := diag.New("asset", "no asset %q", key.String())
	if near, ok := e.graph.Suggestion(key); ok {
		return err.WithHint("did you mean %s?", near)
	}
	return err
}
