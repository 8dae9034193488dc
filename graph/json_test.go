package graph

import (
	"encoding/json"
	"reflect"
	"testing"
)

// What scripts read of a reason and of a step has every field, whatever is known; what was written without some is read.
func TestJSON(t *testing.T) {
	ms := int64(12)
	for _, c := range []struct {
		value any
		want  string
		old   string // the form of earlier versions
	}{
		{
			Reason{Kind: NeverMaterialized, Asset: MustKey("a"), Text: "never"},
			`{"kind":"never_materialized","asset":"a","text":"never","file":"","line":0,"symbol":"","diff":[]}`,
			`{"kind":"never_materialized","asset":"a","text":"never","diff":[]}`,
		},
		{
			Reason{Kind: CodeChanged, Asset: MustKey("a"), Text: "f changed", File: "f.go", Line: 3, Symbol: "f", Diff: []string{"-1", "+2"}},
			`{"kind":"code_changed","asset":"a","text":"f changed","file":"f.go","line":3,"symbol":"f","diff":["-1","+2"]}`, "",
		},
		{
			Step{Asset: MustKey("a"), Location: "north", Why: "stale"},
			`{"asset":"a","partition":null,"location":"north","why":"stale","after":[],"forecast_ms":null,"may_be_cut_off":false}`,
			`{"asset":"a","location":"north","why":"stale","after":[],"forecast_ms":null,"may_be_cut_off":false}`,
		},
		{
			Step{Asset: MustKey("b").At("p"), Location: "north", Why: "stale", After: []Key{MustKey("a")}, ForecastMS: &ms, MayBeCutOff: true},
			`{"asset":"b","partition":"p","location":"north","why":"stale","after":["a"],"forecast_ms":12,"may_be_cut_off":true}`, "",
		},
	} {
		got, err := json.Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
		for _, text := range []string{c.want, c.old} {
			if text == "" {
				continue
			}
			back := reflect.New(reflect.TypeOf(c.value))
			if err := json.Unmarshal([]byte(text), back.Interface()); err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(back.Interface())
			if err != nil {
				t.Fatal(err)
			}
			if string(again) != c.want {
				t.Errorf("%s is read as %s", text, again)
			}
		}
	}
}
