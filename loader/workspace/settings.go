package workspace

// assetdev.yaml, which the team commits, and config.yaml, which belongs to one user.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/assetdev/assetdev/internal/diag"
)

// Settings are what assetdev.yaml says, with defaults filled in.
type Settings struct {
	AutoRun    AutoRun
	Confirm    Confirm
	Keep       Keep
	Owners     map[string]Text // asset key → the location that owns it
	Selections map[string]Text // name → selection
	Jobs       int             // steps at once; 0: as many as there are processors
	Shared     bool            // the storage is shared with others
	ReadOnly   bool            // nothing is materialized

	IOManagers      map[string]string // resource of a location → who stores what it handles: "replace", "both" or "own"
	DagsterInstance string            // what is done with the Dagster instance of DAGSTER_HOME: "none", "read", or "report" (also told what was materialized); default "read"
	Pools           map[string]int    // pool → steps at once over all locations; a pool that is not named has no limit
}

// AutoRun is what a save may start by itself.
type AutoRun struct {
	Select  Text          // "off", "all" or a selection; absent: the default for the storage
	Budget  time.Duration // of one step; default 10 s
	Outside bool          // also steps that write outside our storage
}

// Confirm says which plans are shown before they start.
type Confirm struct {
	Steps  int           // more steps than this; default 20
	Time   time.Duration // a longer forecast than this; default 60 s
	Select Text          // plans that touch this selection; absent: none
}

// Keep bounds what is kept. Of Runs and RunsFor at most one is set.
type Keep struct {
	Versions int           // versions of each asset; default 5
	Size     int64         // bytes of kept versions together; default 20 GiB; 0: no limit
	Runs     int           // runs of the history; 0: no limit by number
	RunsFor  time.Duration // age of runs of the history; default 30 days; 0: no limit by age
}

// Personal is what config.yaml in the user's configuration folder says.
type Personal struct {
	Theme  string            // "auto", "light", "dark" or "mono"; default "auto"
	Mouse  bool              // default false: the terminal selects text
	Keys   map[string]string // action → key, as in keys: {materialize: m}
	Editor string            // command that opens a file; "" means $VISUAL, $EDITOR
	Select string            // selection shown at start
	// Bell is how long a run takes at least whose end rings the bell while the terminal has not the focus; default 5 s, negative: never.
	Bell time.Duration
}

// settingsKeys are the keys of assetdev.yaml; those of laterKeys nothing reads yet.
var (
	settingsKeys = []string{
		"io_manager", "io_managers", "auto_run", "confirm", "keep", "read_only", "shared", "sandbox", "owners", "locations", "enforce",
		"alerts", "environment", "assets", "dagster_instance", "jobs", "pools", "selections",
	}
	laterKeys         = []string{"sandbox", "enforce", "alerts", "environment", "assets"}
	locationKeys      = []string{"io_manager", "read_only", "env", "jobs", "enforce"}
	laterLocationKeys = []string{"io_manager", "enforce"}
	themes            = []string{"auto", "light", "dark", "terminal", "mono"}
	storers           = []string{"replace", "both", "own"}
	instances         = []string{"none", "read", "report"}
	variableName      = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func defaultSettings() Settings {
	return Settings{
		AutoRun: AutoRun{Budget: 10 * time.Second},
		Confirm: Confirm{Steps: 20, Time: time.Minute},
		Keep:    Keep{Versions: 5, Size: 20 << 30, RunsFor: 30 * 24 * time.Hour},

		DagsterInstance: "read",
	}
}

// readSettings fills w from assetdev.yaml. It is called after readWorkspace, because it names locations.
func (w *Workspace) readSettings(p *parser, content []byte, exists bool) {
	w.Settings = defaultSettings()
	if !exists {
		return
	}
	doc := p.document(content)
	if doc == nil {
		return
	}
	top, ok := p.mapping(doc, "the file", settingsKeys)
	if !ok {
		return
	}
	s := &w.Settings
	for _, name := range top.names {
		if slices.Contains(laterKeys, name) {
			w.later(p, top, name, name)
		}
	}
	if top.has("io_manager") {
		if at := w.IOManager.Pos; at.Line > 0 {
			p.failAt(top.field["io_manager"].key, "remove one of the two", "io_manager is also given in %s", at)
		} else {
			w.readIOManager(p, top.field["io_manager"].value)
		}
	}
	if m, ok := top.section("auto_run", "select", "budget", "outside"); ok {
		s.AutoRun = AutoRun{Select: m.text("select"), Budget: m.duration("budget", s.AutoRun.Budget), Outside: m.boolean("outside")}
	}
	if m, ok := top.section("confirm", "steps", "time", "select"); ok {
		s.Confirm = Confirm{Steps: m.count("steps", 0, s.Confirm.Steps), Time: m.duration("time", s.Confirm.Time), Select: m.text("select")}
	}
	if m, ok := top.section("keep", "versions", "size", "runs"); ok {
		s.Keep.Versions = m.count("versions", 1, s.Keep.Versions)
		s.Keep.Size = m.size("size")
		s.Keep.Runs, s.Keep.RunsFor = m.runs("runs")
	}
	s.Jobs, s.Shared, s.ReadOnly = top.count("jobs", 1, 0), top.boolean("shared"), top.boolean("read_only")
	s.Selections = top.texts("selections")
	managers := top.texts("io_managers")
	for _, name := range sortedKeys(managers) {
		if p.oneOf(managers[name], "io_managers: "+name, storers) {
			if s.IOManagers == nil {
				s.IOManagers = map[string]string{}
			}
			s.IOManagers[name] = managers[name].Value
		}
	}
	if instance := top.text("dagster_instance"); instance.Value != "" && p.oneOf(instance, "dagster_instance", instances) {
		s.DagsterInstance = instance.Value
	}
	if m, ok := top.section("pools"); ok {
		s.Pools = map[string]int{}
		for _, name := range m.names {
			s.Pools[name] = m.count(name, 1, 0)
		}
	}
	s.Owners = top.texts("owners")
	for _, key := range sortedKeys(s.Owners) {
		if !w.known(p, s.Owners[key].Value, s.Owners[key].Pos) {
			delete(s.Owners, key)
		}
	}
	if m, ok := top.section("locations"); ok {
		for _, name := range m.names {
			w.readLocationSettings(p, m, name)
		}
	}
}

// later notes that nothing reads a key in this version.
func (w *Workspace) later(p *parser, m mapping, name, what string) {
	w.Notices = append(w.Notices, diag.New("workspace", "%s is %s", what, notYet).At(p.pos(m.field[name].key)).WithHint("the key is ignored"))
}

// known checks that a location of that name exists.
func (w *Workspace) known(p *parser, name string, pos diag.Pos) bool {
	if _, ok := w.Location(name); ok {
		return true
	}
	var names []string
	for _, l := range w.Locations {
		names = append(names, l.Name)
	}
	hint := ""
	if len(names) > 0 {
		slices.Sort(names)
		if near := diag.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("did you mean %q? ", near)
		}
		hint += fmt.Sprintf("code locations: %q", names)
	}
	p.fail(pos, hint, "there is no code location %s", quote(name))
	return false
}

func (w *Workspace) readLocationSettings(p *parser, all mapping, name string) {
	known := w.known(p, name, p.pos(all.field[name].key))
	if isNull(all.field[name].value) {
		return
	}
	m, ok := p.mapping(all.field[name].value, "locations: "+name, locationKeys)
	if !ok {
		return
	}
	for _, key := range m.names {
		if slices.Contains(laterLocationKeys, key) {
			w.later(p, m, key, fmt.Sprintf("locations: %s: %s", name, key))
		}
	}
	env, jobs, readOnly := m.environment("env"), m.count("jobs", 1, 0), m.boolean("read_only")
	if !known {
		return
	}
	i := slices.IndexFunc(w.Locations, func(l Location) bool { return l.Name == name })
	w.Locations[i].Env, w.Locations[i].Jobs, w.Locations[i].ReadOnly = env, jobs, readOnly
}

// oneOf checks that a text is one of a few words.
func (p *parser) oneOf(text Text, what string, words []string) bool {
	if slices.Contains(words, text.Value) {
		return true
	}
	p.fail(text.Pos, allowedHint(text.Value, words), "%s cannot be %s", what, quote(text.Value))
	return false
}

// section returns a field that is a mapping. A key without a value is an empty section.
func (m mapping) section(name string, allowed ...string) (mapping, bool) {
	if !m.has(name) || isNull(m.field[name].value) {
		return mapping{}, false
	}
	return m.sub(name, name, allowed)
}

// texts returns a field that is a mapping of text to text.
func (m mapping) texts(name string) map[string]Text {
	s, ok := m.section(name)
	if !ok {
		return nil
	}
	all := map[string]Text{}
	for _, key := range s.names {
		if text := s.text(key); text.Value != "" {
			all[key] = text
		}
	}
	return all
}

// environment returns a field that is a mapping of variables to values. Numbers and booleans mean their text.
func (m mapping) environment(name string) map[string]string {
	s, ok := m.section(name)
	if !ok {
		return nil
	}
	all := map[string]string{}
	for _, key := range s.names {
		if !variableName.MatchString(key) {
			m.p.failAt(s.field[key].key, "letters, digits and _, not beginning with a digit", "%s is no name of an environment variable", quote(key))
			continue
		}
		if v := s.field[key].value; resolve(v).Content != nil {
			if value, ok := m.p.variable(v, key); ok {
				all[key] = value
			}
		} else if text, ok := s.scalar(key, "text or {env: NAME}"); ok {
			all[key] = text.Value
		}
	}
	return all
}

// duration returns a field that is a duration of more than nothing.
func (m mapping) duration(name string, otherwise time.Duration) time.Duration {
	if !m.has(name) {
		return otherwise
	}
	text, ok := m.scalar(name, "a duration such as \"10s\" or \"30 days\"")
	if !ok {
		return otherwise
	}
	d, err := ParseDuration(text.Value)
	if err != nil {
		m.p.fail(text.Pos, "for example 10s, 5 minutes, 30 days, 1h30m", "%s: %w", name, err)
		return otherwise
	}
	return d
}

// size returns a field that is a number of bytes.
func (m mapping) size(name string) int64 {
	if !m.has(name) {
		return 0
	}
	text, ok := m.scalar(name, "a size such as 20GiB")
	if !ok {
		return 0
	}
	n, err := ParseSize(text.Value)
	if err != nil {
		m.p.fail(text.Pos, "for example 20GiB, 500MB", "%s: %w", name, err)
	}
	return n
}

// runs returns a field that is a number of runs or an age.
func (m mapping) runs(name string) (int, time.Duration) {
	if m.has(name) && resolve(m.field[name].value).ShortTag() == "!!int" {
		return m.count(name, 1, 0), 0
	}
	return 0, m.duration(name, 0)
}

// PersonalFile returns where the user's own settings are, whether or not the file exists.
func PersonalFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", diag.New("workspace", "find the configuration folder: %w", err)
	}
	return filepath.Join(dir, "assetdev", "config.yaml"), nil
}

// LoadPersonal reads the user's own settings. A file that does not exist, or an empty one, gives the defaults. With an error
// (joined [*diag.Error]s, as from [Load]) the settings hold what was understood, and defaults.
func LoadPersonal(file string) (Personal, error) {
	personal := Personal{Theme: "auto", Bell: 5 * time.Second}
	content, err := readSmall(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(content) == 0 {
		return personal, nil
	}
	p := &parser{shown: file, opts: Options{Getenv: os.LookupEnv}}
	if err != nil {
		p.fail(diag.Pos{File: file}, "", "cannot be read: %w", err)
		return personal, p.err()
	}
	doc := p.document(content)
	if doc == nil {
		return personal, p.err()
	}
	top, ok := p.mapping(doc, "the file", []string{"theme", "mouse", "keys", "editor", "select", "bell"})
	if !ok {
		return personal, p.err()
	}
	if theme := top.text("theme"); theme.Value != "" {
		if slices.Contains(themes, theme.Value) {
			personal.Theme = theme.Value
		} else {
			p.fail(theme.Pos, allowedHint(theme.Value, themes), "unknown theme %s", quote(theme.Value))
		}
	}
	if top.has("mouse") {
		personal.Mouse = top.boolean("mouse")
	}
	if top.text("bell").Value == "off" {
		personal.Bell = -1
	} else {
		personal.Bell = top.duration("bell", personal.Bell)
	}
	personal.Editor, personal.Select = top.text("editor").Value, top.text("select").Value
	for action, key := range top.texts("keys") {
		if personal.Keys == nil {
			personal.Keys = map[string]string{}
		}
		personal.Keys[action] = key.Value
	}
	return personal, p.err()
}
