package draw

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assetdev/assetdev/graph"
	"github.com/assetdev/assetdev/graph/layout"
)

// hostile are names of code locations that mean something to one of the tools that read the drawings.
var hostile = []string{
	`a "quoted" name`, `<script>alert(1)</script>`, `[brackets] {braces} (and more)|`, "two\nlines", "店舗 データ", `&lt; &amp; #quot; #35;`,
	"`markdown` **bold**", "end", "subgraph", "%%{init}%%", "-->", "e\u0301 👩‍🚀", "\ufffe", `it's; semicolons: a;b`, "]]>", "$HOME", "click a href",
}

func hostileGraph() (*graph.Graph, []graph.Key) {
	var defs []graph.Definitions
	var last graph.Key
	var keys []graph.Key
	for i, name := range hostile {
		a := graph.Asset{Key: graph.MustKey("end/asset-" + strings.Repeat("x", i)), Executable: true}
		if i > 0 {
			a.Deps = append(a.Deps, last)
		}
		last = a.Key
		keys = append(keys, a.Key)
		defs = append(defs, graph.Definitions{Location: name, Assets: []graph.Asset{a}})
	}
	return graph.New(defs, nil), keys
}

// TestHostileNamesAreText: whatever a code location is called, the picture and the languages of other tools hold it as text.
func TestHostileNamesAreText(t *testing.T) {
	g, keys := hostileGraph()
	want := slices.Clone(hostile)
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], "\n", " ")
	}
	slices.Sort(want)
	check := func(what string, got []string) {
		t.Helper()
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", what, diff)
		}
	}

	unquote := strings.NewReplacer(`\\`, `\`, `\"`, `"`, "&amp;", "&")
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^    label=(".*");$`).FindAllStringSubmatch(Dot(g, keys), -1) {
		text := m[1][1 : len(m[1])-1]
		if inner := regexp.MustCompile(`\\.`).ReplaceAllString(text, ""); strings.Contains(inner, `"`) {
			t.Errorf("dot: %s ends its string early", m[1])
		}
		got = append(got, unquote.Replace(text))
	}
	check("dot", got)

	got = nil
	decode := strings.NewReplacer("#quot;", `"`, "#35;", "#", "#37;", "%", "#amp;", "&", "#lt;", "<", "#gt;", ">", "#96;", "`", "#92;", `\`)
	for _, m := range regexp.MustCompile(`(?m)^  subgraph location\d+\["(.*)"\]$`).FindAllStringSubmatch(Mermaid(g, keys), -1) {
		if strings.ContainsAny(m[1], "\"<>&%`\\") {
			t.Errorf("mermaid: %s is not only text", m[1])
		}
		got = append(got, decode.Replace(m[1]))
	}
	check("mermaid", got)

	p := layout.Lanes(layout.Of(g, keys, func(graph.Key) int { return 12 }), layout.Options{Height: 1, MaxWidth: 40}, nil)
	picture := SVG(p, named(keys), func(int) string { return `"><script>` })
	d, titles := xml.NewDecoder(strings.NewReader(picture)), 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("svg is no XML: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "script" {
				t.Error("svg: a name became a script")
			}
		case xml.CharData:
			if text := string(token); slices.ContainsFunc(want, func(w string) bool { return strings.ReplaceAll(w, "\ufffe", "\ufffd") == strings.TrimSpace(text) }) {
				titles++
			}
		}
	}
	if titles < len(hostile)-2 { // long ones are cut
		t.Errorf("svg shows %d of %d names", titles, len(hostile))
	}
}

// named labels each node with its key.
type named []graph.Key

func (n named) Line(node, _ int) string { return n[node].String() }
func (n named) Name(node int) string    { return n[node].String() }
func (n named) Title(band layout.Band) string {
	return strings.ReplaceAll(band.Title, "\n", " ")
}
