package garbage

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestSteady: initialisation made the collector patient, and Steady undoes it; with GOGC both leave it alone.
func TestSteady(t *testing.T) {
	if os.Getenv("GOGC") != "" {
		t.Skip("GOGC is set")
	}
	before := debug.SetGCPercent(patient)
	if before != patient {
		t.Errorf("after initialisation: got %d, want %d", before, patient)
	}
	Steady()
	if got := debug.SetGCPercent(77); got != usual || got == patient {
		t.Errorf("after Steady: got %d, want %d", got, usual)
	}
	t.Setenv("GOGC", "77")
	Steady()
	if got := debug.SetGCPercent(usual); got != 77 {
		t.Errorf("after Steady with GOGC=77: got %d", got)
	}
}
