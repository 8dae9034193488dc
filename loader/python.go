package loader

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assetdev/assetdev/internal/trust"
	"github.com/assetdev/assetdev/internal/wire"
	"github.com/assetdev/assetdev/loader/location/python"
	"github.com/assetdev/assetdev/loader/workspace"
)

// openPython opens a Dagster project.
func (l *Loader) openPython(entry workspace.Location, grant trust.Grant) (opened, error) {
	environ, err := l.environ(entry)
	if err != nil {
		return nil, err
	}
	environ = asDevelopment(environ)
	target := entry.Module
	switch entry.Kind {
	case workspace.PythonPackage:
		target = entry.Package
	case workspace.PythonFile:
		target = entry.File
	case workspace.PythonModule, workspace.AutoloadDefsModule, workspace.GoPackage, workspace.SQL, workspace.Command, workspace.GRPCServer, workspace.PythonEnvironment:
	}
	p, err := python.Open(python.Config{
		Name: entry.Name, Kind: string(entry.Kind), Target: target, Attribute: entry.Attribute,
		Dir: entry.WorkingDirectory, WorkspaceDir: l.ws.Dir, Executable: entry.ExecutablePath, Env: environ,
		CacheDir: l.pythonCache(), Servers: l.servers(),
		Instance: l.ws.Settings.DagsterInstance, IOManagers: l.ws.Settings.IOManagers,
	}, grant)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// asDevelopment says to the project's code that it runs for its author, as `dagster dev` does: dagster-dbt then writes the manifest that a
// project does not keep in git, and state-backed components refresh their state. What the user set stands, be it empty.
func asDevelopment(environ []string) []string {
	const name = "DAGSTER_IS_DEV_CLI"
	if slices.ContainsFunc(environ, func(entry string) bool { return strings.HasPrefix(entry, name+"=") }) {
		return environ
	}
	return append(slices.Clone(environ), name+"=1")
}

// Warm prepares the Python locations for a first request, in the background: their fork servers start. It is for who stays.
func (l *Loader) Warm() {
	for _, name := range l.names {
		u := l.units[name]
		u.mu.Lock()
		p, ok := u.open.(*python.Location)
		u.mu.Unlock()
		if ok {
			p.Warm()
		}
	}
}

// Moved returns the locations in whose environment something was installed, removed or made anew since their last refresh.
func (l *Loader) Moved(ctx context.Context) []string {
	var names []string
	for _, name := range l.names {
		u := l.units[name]
		if !u.mu.TryLock() {
			continue // it is being refreshed
		}
		p, ok := u.open.(*python.Location)
		u.mu.Unlock()
		if ok && p.Moved(ctx) {
			names = append(names, name)
		}
	}
	return names
}

// PythonServers tells of the fork servers that run now.
func (l *Loader) PythonServers() []python.Report { return l.servers().Reports() }

func (l *Loader) pythonCache() string { return filepath.Join(l.opts.CacheDir, "python") }

// openServers makes what holds the fork servers. None is started.
func (l *Loader) openServers() *python.Servers {
	return python.NewServers(python.ServerOptions{CacheDir: l.pythonCache(), Env: l.inherited()})
}

// Reports reports whether a location can tell the framework's own instance what was materialized.
func (l *Loader) Reports(name string) bool {
	u := l.units[name]
	return u != nil && strings.HasPrefix(string(u.entry.Kind), "python_") || u != nil && u.entry.Kind == workspace.AutoloadDefsModule
}

// Report has a location of which Reports is true tell the framework's own instance what was materialized.
func (l *Loader) Report(ctx context.Context, name string, reports []wire.Reported) error {
	u := l.units[name]
	if u == nil {
		return fmt.Errorf("no code location %q", name)
	}
	u.mu.Lock()
	loc, bad := u.use()
	u.mu.Unlock()
	if bad != nil {
		return bad
	}
	p, ok := loc.(*python.Location)
	if !ok {
		return nil
	}
	return p.Report(ctx, reports)
}
