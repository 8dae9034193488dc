package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// marker is in the environment of all processes of Dagster: some of them survive their parent, so that this is how they are found and ended.
const marker = "ASSETDEV_BENCH_DAGSTER"

// compare has Dagster do the same.
func (b *bench) compare(ctx context.Context, python string) (err error) {
	home, shared := filepath.Join(b.dir, "dagster-home"), filepath.Join(b.dir, "dagster-assets")
	if err := errors.Join(os.MkdirAll(home, 0o700), os.MkdirAll(shared, 0o700), os.WriteFile(filepath.Join(home, "dagster.yaml"), []byte("telemetry: {enabled: false}\n"), 0o600)); err != nil {
		return err
	}
	mark := marker + "=" + strconv.Itoa(os.Getpid())
	defer func() { err = errors.Join(err, endAll(mark)) }()
	env := append(os.Environ(), "DAGSTER_HOME="+home, "SHARED_ASSETS_PATH="+shared, "PATH="+filepath.Join(b.venv, "bin")+":"+os.Getenv("PATH"), mark)
	command := func(args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, python, append([]string{"-m"}, args...)...)
		c.Dir, c.Env = b.ws, env
		return c
	}

	sum := sample{}
	for _, c := range []struct{ repo, module, selection, row string }{
		{"repo-analytics", "analytics.definitions", cheap.String(), "one cheap asset, key to committed"},
		{"repo-analytics", "analytics.definitions", "*", ""},
		{"repo-ml", "ml_platform.definitions", "*", "13 assets"},
	} {
		at := time.Now()
		run := command("dagster", "asset", "materialize", "-m", c.module, "-d", filepath.Join(b.ws, c.repo, "src"), "--select", c.selection)
		if out, err := run.CombinedOutput(); err != nil {
			return fmt.Errorf("dagster asset materialize --select %s in %s: %w: %s", c.selection, c.repo, err, out)
		}
		s := sample{run.ProcessState.UserTime() + run.ProcessState.SystemTime(), time.Since(at)}
		if c.selection == "*" {
			sum.cpu, sum.wall = sum.cpu+s.cpu, sum.wall+s.wall
			s = sum
		}
		if c.row != "" {
			b.beside(c.row, s, "")
		}
	}

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(address)
	said, err := os.Create(filepath.Join(b.dir, "dagster-dev.log"))
	if err != nil {
		return err
	}
	defer said.Close()
	dev := command("dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", port)
	dev.Stdout, dev.Stderr = said, said
	at := time.Now()
	if err := dev.Start(); err != nil {
		return err
	}
	defer func() { _ = dev.Wait() }() // after endAll, which ends it
	defer func() { err = errors.Join(err, endAll(mark)) }()
	url := "http://" + address + "/graphql"
	for loaded := 0; loaded < 13; time.Sleep(250 * time.Millisecond) {
		if ctx.Err() != nil || time.Since(at) > 5*time.Minute {
			return errors.Join(errors.New("dagster dev did not load within 5 minutes"), ctx.Err())
		}
		loaded = assetsOf(ctx, url)
	}
	b.beside("start to graph", sample{cpuOf(marked(mark)), time.Since(at)}, "")

	if err := pause(ctx, 20*time.Second); err != nil { // its daemon comes to rest
		return err
	}
	before, began := cpuOf(marked(mark)), time.Now()
	if err := pause(ctx, b.idle); err != nil {
		return err
	}
	all := marked(mark)
	used := (cpuOf(all) - before).Seconds() / time.Since(began).Seconds()
	b.beside("idle", sample{}, fmt.Sprintf("%.2f %%", 100*used))
	b.beside("processes", sample{}, fmt.Sprintf("%d, %.0f MB", len(all), pssOf(all)))

	reload := sample{}
	for i := range 2 {
		before, at := eachOf(marked(mark)), time.Now()
		if err := b.edit("definitions.py", fmt.Sprintf("\nDAGSTER_BENCH = %d\n", i)); err != nil {
			return err
		}
		answer, err := ask(ctx, url, `mutation { reloadRepositoryLocation(repositoryLocationName: "analytics-team") { __typename } }`)
		if err != nil || !bytes.Contains(answer, []byte("WorkspaceLocationEntry")) {
			return fmt.Errorf("reload: %w: %s", err, answer)
		}
		s := sample{wall: time.Since(at)}
		for pid, cpu := range eachOf(marked(mark)) { // the code server is another process now
			s.cpu += cpu - before[pid]
		}
		if i == 0 || s.cpu < reload.cpu {
			reload = s
		}
	}
	b.beside("described anew", reload, "")
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// eachOf returns the CPU time of each process, without that of its children.
func eachOf(pids []int) map[int]time.Duration {
	each := make(map[int]time.Duration, len(pids))
	for _, pid := range pids {
		if f := stat(pid); len(f) > 12 {
			user, _ := strconv.Atoi(f[11])
			system, _ := strconv.Atoi(f[12])
			each[pid] = time.Duration(user+system) * 10 * time.Millisecond
		}
	}
	return each
}

// assetsOf returns how many assets of code locations Dagster's web server knows; 0 while it does not answer.
func assetsOf(ctx context.Context, url string) int {
	answer, err := ask(ctx, url, "{ assetNodes { isMaterializable } }")
	var said struct {
		Data struct {
			AssetNodes []struct {
				IsMaterializable bool `json:"isMaterializable"`
			} `json:"assetNodes"`
		} `json:"data"`
	}
	if err != nil || json.Unmarshal(answer, &said) != nil {
		return 0
	}
	n := 0
	for _, a := range said.Data.AssetNodes {
		if a.IsMaterializable {
			n++
		}
	}
	return n
}

func ask(ctx context.Context, url, query string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(response.Body)
	return answer, errors.Join(err, response.Body.Close())
}

// marked returns the processes whose environment has the marker.
func marked(mark string) []int {
	entries, _ := os.ReadDir("/proc")
	var found []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if environ, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ")); err == nil && strings.Contains("\x00"+string(environ), "\x00"+mark+"\x00") {
			found = append(found, pid)
		}
	}
	return found
}

// endAll ends the marked processes: with a signal that they may heed, then without.
func endAll(mark string) error {
	for i, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL, syscall.SIGKILL} {
		all := marked(mark)
		for _, pid := range all {
			_ = syscall.Kill(pid, signal) // it may have ended
		}
		for end := time.Now().Add(3 * time.Second); time.Now().Before(end) && len(all) > 0; time.Sleep(50 * time.Millisecond) {
			all = marked(mark)
		}
		if len(all) == 0 {
			return nil
		}
		if i == 3 {
			return fmt.Errorf("processes of Dagster that do not end: %v", all)
		}
	}
	return nil
}
