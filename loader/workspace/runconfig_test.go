package workspace

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assetdev/assetdev/internal/diag"
)

func TestLoadRunConfig(t *testing.T) {
	dir := t.TempDir()
	first := write(t, filepath.Join(dir, "a.yaml"), "ops:\n  a: {config: {limit: 3, since: 2026-11-24, tags: [x, 1.5], on: true, none: ~, big: 18446744073709551615}}\nloggers: {}\n")
	second := write(t, filepath.Join(dir, "b.json"), `{"ops": {"a": {"config": {"limit": 5, "tags": ["y"]}}, "b": {}}}`)
	empty := write(t, filepath.Join(dir, "empty.yaml"), "\n")
	for _, test := range []struct {
		files []string
		text  string
		want  string
	}{
		{nil, "", ""},
		{[]string{empty}, "", "{}"},
		{[]string{first}, "", `{"loggers":{},"ops":{"a":{"config":{"big":18446744073709551615,"limit":3,"none":null,"on":true,"since":"2026-11-24","tags":["x",1.5]}}}}`},
		{[]string{second, empty}, `{"ops": {"b": 1}}`, `{"ops":{"a":{"config":{"limit":5,"tags":["y"]}},"b":1}}`},
		{
			[]string{first, second},
			`{"ops": {"a": {"config": {"on": false}}}}`,
			`{"loggers":{},"ops":{"a":{"config":{"big":18446744073709551615,"limit":5,"none":null,"on":false,"since":"2026-11-24","tags":["y"]}},"b":{}}}`,
		},
	} {
		got, err := LoadRunConfig(test.files, test.text)
		if err != nil || string(got) != test.want {
			t.Errorf("%v, %q: got %s, %v; want %s", test.files, test.text, got, err, test.want)
		}
	}
	for _, test := range []struct{ text, want string }{
		{"[1]", "run config must be a mapping, not a list"},
		{"a: {", "--config-json:1:"},
		{"a: 1\na: 2", "twice"},
		{"? [x]\n: 1", "a key must be text"},
		{"a: .inf", "is no number that run config can hold"},
	} {
		_, err := LoadRunConfig(nil, test.text)
		if err == nil || !strings.Contains(diag.Text(err), test.want) || diag.Findings(err)[0].Kind != "usage" {
			t.Errorf("%q: got %v, want %q", test.text, err, test.want)
		}
	}
	if _, err := LoadRunConfig([]string{filepath.Join(dir, "gone")}, ""); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("a file that is not there: got %v", err)
	}
}

func FuzzRunConfig(f *testing.F) {
	f.Add("ops: {a: {config: {limit: 3}}}")
	f.Add("a: &x {b: 1}\nc: {<<: *x}\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := LoadRunConfig(nil, text)
		var object map[string]any
		if err == nil && text != "" && json.Unmarshal(got, &object) != nil {
			t.Errorf("%q became %s", text, got)
		}
	})
}
