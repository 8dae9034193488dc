// Package garbage keeps the collector from running while a short command starts and ends: collecting the first 3 MB, most of which
// package initialisation made and keeps, cost a third of `assetdev version`, and a status of 10,000 assets is over before collecting
// pays. The main package imports it; its own initialisation comes before that of what allocates most, because it imports nothing that
// waits.
//
// A process that lives on collects as every Go program does: [Steady]. Who sets GOGC has what he set, always.
package garbage

import (
	"os"
	"runtime/debug"
	"time"
)

// patient is the percentage of a short command: the first collection is at 128 MB.
const patient = 3200

var usual = 100

func init() {
	if os.Getenv("GOGC") == "" {
		usual = debug.SetGCPercent(patient)
	}
}

// Steady goes back to collecting as usual.
func Steady() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(usual)
	}
}

// SteadyAfter does so when the process has lived for a while.
func SteadyAfter(d time.Duration) { time.AfterFunc(d, Steady) }
