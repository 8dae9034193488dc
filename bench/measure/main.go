// Command measure runs a command several times and prints what it costs: the minimum and the median of its CPU time (user and
// system, with all children that it waited for) and of its wall time, in milliseconds, and its largest resident set, in MB.
//
//	measure [-n 10] [-before COMMAND] COMMAND ARGUMENT…
//
// It prints one line: "cpu-min cpu-median wall-min wall-median rss". On a machine that others use, the minimum of the CPU time says
// most: nothing makes a program cheaper than it is. What the command prints is thrown away.
//
// Deliberately absent: statistics. Who needs more than a minimum and a median needs a quieter machine.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("measure: ")
	runs := flag.Int("n", 10, "how many `times`")
	before := flag.String("before", "", "`COMMAND` of the shell that runs before each, not measured")
	flag.Parse()
	if flag.NArg() == 0 || *runs < 1 {
		log.Fatal("usage: measure [-n 10] [-before COMMAND] COMMAND ARGUMENT…")
	}
	var cpu, wall []time.Duration
	var rss int64
	for range *runs {
		if *before != "" {
			if _, _, err := run([]string{"/bin/sh", "-c", *before}); err != nil {
				log.Fatal(err)
			}
		}
		began := time.Now()
		used, largest, err := run(flag.Args())
		if err != nil {
			log.Fatal(err)
		}
		wall = append(wall, time.Since(began))
		cpu = append(cpu, used)
		rss = max(rss, largest)
	}
	slices.Sort(cpu)
	slices.Sort(wall)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("%.1f %.1f %.1f %.1f %.1f\n", ms(cpu[0]), ms(cpu[len(cpu)/2]), ms(wall[0]), ms(wall[len(wall)/2]), float64(rss)/1e6)
}

// run runs a command to its end and returns its CPU time and its largest resident set in bytes.
func run(argv []string) (cpu time.Duration, rss int64, err error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 0, 0, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, 0, err
	}
	defer null.Close()
	process, err := os.StartProcess(path, argv, &os.ProcAttr{Files: []*os.File{null, null, os.Stderr}})
	if err != nil {
		return 0, 0, err
	}
	state, err := process.Wait()
	if err != nil {
		return 0, 0, err
	}
	if !state.Success() {
		return 0, 0, fmt.Errorf("%s: %s", argv[0], state)
	}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		rss = usage.Maxrss
		if runtime.GOOS == "linux" {
			rss *= 1024
		}
	}
	return state.UserTime() + state.SystemTime(), rss, nil
}
