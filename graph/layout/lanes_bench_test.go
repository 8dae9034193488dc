package layout_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/assetdev/assetdev/graph/layout"
	"github.com/assetdev/assetdev/graph/layout/layouttest"
)

var sizes = []int{100, 1000, 10000, 100000}

func BenchmarkLanes(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("new/assets=%d", n), func(b *testing.B) {
			in := layouttest.Generate(layouttest.Shape{Assets: n})
			var p *layout.Placed
			b.ReportAllocs()
			stop := cpu(b)
			for b.Loop() {
				p = layout.Lanes(in, layout.Options{}, nil)
			}
			stop()
			w, h := p.Size()
			b.ReportMetric(float64(w), "w")
			b.ReportMetric(float64(h), "h")
		})
	}
}

// cpu measures the processor time of what follows.
func cpu(b *testing.B) (stop func()) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64((used()-before).Nanoseconds())/1e6/float64(b.N), "cpu-ms/op") }
}
