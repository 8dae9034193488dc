package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/token"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/assetdev/assetdev/cli"
	"github.com/assetdev/assetdev/tui"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what documents take from the program")

// TestGenerated compares the parts of README.md between markers with what the program says: its keys and its commands.
func TestGenerated(t *testing.T) {
	old, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(old)
	for name, part := range map[string]string{"keys": keyTable(), "commands": commandList(t)} {
		begin, end := "<!-- "+name+": generated -->\n", "<!-- end of "+name+" -->"
		before, rest, ok := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("README.md has no %q … %q", begin, end)
		}
		text = before + begin + part + end + after
	}
	if text == string(old) {
		return
	}
	if !*update {
		t.Fatalf("README.md is not what the program says; make generate, or go test . -run Generated -update\n%s", cmp.Diff(string(old), text))
	}
	if err := os.WriteFile("README.md", []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// keyTable writes the screen's actions that have a key as a table.
func keyTable() string {
	where := map[string]string{"list": "in the list of assets", "preview": "in the preview", "logs": "in the logs", "history": "in the history", "text": "in text"}
	var b strings.Builder
	b.WriteString("| key | |\n|---|---|\n")
	for _, a := range tui.Actions {
		if len(a.Keys) == 0 {
			continue
		}
		keys := make([]string, len(a.Keys))
		for i, key := range a.Keys {
			keys[i] = "`" + strings.ReplaceAll(key, "|", `\|`) + "`"
		}
		title := a.Title
		if a.Where != "" {
			title += " (" + where[a.Where] + ")"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", strings.Join(keys, " "), strings.ReplaceAll(title, "|", `\|`))
	}
	return b.String()
}

// commandList returns the part of assetdev --help that lists the commands.
func commandList(t *testing.T) string {
	var out bytes.Buffer
	if code := cli.Main(cli.Program{Version: "x", Stdout: &out, Stderr: &out}, []string{"--help"}); code != 0 {
		t.Fatalf("assetdev --help: exit code %d\n%s", code, out.String())
	}
	_, list, ok := strings.Cut(out.String(), "\nSee:\n")
	list, _, closed := strings.Cut(list, "\nFlags:\n")
	if !ok || !closed {
		t.Fatalf("assetdev --help has another form:\n%s", out.String())
	}
	return "```\nSee:\n" + list + "```\n"
}

// TestDocuments looks at every document: what it links to is there, tables are whole, and README.md stays short.
func TestDocuments(t *testing.T) {
	var documents []string
	for _, pattern := range []string{"*.md", "*/*.md", "*/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found...)
	}
	link := regexp.MustCompile(`(?:\]\(|src="|href=")([^)"#]+)`)
	for _, document := range documents {
		data, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(data), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", document, m[1], err)
			}
		}
		lines := strings.Split(string(data), "\n")
		for i, line := range lines {
			if strings.HasPrefix(line, "|") && (i == 0 || lines[i-1] == "") && (i+1 == len(lines) || !strings.HasPrefix(lines[i+1], "|---")) {
				t.Errorf("%s:%d: a row of a table that has ended", document, i+1)
			}
		}
		if n := bytes.Count(data, []byte("\n")); document == "README.md" && n >= 300 {
			t.Errorf("README.md has %d lines", n)
		}
	}
	if !slices.Contains(documents, "README.md") || !slices.Contains(documents, filepath.Join("docs", "json.md")) {
		t.Errorf("looked at %v only", documents)
	}
}

// TestArchitecture looks for every function and type that ARCHITECTURE.md names with its package.
func TestArchitecture(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	eachGoFile(t, func(pkg string, _ *token.FileSet, file *ast.File) {
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				declared[path.Base(pkg)+"."+d.Name.Name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok {
						declared[path.Base(pkg)+"."+s.Name.Name] = true
					}
				}
			}
		}
	})
	named := 0
	for _, m := range regexp.MustCompile("`([a-z]+)\\.([A-Za-z]+)").FindAllStringSubmatch(string(text), -1) {
		if pkg := m[1]; !slices.ContainsFunc(slices.Collect(maps.Keys(housePlan)), func(p string) bool { return path.Base(p) == pkg }) || m[2] == "go" || m[2] == "py" || m[2] == "yaml" {
			continue
		}
		named++
		if !declared[m[1]+"."+m[2]] {
			t.Errorf("ARCHITECTURE.md names %s.%s, which is not there", m[1], m[2])
		}
	}
	if named < 20 {
		t.Errorf("found only %d names", named)
	}
}

// TestCommandsOfREADME runs the commands of README.md as they stand there, in a new folder.
func TestCommandsOfREADME(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, also := range map[string]map[string]string{ // what a command must say
		"tour": {
			"assetdev status":                       `product_features .* stale`,
			"assetdev why product_demand_forecasts": `handlingCost changed at repo-analytics/performance.go:\d+`,
			"assetdev plan":                         `4 steps in 2 code locations`,
			"assetdev materialize product_demand":   `4 succeeded`,
		},
		"first asset": {"assetdev preview": `rows 1 to 10 of 90`},
	} {
		_, block, ok := strings.Cut(string(data), "<!-- "+name+": run by docs_test.go -->\n```\n")
		block, _, closed := strings.Cut(block, "```\n<!-- end of "+name+" -->")
		if !ok || !closed {
			t.Fatalf("README.md has no block %q", name)
		}
		var script strings.Builder
		for line := range strings.Lines(block) {
			if !strings.HasPrefix(line, "cd ") && !strings.HasPrefix(line, "mkdir ") {
				script.WriteString("exec ")
			}
			script.WriteString(line)
			for begin, want := range also {
				if strings.HasPrefix(line, begin) && (begin != "assetdev status" || !strings.Contains(line, "--exit-code")) {
					fmt.Fprintf(&script, "stdout '%s'\n", want)
					delete(also, begin)
				}
			}
		}
		if len(also) > 0 {
			t.Errorf("README.md, %s, has no command %v", name, slices.Collect(maps.Keys(also)))
		}
		if err := os.WriteFile(filepath.Join(dir, "README_"+strings.ReplaceAll(name, " ", "_")+".txtar"), []byte(script.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p := scenarios(t)
	p.Dir = dir
	testscript.Run(t, p)
}

// A shape says for each place of JSON which types its values have: "assets[].key" → string. Events have their kind in front. A
// null says nothing of the type.
type shape map[string]string

// maps of the JSON, whose names are no fields.
var jsonMaps = []string{"tags", "metadata", "inputs", "counts"}

func (s shape) add(place string, v any) error {
	kind := ""
	switch v := v.(type) {
	case nil:
		if _, known := s[place]; !known {
			s[place] = "null"
		}
		return nil
	case bool:
		kind = "boolean"
	case float64:
		kind = "number"
	case string:
		kind = "string"
	case []any:
		kind = "list"
		for _, each := range v {
			if strings.HasSuffix(place, "rows[]") {
				break // cells have the types of their columns
			}
			if err := s.add(place+"[]", each); err != nil {
				return err
			}
		}
	case map[string]any:
		kind = "object"
		for name, each := range v {
			if i := strings.LastIndexByte(place, '.'); slices.Contains(jsonMaps, place[i+1:]) {
				name = "*"
			}
			if err := s.add(strings.TrimPrefix(place+"."+name, "."), each); err != nil {
				return err
			}
		}
	}
	if old, known := s[place]; known && old != kind && old != "null" {
		return fmt.Errorf("%s is a %s and a %s", place, old, kind)
	}
	s[place] = kind
	return nil
}

// read adds JSON objects, one after the other. Events are those with the field event.
func (s shape) read(text string) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	for {
		var v map[string]any
		if err := decoder.Decode(&v); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%w in %s", err, text)
		}
		place := ""
		if kind, ok := v["event"].(string); ok {
			place = kind
		}
		if err := s.add(place, v); err != nil {
			return err
		}
	}
}

// documented reads the examples of docs/json.md, each by its name.
var documented = sync.OnceValues(func() (map[string]shape, error) {
	data, err := os.ReadFile("docs/json.md")
	if err != nil {
		return nil, err
	}
	all := map[string]shape{}
	for _, m := range regexp.MustCompile("(?ms)^```json (\\w+)\n(.*?)^```").FindAllStringSubmatch(string(data), -1) {
		s := shape{}
		if err := s.read(m[2]); err != nil {
			return nil, fmt.Errorf("docs/json.md, %s: %w", m[1], err)
		}
		all[m[1]] = s
	}
	return all, nil
})

var (
	printed   = map[string]map[string]shape{} // by work folder and name
	printedMu sync.Mutex
)

// prints NAME [stdout|stderr|FILE] checks that the JSON in the last command's output, or in a file, has the form that docs/json.md gives NAME:
// no place that is not in the example there. prints -all checks at the end of a scenario that it printed every place of every example.
func prints(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: prints NAME [stdout|stderr|FILE], or prints -all")
	}
	docs, err := documented()
	ts.Check(err)
	printedMu.Lock()
	defer printedMu.Unlock()
	seen := printed[ts.Getenv("WORK")]
	if seen == nil {
		seen = map[string]shape{}
		printed[ts.Getenv("WORK")] = seen
	}
	if args[0] == "-all" {
		var missing []string
		for name, example := range docs {
			for _, place := range slices.Sorted(maps.Keys(example)) {
				if got, ok := seen[name][place]; !ok || got != example[place] {
					missing = append(missing, fmt.Sprintf("%s: %s is a %s, printed was %q", name, place, example[place], got))
				}
			}
		}
		if slices.Sort(missing); len(missing) > 0 {
			ts.Fatalf("docs/json.md says what was not printed:\n%s", strings.Join(missing, "\n"))
		}
		return
	}
	name, file := args[0], "stdout"
	if len(args) == 2 {
		file = args[1]
	}
	example, ok := docs[name]
	if !ok {
		ts.Fatalf("docs/json.md has no example %q", name)
	}
	if seen[name] == nil {
		seen[name] = shape{}
	}
	ts.Check(seen[name].read(ts.ReadFile(file)))
	for _, place := range slices.Sorted(maps.Keys(seen[name])) {
		want, ok := example[place]
		if got := seen[name][place]; !ok || got != want && got != "null" {
			ts.Fatalf("%s: %s is a %s; in docs/json.md it is %q", name, place, got, want)
		}
	}
}
