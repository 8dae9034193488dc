package storetest_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/assetdev/assetdev/iomanager/store"
	"github.com/assetdev/assetdev/iomanager/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return new(storetest.Memory) })
}

func TestClient(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return new(storetest.Memory).Client(nil) })
}

// Each fault of a write has its error, is or is not visible, and does or does not survive a crash.
func TestFaults(t *testing.T) {
	for _, test := range []struct {
		fault            storetest.Fault
		err              error
		visible, durable bool
		dead             bool
	}{
		{storetest.None, nil, true, true, false},
		{storetest.Unreachable, store.ErrUnreachable, false, false, false},
		{storetest.Full, storetest.ErrFull, false, false, false},
		{storetest.LostUnsynced, store.ErrAmbiguous, true, false, false},
		{storetest.LostAnswer, store.ErrAmbiguous, true, true, false},
		{storetest.Die, storetest.ErrDead, false, false, true},
		{storetest.DieUnsynced, storetest.ErrDead, true, false, true},
		{storetest.DieAfter, storetest.ErrDead, true, true, true},
	} {
		memory := new(storetest.Memory)
		client := memory.Client(func(context.Context, storetest.Op) storetest.Fault { return test.fault })
		there := func() bool {
			_, err := memory.Stat(t.Context(), "x")
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			return err == nil
		}
		if err := client.CreateIfAbsent(t.Context(), "x", strings.NewReader("data")); !errors.Is(err, test.err) {
			t.Errorf("fault %d: got %v, want %v", test.fault, err, test.err)
		}
		if there() != test.visible || client.Dead() != test.dead {
			t.Errorf("fault %d: visible %v, dead %v; want %v, %v", test.fault, there(), client.Dead(), test.visible, test.dead)
		}
		memory.Crash()
		if there() != test.durable {
			t.Errorf("fault %d: after the crash there is %v, want %v", test.fault, there(), test.durable)
		}
	}
	if len(storetest.Faults) != 8 {
		t.Errorf("%d faults, and 8 in this test", len(storetest.Faults))
	}
}
