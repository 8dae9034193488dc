package python

// Environments: which interpreter runs a location, what is installed in it, and which of that is the user's own code.
//
// What is read are files: pyvenv.cfg, names of dist-info folders, direct_url.json, *.pth. Python is started only to ask an interpreter that
// is neither of a virtual environment nor of conda where its packages lie, and the answer is kept.

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assetdev/assetdev/internal/child"
	"github.com/assetdev/assetdev/loader/location"
)

// The oldest versions that assetdev runs.
const (
	oldestPython  = "3.10"
	oldestDagster = "1.9"
)

// An Environment is a Python interpreter with what is installed for it.
type Environment struct {
	Python   string   // the interpreter, absolute
	Prefix   string   // the folder of the environment
	Rule     string   // which rule found it, for people: ".venv of the working directory"
	Version  string   // "3.11.7", or less when files do not say more
	Dagster  string   // "1.13.27", "" when it is not installed
	Packages []string // folders of installed packages, in their order
	Own      []string // folders of first-party code that is installed in place: editable installs, path dependencies, *.pth; sorted
	Virtual  bool     // a virtual environment or one of conda: its programs come first in PATH
	// Digest changes when the interpreter or anything installed changes.
	Digest string
}

// A search is what finding an environment needs.
type search struct {
	dir, workspace string // absolute
	executable     string // absolute, or a bare name for PATH, or ""
	env            []string
	cache          string
}

// find returns the environment of a location. The error is a *location.Error that says what to do.
func (s search) find(ctx context.Context) (Environment, error) {
	python, rule, err := s.interpreter()
	if err != nil {
		return Environment{}, err
	}
	e := Environment{Python: python, Rule: rule}
	if err := s.inspect(ctx, &e); err != nil {
		return e, err
	}
	e.lookInto()
	switch {
	case e.Version != "" && older(e.Version, oldestPython):
		return e, &location.Error{
			Message: fmt.Sprintf("Python %s (%s) is too old: %s or later is needed", e.Version, python, oldestPython),
			Hint:    "make the environment anew with a newer Python: " + s.create("python"+newer(oldestPython)),
		}
	case e.Dagster == "" && strings.HasSuffix(rule, " of PATH") && !e.Virtual:
		return e, &location.Error{ // the machine's own Python is nobody's place for a project's packages
			Message: fmt.Sprintf("there is no Python environment for this location: no .venv in %s, and %s (%s) has no Dagster", s.list(s.folders()), rule, python),
			Hint:    "make one: " + s.create(""),
		}
	case e.Dagster == "":
		return e, &location.Error{
			Message: fmt.Sprintf("Dagster is not installed in the Python environment of this location (%s, %s)", e.Prefix, rule),
			Hint:    s.install(e, "dagster"),
		}
	case older(e.Dagster, oldestDagster):
		return e, &location.Error{
			Message: fmt.Sprintf("Dagster %s in %s is too old: %s or later is needed", e.Dagster, e.Prefix, oldestDagster),
			Hint:    s.install(e, "'dagster>="+oldestDagster+"'"),
		}
	}
	return e, nil
}

// newer returns the minor version that is recommended to who has one that is too old.
func newer(string) string { return "3.12" }

// folders are the working directory and those above it up to the workspace's folder or the root of the uv workspace, whichever is higher. A
// working directory that lies in neither ends at the nearest folder with a pyproject.toml.
func (s search) folders() []string {
	var dirs []string
	last, project := -1, -1
	for dir := s.dir; ; dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
		if dir == s.workspace {
			last = len(dirs)
		}
		if text, err := readSmall(filepath.Join(dir, "pyproject.toml")); err == nil {
			if project < 0 {
				project = len(dirs)
			}
			if hasSection(text, "tool.uv.workspace") {
				last = max(last, len(dirs))
			}
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if last < 0 {
		last = max(project, 1)
	}
	return dirs[:last]
}

// places are where tools put an environment below a project's folder.
var places = []struct{ dir, tool string }{
	{".venv", ""}, {filepath.Join(".pixi", "envs", "default"), "pixi"}, {".conda", "conda"}, {"venv", ""}, {"env", ""},
}

// interpreter returns which Python to start, and the rule that says so.
func (s search) interpreter() (python, rule string, err error) {
	if s.executable != "" {
		python := s.executable
		if !filepath.IsAbs(python) {
			if found := lookPath(python, s.env); found != "" {
				return found, "executable_path, found in PATH", nil
			}
		} else if isFile(python) {
			return python, "executable_path", nil
		}
		return "", "", &location.Error{
			Message: fmt.Sprintf("executable_path %q does not exist", s.executable),
			Hint:    "correct executable_path of this location, or make the environment: " + s.create(""),
		}
	}
	folders := s.folders()
	for _, dir := range folders {
		candidates := places
		if named := lookup(s.env, "UV_PROJECT_ENVIRONMENT"); named != "" && exists(filepath.Join(dir, "uv.lock")) {
			if !filepath.IsAbs(named) {
				named = filepath.Join(dir, named)
			}
			if python := pythonOf(named); python != "" {
				return python, "UV_PROJECT_ENVIRONMENT", nil
			}
		}
		for _, place := range candidates {
			prefix := filepath.Join(dir, place.dir)
			if python := pythonOf(prefix); python != "" && (exists(filepath.Join(prefix, "pyvenv.cfg")) || exists(filepath.Join(prefix, "conda-meta"))) {
				return python, place.dir + " of " + s.shown(dir), nil
			}
		}
		if prefix := s.poetry(dir); prefix != "" {
			return pythonOf(prefix), "poetry's environment of " + s.shown(dir), nil
		}
	}
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if prefix := lookup(s.env, name); prefix != "" {
			if python := pythonOf(prefix); python != "" {
				return python, name, nil
			}
		}
	}
	for _, name := range []string{"python3", "python"} {
		if python := lookPath(name, s.env); python != "" {
			if dir, ok := s.wantsOwn(folders); ok {
				// A project that says how its environment is made has none yet: whatever python3 is, it is not the project's.
				return "", "", &location.Error{
					Message: fmt.Sprintf("there is no Python environment for this location: no .venv in %s", s.list(folders)),
					Hint:    "make it: " + s.createIn(dir, ""),
				}
			}
			return python, name + " of PATH", nil
		}
	}
	return "", "", &location.Error{
		Message: fmt.Sprintf("there is no Python for this location: no .venv in %s, no VIRTUAL_ENV, no python3 in PATH", s.list(folders)),
		Hint:    "make an environment: " + s.create(""),
	}
}

// wantsOwn reports whether a lock file says that the project has an environment of its own.
func (s search) wantsOwn(folders []string) (dir string, ok bool) {
	for _, dir := range folders {
		for _, name := range []string{"uv.lock", "poetry.lock", "pixi.lock"} {
			if exists(filepath.Join(dir, name)) {
				return dir, true
			}
		}
	}
	return "", false
}

// shown names a folder as people know it.
func (s search) shown(dir string) string {
	if rel, err := filepath.Rel(s.workspace, dir); err == nil && filepath.IsLocal(rel) && rel != "." {
		return rel
	}
	if dir == s.workspace {
		return "the workspace's folder"
	}
	return dir
}

func (s search) list(folders []string) string {
	var names []string
	for _, dir := range folders {
		names = append(names, s.shown(dir))
	}
	return strings.Join(names, ", ")
}

// create returns the command that makes an environment for the location. python names the interpreter, "" leaves it to the tool.
func (s search) create(python string) string {
	folders := s.folders()
	for _, dir := range folders {
		for _, name := range []string{"uv.lock", "poetry.lock", "pixi.lock", "pixi.toml", "environment.yml", "environment.yaml", "pyproject.toml", "requirements.txt", "setup.py"} {
			if exists(filepath.Join(dir, name)) {
				return s.createIn(dir, python)
			}
		}
	}
	return s.createIn(folders[0], python)
}

func (s search) createIn(dir, python string) string {
	has := func(name string) bool { return exists(filepath.Join(dir, name)) }
	text, _ := readSmall(filepath.Join(dir, "pyproject.toml"))
	in := "cd " + quoted(dir) + " && "
	uv := ""
	if python != "" {
		uv = " --python " + strings.TrimPrefix(python, "python")
	}
	switch {
	case has("uv.lock") && lookPath("uv", s.env) == "" && (text != "" || has("setup.py")):
		return in + "uv sync" + uv + " (uv is not in PATH; without it: " + cmp.Or(python, "python3") + " -m venv .venv && .venv/bin/pip install -e .)"
	case has("uv.lock") || hasSection(text, "tool.uv"):
		return in + "uv sync" + uv
	case has("poetry.lock") || hasSection(text, "tool.poetry"):
		return in + "poetry install"
	case has("pixi.lock") || has("pixi.toml") || hasSection(text, "tool.pixi"):
		return in + "pixi install"
	case has("environment.yml"):
		return in + "conda env create -p .conda -f environment.yml"
	case has("environment.yaml"):
		return in + "conda env create -p .conda -f environment.yaml"
	}
	if python == "" {
		python = "python3"
	}
	what, named := "dagster", "requirements.txt"
	switch {
	case has(named):
		what = "-r requirements.txt"
	case has("setup.py"):
		what, named = "-e .", "setup.py"
	case hasSection(text, "project") || hasSection(text, "build-system"):
		what, named = "-e .", "pyproject.toml"
	}
	if asks, err := readSmall(filepath.Join(dir, named)); err == nil && what != "dagster" && !strings.Contains(asks, "dagster") && !strings.Contains(text, "dagster") {
		what += " dagster"
	}
	if lookPath("uv", s.env) != "" {
		if python != "python3" {
			uv = " --python " + strings.TrimPrefix(python, "python")
		}
		return in + "uv venv" + uv + " && uv pip install " + what
	}
	return in + python + " -m venv .venv && .venv/bin/pip install " + what
}

// install returns the command that installs something into the environment.
func (s search) install(e Environment, what string) string {
	for _, dir := range s.folders() {
		if exists(filepath.Join(dir, "uv.lock")) {
			return "cd " + quoted(dir) + " && uv sync, or, when the project does not ask for it yet, uv add " + what
		}
		if exists(filepath.Join(dir, "poetry.lock")) {
			return "cd " + quoted(dir) + " && poetry install, or, when the project does not ask for it yet, poetry add " + what
		}
	}
	for _, dir := range e.Packages {
		if exists(filepath.Join(dir, "pip")) {
			return quoted(e.Python) + " -m pip install " + what
		}
	}
	return "uv pip install --python " + quoted(e.Python) + " " + what
}

// poetryName is what poetry replaces in the name of a project.
var poetryName = regexp.MustCompile("[ $`!*@\"\\\\\r\n\t]")

// poetry returns the environment that poetry keeps for the project in the folder, "" when there is none.
func (s search) poetry(dir string) string {
	text, err := readSmall(filepath.Join(dir, "pyproject.toml"))
	if err != nil || !exists(filepath.Join(dir, "poetry.lock")) && !hasSection(text, "tool.poetry") {
		return ""
	}
	name := sectionText(text, "tool.poetry", "name")
	if name == "" {
		name = sectionText(text, "project", "name")
	}
	real, err := filepath.EvalSymlinks(dir)
	if name == "" || err != nil {
		return ""
	}
	name = poetryName.ReplaceAllString(strings.ToLower(name), "_")
	name = name[:min(42, len(name))]
	sum := sha256.Sum256([]byte(real))
	hash := base64.URLEncoding.EncodeToString(sum[:])[:8]
	home := lookup(s.env, "HOME")
	var bases []string
	if path := lookup(s.env, "POETRY_VIRTUALENVS_PATH"); path != "" {
		bases = append(bases, path)
	}
	if path := lookup(s.env, "POETRY_CACHE_DIR"); path != "" {
		bases = append(bases, filepath.Join(path, "virtualenvs"))
	}
	if path := lookup(s.env, "XDG_CACHE_HOME"); path != "" {
		bases = append(bases, filepath.Join(path, "pypoetry", "virtualenvs"))
	}
	bases = append(bases, filepath.Join(home, ".cache", "pypoetry", "virtualenvs"), filepath.Join(home, "Library", "Caches", "pypoetry", "virtualenvs"))
	for _, base := range bases {
		entries, err := os.ReadDir(base)
		if err != nil {
			continue
		}
		newest, at := "", time.Time{}
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), name+"-"+hash+"-py") {
				continue
			}
			prefix := filepath.Join(base, entry.Name())
			if info, err := os.Stat(filepath.Join(prefix, "pyvenv.cfg")); err == nil && pythonOf(prefix) != "" && info.ModTime().After(at) {
				newest, at = prefix, info.ModTime()
			}
		}
		if newest != "" {
			return newest
		}
	}
	return ""
}

// pythonOf returns the interpreter of an environment, "" when there is none.
func pythonOf(prefix string) string {
	for _, name := range []string{"python", "python3"} {
		if file := filepath.Join(prefix, "bin", name); isFile(file) {
			return file
		}
	}
	return ""
}

// inspect fills in where the packages lie and the version of Python.
func (s search) inspect(ctx context.Context, e *Environment) error {
	e.Python = s.unshim(e.Python)
	prefix := filepath.Dir(filepath.Dir(e.Python))
	config, err := readSmall(filepath.Join(prefix, "pyvenv.cfg"))
	switch {
	case err == nil:
		e.Prefix, e.Virtual = prefix, true
		e.Version = configValue(config, "version_info", "version")
		if !strings.EqualFold(configValue(config, "include-system-site-packages"), "true") {
			e.Packages = packagesBelow(prefix, e.Version)
		}
	case exists(filepath.Join(prefix, "conda-meta")):
		e.Prefix, e.Virtual = prefix, true
		found, _ := filepath.Glob(filepath.Join(prefix, "conda-meta", "python-[23]*.json"))
		for _, file := range found {
			if parts := strings.Split(strings.TrimSuffix(filepath.Base(file), ".json"), "-"); len(parts) == 3 {
				e.Version = parts[1]
			}
		}
		e.Packages = packagesBelow(prefix, e.Version)
	}
	if len(e.Packages) > 0 && e.Version != "" && lookup(s.env, "PYTHONHOME") == "" {
		return nil
	}
	told, err := s.probe(ctx, e.Python)
	if err != nil {
		return err
	}
	e.Prefix, e.Version, e.Packages = told.Prefix, told.Version, told.Packages
	return nil
}

// packagesBelow returns the package folders of an environment of the usual layout.
func packagesBelow(prefix, version string) []string {
	var dirs []string
	parts := strings.Split(version, ".")
	for _, lib := range []string{"lib", "lib64"} {
		found, _ := filepath.Glob(filepath.Join(prefix, lib, "python3.*", "site-packages"))
		for _, dir := range found {
			of := filepath.Base(filepath.Dir(dir))
			if len(parts) > 1 && strings.TrimSuffix(of, "t") != "python"+parts[0]+"."+parts[1] {
				continue
			}
			real, err := filepath.EvalSymlinks(dir)
			if err == nil && !slices.ContainsFunc(dirs, func(other string) bool { r, _ := filepath.EvalSymlinks(other); return r == real }) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// A probed is what an interpreter says of itself.
type probed struct {
	Version, Prefix string
	Packages        []string
}

const probeCode = `import json, sys, os
paths = [p for p in sys.path if os.path.basename(p) in ("site-packages", "dist-packages")]
print(json.dumps({"Version": "%d.%d.%d" % sys.version_info[:3], "Prefix": sys.prefix, "Packages": paths}))`

// probe asks the interpreter. The answer is kept for as long as the file and the variables that steer it stay.
func (s search) probe(ctx context.Context, python string) (probed, error) {
	var told probed
	real, err := filepath.EvalSymlinks(python)
	if err != nil {
		real = python
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00", python, real, statText(real))
	for _, name := range []string{"PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONNOUSERSITE", "HOME"} {
		fmt.Fprintf(h, "%s=%s\x00", name, lookup(s.env, name))
	}
	if !isPython(real) { // a shim: what it starts may depend on anything
		fmt.Fprintf(h, "%s\x00%d\x00", s.dir, time.Now().UnixNano())
	}
	file := filepath.Join(s.cache, "probe", hex.EncodeToString(h.Sum(nil)[:12])+".json")
	if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &told) == nil && told.Version != "" {
		return told, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := child.Output(ctx, child.Command{Path: python, Args: []string{"-B", "-c", probeCode}, Dir: s.dir, Env: s.env}, 1<<20)
	if err == nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		err = json.Unmarshal([]byte(lines[len(lines)-1]), &told)
	}
	if err != nil {
		return told, &location.Error{
			Message: fmt.Sprintf("%s does not work as a Python interpreter: %v", python, err), Cause: err,
			Hint: "correct executable_path of this location, or make an environment: " + s.create(""),
		}
	}
	if text, err := json.Marshal(told); err == nil && isPython(real) {
		_ = writeFile(file, text) // a cache: without it the interpreter is asked again
	}
	return told, nil
}

// isPython reports whether a file is an interpreter by its name, not a script that picks one.
func isPython(file string) bool {
	return strings.HasPrefix(filepath.Base(file), "python") && !strings.Contains(file, string(filepath.Separator)+"shims"+string(filepath.Separator))
}

// unshim returns the interpreter that a shim of pyenv would start. What it cannot follow it returns as it is.
func (s search) unshim(python string) string {
	root, name, ok := strings.Cut(python, string(filepath.Separator)+"shims"+string(filepath.Separator))
	if !ok || !isDir(filepath.Join(root, "versions")) {
		return python
	}
	wanted := lookup(s.env, "PYENV_VERSION")
	for dir := s.dir; wanted == ""; dir = filepath.Dir(dir) {
		if text, err := readSmall(filepath.Join(dir, ".python-version")); err == nil {
			wanted = strings.Join(strings.Fields(text), ":")
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if wanted == "" {
		text, _ := readSmall(filepath.Join(root, "version"))
		wanted = strings.Join(strings.Fields(text), ":")
	}
	for version := range strings.SplitSeq(wanted, ":") {
		for _, dir := range []string{version, strings.TrimPrefix(version, "python-")} {
			if file := filepath.Join(root, "versions", dir, "bin", name); dir != "" && isFile(file) {
				return file
			}
		}
		// A prefix, as 3.11, stands for the newest of its versions.
		entries, _ := os.ReadDir(filepath.Join(root, "versions"))
		best := ""
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), version+".") && (best == "" || older(best, entry.Name())) {
				best = entry.Name()
			}
		}
		if file := filepath.Join(root, "versions", best, "bin", name); best != "" && isFile(file) {
			return file
		}
	}
	return python
}

// lookInto reads what is installed: Dagster's version, code that is installed in place, and the digest of it all.
func (e *Environment) lookInto() {
	h := sha256.New()
	real, err := filepath.EvalSymlinks(e.Python)
	if err != nil {
		real = e.Python
	}
	config, _ := readSmall(filepath.Join(e.Prefix, "pyvenv.cfg"))
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%s\x00", e.Python, real, statText(real), config)
	e.Dagster = ""
	own := map[string]bool{}
	for _, dir := range e.Packages {
		entries, err := os.ReadDir(dir) // sorted by name
		if err != nil {
			continue
		}
		fmt.Fprintf(h, "%s\x00", dir)
		for _, entry := range entries {
			name := entry.Name()
			path := filepath.Join(dir, name)
			switch {
			case strings.HasSuffix(name, ".dist-info"):
				fmt.Fprintf(h, "%s %s\x00", name, statText(filepath.Join(path, "RECORD")))
				if version, ok := strings.CutPrefix(strings.TrimSuffix(name, ".dist-info"), "dagster-"); ok && e.Dagster == "" {
					e.Dagster = version
				}
				if folder := installedFrom(path); folder != "" {
					own[folder] = true
				}
			case strings.HasSuffix(name, ".egg-info"):
				fmt.Fprintf(h, "%s %s\x00", name, statText(path))
				if version, ok := strings.CutPrefix(strings.TrimSuffix(name, ".egg-info"), "dagster-"); ok && e.Dagster == "" {
					e.Dagster, _, _ = strings.Cut(version, "-py")
				}
			case strings.HasSuffix(name, ".pth"), strings.HasSuffix(name, ".egg-link"):
				text, _ := readSmall(path)
				fmt.Fprintf(h, "%s %q\x00", name, text)
				for _, folder := range pathFile(text, dir) {
					own[folder] = true
				}
			}
		}
	}
	e.Own = nil
	for folder := range own {
		if isDir(folder) && !e.installed(folder) {
			e.Own = append(e.Own, folder)
		}
	}
	slices.Sort(e.Own)
	e.Digest = hex.EncodeToString(h.Sum(nil)[:16])
}

// installed reports whether a folder is one of installed packages, or above or below the environment's: no code of the user's.
func (e *Environment) installed(folder string) bool {
	for part := range strings.SplitSeq(folder, string(filepath.Separator)) {
		if part == "site-packages" || part == "dist-packages" {
			return true
		}
	}
	home, _ := os.UserHomeDir()
	return folder == string(filepath.Separator) || folder == home || folder == e.Prefix || within(folder, e.Prefix)
}

// installedFrom returns the folder that a package is installed from in place, "" when it is not.
func installedFrom(distInfo string) string {
	text, err := readSmall(filepath.Join(distInfo, "direct_url.json"))
	if err != nil {
		return ""
	}
	var direct struct {
		URL     string    `json:"url"`
		DirInfo *struct{} `json:"dir_info"`
	}
	if json.Unmarshal([]byte(text), &direct) != nil || direct.DirInfo == nil {
		return ""
	}
	u, err := url.Parse(direct.URL)
	if err != nil || u.Scheme != "file" || !filepath.IsAbs(u.Path) {
		return ""
	}
	return filepath.Clean(u.Path)
}

// pathFile returns the folders that a *.pth or *.egg-link file in dir names.
func pathFile(text, dir string) []string {
	var folders []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "import\t") || strings.ContainsRune(line, 0) {
			continue
		}
		if !filepath.IsAbs(line) {
			line = filepath.Join(dir, line)
		}
		folders = append(folders, filepath.Clean(line))
	}
	return folders
}

// environ returns the environment of a process: in a virtual environment as if that was activated.
func (e Environment) environ(env []string) []string {
	out := slices.Clip(env)
	if !e.Virtual {
		return out
	}
	bin := filepath.Dir(e.Python)
	path := bin
	if old := lookup(env, "PATH"); old != "" {
		path += string(filepath.ListSeparator) + old
	}
	out = slices.DeleteFunc(slices.Clone(out), func(entry string) bool {
		return strings.HasPrefix(entry, "PATH=") || strings.HasPrefix(entry, "PYTHONHOME=") || strings.HasPrefix(entry, "VIRTUAL_ENV=")
	})
	return append(out, "PATH="+path, "VIRTUAL_ENV="+e.Prefix)
}

// older reports whether a version is before another one, by their numbers. What begins with an epoch is a version of developers and never old.
func older(version, than string) bool {
	if strings.Contains(version, "!") {
		return false
	}
	a, b := strings.Split(version, "."), strings.Split(than, ".")
	for i := range b {
		have := 0
		if i < len(a) {
			have = leadingNumber(a[i])
		}
		if want := leadingNumber(b[i]); have != want {
			return have < want
		}
	}
	return false
}

func leadingNumber(text string) int {
	end := 0
	for end < len(text) && '0' <= text[end] && text[end] <= '9' {
		end++
	}
	n, _ := strconv.Atoi(text[:end])
	return n
}

// configValue returns the value of the first of the names that a pyvenv.cfg has.
func configValue(text string, names ...string) string {
	for _, name := range names {
		for line := range strings.Lines(text) {
			if key, value, ok := strings.Cut(line, "="); ok && strings.EqualFold(strings.TrimSpace(key), name) {
				parts := strings.Split(strings.TrimSpace(value), ".")
				return strings.Join(parts[:min(3, len(parts))], ".") // version_info has five
			}
		}
	}
	return ""
}

// hasSection reports whether a TOML text has the table, or one below it. It reads headings only: package workspace parses TOML.
func hasSection(text, name string) bool {
	for line := range strings.Lines(text) {
		if at := heading(line); at == name || strings.HasPrefix(at, name+".") {
			return true
		}
	}
	return false
}

// sectionText returns a text of a TOML table when it stands on a line of its own.
func sectionText(text, section, key string) string {
	in := false
	for line := range strings.Lines(text) {
		if at := heading(line); at != "" {
			in = at == section
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !in || !ok || strings.Trim(strings.TrimSpace(name), `"`) != key {
			continue
		}
		value = strings.TrimSpace(value)
		if len(value) > 1 && (value[0] == '"' || value[0] == '\'') {
			if end := strings.IndexByte(value[1:], value[0]); end >= 0 {
				return value[1 : 1+end]
			}
		}
	}
	return ""
}

// heading returns the name of a TOML table's heading, "" for other lines.
func heading(line string) string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "[") {
		return ""
	}
	line, _, _ = strings.Cut(strings.TrimLeft(line, "["), "]")
	return strings.ReplaceAll(strings.TrimSpace(line), " ", "")
}

// lookPath finds a program in the PATH of an environment.
func lookPath(name string, env []string) string {
	for dir := range strings.SplitSeq(lookup(env, "PATH"), string(filepath.ListSeparator)) {
		if !filepath.IsAbs(dir) {
			continue
		}
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return file
		}
	}
	return ""
}

// lookup returns the value of a variable; the last entry of a name counts.
func lookup(env []string, name string) string {
	for _, entry := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// maxSmall bounds the files that describe an environment, in bytes.
const maxSmall = 1 << 20

// readSmall reads a regular file; of one that is larger than maxSmall it reads the beginning.
func readSmall(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("read %s: %w", file, fs.ErrInvalid)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(bufio.NewReader(f), maxSmall))
	return string(text), errors.Join(err, f.Close())
}

// writeFile writes a file of the cache as a whole.
func writeFile(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// statText is what of a file changes when its content does.
func statText(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return "-"
	}
	return fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// within reports whether a path is the folder or lies below it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}

// quoted returns a path as a shell takes it.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t\n'\"\\$`*?[]{}()<>|&;~#!") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
