package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assetdev/assetdev/loader/location/python/pythontest"
)

// past is a Dagster project with a past: its assets were made by Dagster itself, with the usual manager and with one of its own.
var past = map[string]string{
	"workspace.yaml":  "load_from:\n  - python_file: {relative_path: defs.py, location_name: shop}\n",
	"dh/dagster.yaml": "telemetry: {enabled: false}\n",
	"stores.py": `import os
import dagster as dg
import pandas as pd

class Csv(dg.ConfigurableIOManager):
    base: str

    def path(self, context):
        return os.path.join(self.base, *context.asset_key.path, *([context.asset_partition_key] if context.has_asset_partitions else [])) + ".csv"

    def handle_output(self, context, obj):
        os.makedirs(os.path.dirname(self.path(context)), exist_ok=True)
        obj.to_csv(self.path(context), index=False)
        context.add_output_metadata({"path": os.path.abspath(self.path(context))})

    def load_input(self, context):
        return pd.read_csv(self.path(context))
`,
	"defs.py": `import dagster as dg
import pandas as pd
from stores import Csv

@dg.asset
def raw() -> pd.DataFrame:
    return pd.DataFrame({"x": [1, 2]})

@dg.asset(io_manager_key="csv")
def table(raw: pd.DataFrame) -> pd.DataFrame:
    return raw.assign(y=raw.x * 10)

@dg.asset
def report(raw: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    return raw.merge(table)

users = dg.DynamicPartitionsDefinition(name="users")

@dg.asset(partitions_def=users)
def per_user(context) -> pd.DataFrame:
    return pd.DataFrame({"user": [context.partition_key]})

@dg.asset
def everybody(per_user: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(per_user.values()).sort_values("user")

defs = dg.Definitions(assets=[raw, table, report, per_user, everybody], resources={"csv": Csv(base="data")})
`,
	"make.py": `import dagster as dg
import defs
instance = dg.DagsterInstance.get()
instance.add_dynamic_partitions("users", ["ada", "bob"])
assert dg.materialize([defs.raw, defs.table], instance=instance, resources={"csv": defs.Csv(base="data")}).success
assert dg.materialize([defs.per_user], instance=instance, partition_key="ada").success
`,
}

// TestAdopt: what Dagster made is not missing, is read by who stored it, is adopted, and then judged like anything else; partitions likewise.
func TestAdopt(t *testing.T) {
	t.Parallel() // it waits for Python most of the time
	python := pythontest.Python(t, pythontest.Newest)
	dir := t.TempDir()
	for name, text := range past {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Dir(filepath.Dir(python)), filepath.Join(dir, ".venv")); err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	assetdev := filepath.Join(t.TempDir(), "assetdev") // what the test binary is, under this name
	if err := os.Symlink(binary, assetdev); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) (string, bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		var out bytes.Buffer
		c := exec.CommandContext(ctx, name, args...)
		c.Dir, c.Stdout, c.Stderr = dir, &out, &out
		c.Env = append(os.Environ(), "DAGSTER_HOME="+filepath.Join(dir, "dh"), "ASSETDEV_CACHE_DIR="+filepath.Join(dir, "cache"), "ASSETDEV_STATE_DIR="+filepath.Join(dir, "trust"))
		err := c.Run()
		return out.String(), err == nil
	}
	if out, ok := run(python, "make.py"); !ok {
		t.Fatal(out)
	}
	edit := func(file, old, text string) {
		t.Helper()
		path := filepath.Join(dir, file)
		said, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(said), old) {
			t.Fatalf("%s: %v", file, err)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(said), old, text, 1)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		line  string
		fails bool
		want  []string // in what is printed, blanks as one
		not   string
		edit  func()
	}{
		{line: "trust -y"},
		{line: "status", want: []string{"? raw", "? table", "○ report", "2 partitions: 1 missing; partition ada: data exist of which assetdev has no record"}},
		{line: "plan *", want: []string{"per_user[bob]", "report"}, not: "per_user[ada]"},
		{line: "materialize report everybody -q"},
		{line: "preview report", want: []string{"1 10", "2 20"}},
		{line: "preview everybody", want: []string{"ada"}},
		{line: "status raw", want: []string{"? raw"}},
		{line: "adopt raw table per_user", want: []string{"adopted 2 assets and 1 partition"}},
		{line: "status --exit-code raw table per_user", want: []string{"● raw", "● table", "● per_user", "2 partitions: 1 fresh, 1 missing"}},
		{line: "materialize per_user --partition carol", fails: true, want: []string{`per_user has no partition "carol"`, `from "ada" to "bob"`}},
		{line: "why table", edit: func() { edit("defs.py", "raw.x * 10", "raw.x * 11") }, want: []string{"table is stale", "defs.table changed at defs.py:9"}},
		{line: "materialize report -q"},
		{line: "preview report", want: []string{"1 11", "2 22"}},
		{line: "status --exit-code table report"},
		// Who stores it counts only where it does.
		{line: "status --exit-code table", edit: func() { edit("stores.py", "index=False", "index=False, header=True") }},
	} {
		if step.edit != nil {
			step.edit()
		}
		out, ok := run(assetdev, strings.Fields(step.line)...)
		flat := strings.Join(strings.Fields(out), " ")
		if ok == step.fails {
			t.Errorf("%s: it ended well: %v\n%s", step.line, ok, out)
		}
		for _, want := range step.want {
			if !strings.Contains(flat, want) {
				t.Errorf("%s: it does not say %q:\n%s", step.line, want, out)
			}
		}
		if step.not != "" && strings.Contains(out, step.not) {
			t.Errorf("%s: it says %q:\n%s", step.line, step.not, out)
		}
	}
}
