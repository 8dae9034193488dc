package tui

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestShow prints frames for the eye: ASSETDEV_SHOW=80x24:p go test -run TestShow -v ./tui. Behind the colon stand keys, with
// spaces between them; RUN pushes a run.
func TestShow(t *testing.T) {
	want := os.Getenv("ASSETDEV_SHOW")
	if want == "" {
		t.Skip("set ASSETDEV_SHOW to see frames")
	}
	size, keys, _ := strings.Cut(want, ":")
	var w, h int
	if _, err := fmt.Sscanf(size, "%dx%d", &w, &h); err != nil {
		t.Fatal(err)
	}
	f := &fake{snap: shop(), lines: 40}
	d, m := driven(t, f, w, h, func(o *Options) { o.ASCII = os.Getenv("ASSETDEV_ASCII") != "" })
	for key := range strings.FieldsSeq(keys) {
		if key == "RUN" {
			push(d, m, f, running(f.snap))
			continue
		}
		d.Press(key)
	}
	if os.Getenv("ASSETDEV_COLOR") != "" {
		fmt.Println(d.Frame())
		return
	}
	fmt.Print(d.Picture())
}
