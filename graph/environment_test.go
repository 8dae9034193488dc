package graph

import "testing"

func TestEnvironmentReasonsNameVersionsAndNeverValues(t *testing.T) {
	a := MustKey("a")
	for _, test := range []struct{ symbol, then, now, want string }{
		{"go", "go1.26.0 linux/amd64", "go1.26.8 linux/amd64", "go changed from go1.26.0 to go1.26.8"},
		{"go", "go1.26.8 linux/amd64", "go1.26.8 linux/arm64", `go changed from "go1.26.8 linux/amd64" to "go1.26.8 linux/arm64"`},
		{"example.com/lib", "v1.0.0 0a1b", "v1.1.0 0c0d", "example.com/lib changed from v1.0.0 to v1.1.0"},
		{"SHOP_NAME", "0a1b2c", "0d0e0f", "SHOP_NAME changed in its environment"},
	} {
		code := func(version, hash string) Code {
			return Code{Version: version, Parts: []Part{{Kind: PartEnvironment, Symbol: test.symbol, Hash: hash}}}
		}
		g := New([]Definitions{{Location: "l", Assets: []Asset{{Key: a, Location: "l", Executable: true, Code: code("go1:2", test.now)}}}}, nil)
		f := NewFreshness(g, func(Key) Stored {
			return Stored{Record: &Record{Key: a, Code: code("go1:1", test.then)}, Data: DataPresent}
		}, noon)
		reasons := f.Reasons(a)
		if len(reasons) != 1 || reasons[0].Kind != EnvironmentChanged || reasons[0].Text != test.want {
			t.Errorf("%s: got %+v, want %q", test.symbol, reasons, test.want)
		}
	}
}
