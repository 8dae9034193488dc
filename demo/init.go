package demo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/assetdev/assetdev/internal/diag"
)

// InitOptions say what [Init] writes.
type InitOptions struct {
	Go       bool      // a Go module with a first asset
	SDK      fs.FS     // as in [Options]; needed with Go
	Projects []Project // what a new workspace.yaml names, as [FindProjects] found it; not with Go
}

// sdkDir is where Init puts the SDK. It has a go.mod of its own, so ./... does not include it.
const sdkDir = "assetdev-sdk"

// Init writes into dir what a project needs and does not have, and returns the slash-separated paths of what it wrote, relative to dir:
// workspace.yaml, which names the projects that are there, and with InitOptions.Go a module whose package ./assets has a first asset. It
// overwrites nothing and edits nothing.
//
// Where that is not enough, because a go.mod or a workspace.yaml of the user's must name what was written, Init writes the rest and
// returns a [diag.Error] of kind "usage" with what to do as its hint; the paths are valid then too.
func Init(dir string, options InitOptions) ([]string, error) {
	p := project{dir: dir}
	err := p.init(options)
	if _, usage := errors.AsType[*diag.Error](err); err != nil && !usage {
		err = fmt.Errorf("write into %q: %w", dir, err)
	}
	return p.written, err
}

type project struct {
	dir     string
	written []string
}

func (p *project) init(options InitOptions) error {
	var todo []error
	madeAssets := false
	if options.Go {
		missing, err := p.module(options.SDK)
		if err != nil {
			return err
		}
		if missing != nil {
			todo = append(todo, missing)
		}
		if has, err := p.hasGo("assets"); err != nil {
			return err
		} else if !has {
			if err := p.template("assets/main.go", "init/main.go.tmpl"); err != nil {
				return err
			}
			if err := p.template("assets/main_test.go", "init/main_test.go.tmpl"); err != nil {
				return err
			}
			madeAssets = true
		}
	}
	assets, err := p.hasGo("assets")
	if err != nil {
		return err
	}
	workspace, err := os.ReadFile(p.path("workspace.yaml"))
	switch {
	case errors.Is(err, fs.ErrNotExist) && !options.Go && len(options.Projects) > 0:
		err = p.write("workspace.yaml", workspaceOf(options.Projects))
	case errors.Is(err, fs.ErrNotExist) && assets:
		err = p.template("workspace.yaml", "init/workspace_go.yaml.tmpl")
	case errors.Is(err, fs.ErrNotExist):
		err = p.template("workspace.yaml", "init/workspace.yaml.tmpl")
	case err == nil && madeAssets && !strings.Contains(string(workspace), "./assets"):
		todo = append(todo, diag.New("usage", "workspace.yaml does not name the new package ./assets").
			WithHint("add below load_from:\n  - go_package: ./assets"))
	}
	return errors.Join(append([]error{err}, todo...)...)
}

// workspaceOf is a workspace.yaml that names the projects. Dagster reads it too, when there are only Python's.
func workspaceOf(projects []Project) []byte {
	var b strings.Builder
	b.WriteString("# The code locations of this workspace. Each runs in processes of its own; paths are relative to this file.\nload_from:\n")
	for _, project := range projects {
		b.WriteString(project.entry())
	}
	return []byte(b.String())
}

// Unnamed returns the projects of dir that its workspace.yaml does not name, each as an entry that can be added below load_from, in the
// order of the projects. Without a workspace.yaml there are none.
func Unnamed(dir string, projects []Project) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "workspace.yaml"))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return nil, err
	}
	var entries []string
	for _, project := range projects {
		// The same code may be named in several ways: its folder together with its module or package is good enough for a hint.
		first, _, _ := strings.Cut(project.Dir, "/")
		if target, _, _ := strings.Cut(project.Target, "."); !strings.Contains(string(text), first) || target != "" && !strings.Contains(string(text), target) {
			entries = append(entries, project.entry())
		}
	}
	return entries, nil
}

// module makes a module of the folder. missing is what a go.mod that is there lacks.
func (p *project) module(source fs.FS) (missing, err error) {
	sdk, err := readSDK(source)
	if err != nil {
		return nil, err
	}
	mod, err := os.ReadFile(p.path("go.mod"))
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	named, ours := false, false // the module knows the SDK; from our folder
	for line := range strings.Lines(string(mod)) {
		line, _, _ = strings.Cut(line, "//")
		if strings.Contains(line, modulePath+" ") {
			named = true
			ours = ours || strings.Contains(line, sdkDir)
		}
	}
	if !exists || !named || ours {
		if err := p.copySDK(sdk); err != nil {
			return nil, err
		}
	}
	if !exists {
		abs, err := filepath.Abs(p.dir)
		if err != nil {
			return nil, err
		}
		text, err := sdk.goMod(moduleName(filepath.Base(abs)), "./"+sdkDir)
		if err != nil {
			return nil, err
		}
		// go.mod comes last: when it is there, so is what it needs.
		return nil, errors.Join(p.write("go.sum", sdk.goSum), p.write("go.mod", text))
	}
	if named {
		return nil, nil
	}
	return diag.New("usage", "the module of go.mod does not know the SDK yet, which is now in ./%s", sdkDir).
		WithHint("go mod edit -require=%[1]s@v0.0.0 -replace=%[1]s=./%[2]s && go mod tidy", modulePath, sdkDir), nil
}

// copySDK writes the SDK's folder when it is missing: whole, or not at all.
func (p *project) copySDK(s sdk) (err error) {
	if _, err := os.Lstat(p.path(sdkDir)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	stage, err := os.MkdirTemp(p.dir, "."+sdkDir+".new-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	fresh := filepath.Join(stage, sdkDir)
	for name, text := range s.files {
		if err := create(filepath.Join(fresh, filepath.FromSlash(name)), text); err != nil {
			return err
		}
	}
	if err := os.Rename(fresh, p.path(sdkDir)); err != nil {
		return err
	}
	p.written = append(p.written, sdkDir+"/")
	return nil
}

// write creates a file that is missing.
func (p *project) write(name string, text []byte) error {
	err := create(p.path(name), text)
	switch {
	case err == nil:
		p.written = append(p.written, name)
	case errors.Is(err, fs.ErrExist):
		err = nil
	}
	return err
}

func (p *project) template(name, template string) error {
	text, err := embedded.ReadFile(template)
	if err != nil {
		return err
	}
	return p.write(name, text)
}

// hasGo reports whether a folder of the project has Go files.
func (p *project) hasGo(folder string) (bool, error) {
	list, err := os.ReadDir(p.path(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, entry := range list {
		if filepath.Ext(entry.Name()) == ".go" {
			return true, nil
		}
	}
	return false, err
}

func (p *project) path(name string) string { return filepath.Join(p.dir, filepath.FromSlash(name)) }
