package engine

// What was materialized is reported to Dagster's own instance, where the settings ask for it (dagster_instance: report), so that its pages and
// sensors know of it. It is told behind the commits, by one process after the other: none waits for it, and what fails is a notice and no
// failure of the run.

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/internal/diag"
	"github.com/assetdev/assetdev/internal/wire"
)

// reportsAtEnd is how long Close waits for what is not reported yet.
const reportsAtEnd = 20 * time.Second

// reporting is what is to be reported, and what became of it. It belongs to the owner.
type reporting struct {
	waiting map[string][]wire.Reported // by location
	ended   chan struct{}              // closed when the process at work has ended; nil when there is none
	failed  []error                    // not yet told by Reported
}

// report reports what a step committed. What was put back from a kept version was not materialized.
func (e *Engine) report(made []assetResult) {
	if e.ws.Settings.DagsterInstance != "report" {
		return
	}
	for _, m := range made {
		if m.record == nil || !m.outcome.Good() || m.restored || m.kept || m.record.Run != e.activeRunID() || !e.loader.Reports(m.record.Location) {
			continue
		}
		if e.reports.waiting == nil {
			e.reports.waiting = map[string][]wire.Reported{}
		}
		e.reports.waiting[m.record.Location] = append(e.reports.waiting[m.record.Location], e.reportOf(m.key, m.record))
	}
	e.startReport()
}

// activeRunID is the run whose records are ours: a superseded step has the winner's.
func (e *Engine) activeRunID() string {
	if e.run == nil {
		return ""
	}
	return e.run.id
}

func (e *Engine) reportOf(key graph.Key, r *graph.Record) wire.Reported {
	w := wire.Reported{
		Asset: wireKey(key), Partition: key.Partition(), Run: r.Run, At: r.At.UTC().Format(time.RFC3339Nano), Rows: r.Rows,
		DataVersion: r.DataVersion, CodeVersion: r.Code.Version, Metadata: r.Metadata,
	}
	if file := e.manager.CopyFile(*r); r.File != "" {
		if absolute, err := filepath.Abs(file); err == nil {
			w.Path = absolute
		}
	}
	return w
}

// startReport starts the process that reports what waits, unless one is at work.
func (e *Engine) startReport() {
	if e.reports.ended != nil || len(e.reports.waiting) == 0 {
		return
	}
	waiting, ended := e.reports.waiting, make(chan struct{})
	e.reports.waiting, e.reports.ended = nil, ended
	e.work(func(ctx context.Context) {
		var failed []error
		for name, reports := range waiting {
			if err := e.loader.Report(ctx, name, reports); err != nil {
				said := stepError(err)
				failed = append(failed, diag.New("dagster", "%s of %s not reported to Dagster's instance: %s", plural(len(reports), "materialization"), name, said.Message))
			}
		}
		e.post(func() {
			e.reports.ended = nil
			close(ended)
			for _, err := range failed {
				if said, ok := errors.AsType[*diag.Error](err); ok {
					e.notice(said)
				}
			}
			e.reports.failed = append(e.reports.failed, failed...)
			e.startReport()
		})
	})
}

// Reported waits until Dagster's instance was told of everything that was materialized, and returns what of it failed since the last call.
// These are notices as well.
func (e *Engine) Reported(ctx context.Context) error {
	for {
		var ended chan struct{}
		var failed []error
		if err := e.call(ctx, func() {
			if ended = e.reports.ended; ended == nil {
				failed, e.reports.failed = e.reports.failed, nil
			}
		}); err != nil {
			return nil //nolint:nilerr // nobody waits any more
		}
		if ended == nil {
			return errors.Join(failed...)
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return nil
		case <-e.ctx.Done():
			return nil
		}
	}
}
