// Command layout compares the lanes with Graphviz dot and dagre: how many edges cross, and what it costs, on the same graphs.
//
//	go run ./bench/layout [-cache DIR] [-seeds 30] [-cross 0.05,0.2] [-big] [-dagre=false]
//
// Crossings are pairs of edges that cross between neighbouring columns, each edge taken by itself, before any becomes a stub; bundled
// counts the lines as they are drawn, in which the long edges of one asset share a line. dot's count is its own (dot -v). dagre's is
// made from the points of its edges. Speed and crossings are those of the same call. CPU time is user and system. Beside the sum of
// all seeds stands what was promised of it: promises are about 5 % of the edges from location to location, and the mean time of one.
//
// dot is Debian's package graphviz; dagre comes from npm into the cache folder, in the version named below, with the ranker that
// Dagster's UI uses. What is not there is left out.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/assetdev/assetdev/graph/layout"
	"github.com/assetdev/assetdev/graph/layout/layouttest"
)

const dagre = "@dagrejs/dagre@3.1.3"

// everything is drawn as lines, so that all edges count.
var everything = layout.Options{MaxRows: -1, Tracks: 1 << 20}

func main() {
	log.SetFlags(0)
	log.SetPrefix("layout: ")
	home, err := os.UserCacheDir()
	if err != nil {
		log.Fatal(err)
	}
	cache := flag.String("cache", filepath.Join(home, "assetdev-bench"), "where dagre and the graphs go")
	seeds := flag.Int("seeds", 30, "how many graphs of 100 assets; of 1,000 it is a fifth as many")
	shares := flag.String("cross", "0.05,0.2", "which parts of the edges lead from location to location")
	big := flag.Bool("big", false, "10,000 and 100,000 assets, too, without the other programs")
	withDagre := flag.Bool("dagre", true, "compare with dagre")
	flag.Parse()
	var crosses []float64
	for text := range strings.SplitSeq(*shares, ",") {
		cross, err := strconv.ParseFloat(text, 64)
		if err != nil {
			log.Fatalf("-cross %q: want numbers from 0 to 1, with commas between", *shares)
		}
		crosses = append(crosses, cross)
	}
	if err := run(context.Background(), *cache, *seeds, crosses, *big, *withDagre); err != nil {
		log.Fatal(err)
	}
}

// A result is what one program made of one graph. Crossings below 0: it did not run.
type result struct {
	crossings int64
	bundled   int64
	cpu       time.Duration
}

// Promised of 5 % across: crossings as a part of dot's, and milliseconds.
var promised = map[int]struct{ crossings, ms float64 }{100: {1, 0.35}, 1000: {0.9, 5}, 10000: {0, 60}, 100000: {0, 500}}

func run(ctx context.Context, cache string, seeds int, crosses []float64, big, withDagre bool) error {
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return err
	}
	haveDot := true
	if _, err := exec.LookPath("dot"); err != nil {
		log.Print("dot is not installed: apt-get install graphviz")
		haveDot = false
	}
	if withDagre {
		if err := install(ctx, cache); err != nil {
			log.Printf("without dagre: %v", err)
			withDagre = false
		}
	}
	fmt.Printf("%7s %6s %5s %5s  %10s %10s %10s %10s  %7s %7s %7s  %9s %9s %9s\n", "assets", "across", "seed", "edges",
		"ours", "bundled", "dot", "dagre", "÷ dot", "bundled", "÷ dagre", "ours ms", "dot ms", "dagre ms")
	sizes := []int{100, 1000}
	if big {
		sizes = append(sizes, 10000, 100000)
	}
	for _, n := range sizes {
		for _, cross := range crosses {
			count := seeds
			switch {
			case n > 1000:
				count = 1
			case n > 100:
				count = max(1, seeds/5)
			}
			if err := compare(ctx, cache, n, count, cross, haveDot && n <= 1000, withDagre && n <= 1000); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare prints a line for each of so many graphs, and one for all.
func compare(ctx context.Context, cache string, n, count int, cross float64, withDot, withDagre bool) error {
	var ours, dots, dagres result
	edges := 0
	for seed := range count {
		in := layouttest.Generate(layouttest.Shape{Assets: n, Seed: uint64(seed), Cross: cross})
		name := fmt.Sprintf("g%d-%v-%d", n, cross, seed)
		o, d, g := own(in), result{crossings: -1}, result{crossings: -1}
		var err error
		if withDot {
			if d, err = dot(ctx, in, filepath.Join(cache, name+".dot")); err != nil {
				return err
			}
		}
		if withDagre {
			if g, err = dagreOf(ctx, in, cache, name+".json"); err != nil {
				return err
			}
		}
		fmt.Println(row(n, cross, strconv.Itoa(seed), len(in.Edges), o, d, g))
		edges += len(in.Edges)
		ours.add(o)
		dots.add(d)
		dagres.add(g)
	}
	all := row(n, cross, "all", edges, ours, dots, dagres)
	if p, ok := promised[n]; ok && cross == 0.05 {
		all += fmt.Sprintf("  %.2f ms each, promised %v", float64(ours.cpu.Microseconds())/1000/float64(count), p.ms)
		if p.crossings > 0 && withDot {
			all += fmt.Sprintf("; %.2f × dot, promised %.2f", float64(ours.crossings)/float64(dots.crossings), p.crossings)
		}
	}
	fmt.Println(all)
	return nil
}

func (r *result) add(o result) {
	r.crossings, r.bundled, r.cpu = r.crossings+o.crossings, r.bundled+o.bundled, r.cpu+o.cpu
}

func row(n int, cross float64, seed string, edges int, ours, dot, dagre result) string {
	ratio := func(a, b int64) string {
		if b <= 0 {
			return "-"
		}
		return fmt.Sprintf("%.2f", float64(a)/float64(b))
	}
	count := func(r result) string {
		if r.crossings < 0 {
			return "-"
		}
		return strconv.FormatInt(r.crossings, 10)
	}
	ms := func(r result) string {
		if r.crossings < 0 {
			return "-"
		}
		return fmt.Sprintf("%.2f", float64(r.cpu.Microseconds())/1000)
	}
	return fmt.Sprintf("%7d %6v %5s %5d  %10s %10d %10s %10s  %7s %7s %7s  %9s %9s %9s", n, cross, seed, edges, count(ours), ours.bundled, count(dot), count(dagre),
		ratio(ours.crossings, dot.crossings), ratio(ours.bundled, dot.crossings), ratio(ours.crossings, dagre.crossings), ms(ours), ms(dot), ms(dagre))
}

// own lays out in this process, as often as takes 50 ms, and takes the quickest. All edges are lines, so that all crossings count.
func own(in *layout.Input) result {
	r := result{cpu: time.Hour}
	var p *layout.Placed
	began := time.Now()
	for r.cpu == time.Hour || time.Since(began) < 50*time.Millisecond {
		before := cpu()
		p = layout.Lanes(in, everything, nil)
		r.cpu = min(r.cpu, cpu()-before)
	}
	r.crossings, r.bundled = p.Crossings(), p.LineCrossings()
	return r
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var crossingsOfDot = regexp.MustCompile(`mincross \S+ (\d+) crossings`)

// dot has the graph laid out by Graphviz.
func dot(ctx context.Context, in *layout.Input, file string) (result, error) {
	var b bytes.Buffer
	b.WriteString("digraph g {\nrankdir=LR\nnode [shape=box fixedsize=true width=2 height=0.3 label=\"\"]\n")
	for i := range in.Nodes {
		fmt.Fprintf(&b, "n%d\n", i)
	}
	for _, e := range in.Edges {
		fmt.Fprintf(&b, "n%d -> n%d\n", e.From, e.To)
	}
	b.WriteString("}\n")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return result{}, err
	}
	command := exec.CommandContext(ctx, "dot", "-v", "-Tplain", file)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	if err := command.Run(); err != nil {
		return result{}, fmt.Errorf("dot %s: %w", file, err)
	}
	found := crossingsOfDot.FindAllSubmatch(stderr.Bytes(), -1)
	if len(found) == 0 {
		return result{}, fmt.Errorf("dot %s: it does not say how many edges cross", file)
	}
	n, err := strconv.ParseInt(string(found[len(found)-1][1]), 10, 64)
	return result{crossings: n, cpu: command.ProcessState.UserTime() + command.ProcessState.SystemTime()}, err
}

// program lays a graph out with dagre, twice, and prints the columns of nodes, the points of edges and the time of the second.
const program = `
const {readFileSync} = require('node:fs');
const dagre = require('@dagrejs/dagre');
const {nodes, edges} = JSON.parse(readFileSync(process.argv[2]));
let out;
for (let i = 0; i < 2; i++) {
  const g = new dagre.graphlib.Graph({multigraph: true});
  g.setGraph({rankdir: 'LR', ranker: 'tight-tree'});
  g.setDefaultEdgeLabel(() => ({}));
  for (let n = 0; n < nodes; n++) g.setNode(String(n), {width: 20, height: 10});
  for (const [from, to] of edges) g.setEdge(String(from), String(to), {});
  const before = process.cpuUsage();
  dagre.layout(g);
  const used = process.cpuUsage(before);
  out = {ms: (used.user + used.system) / 1000, nodes: [], edges: []};
  for (let n = 0; n < nodes; n++) { const {x, y} = g.node(String(n)); out.nodes.push([x, y]); }
  for (const [from, to] of edges) out.edges.push(g.edge(String(from), String(to)).points.map(({x, y}) => [x, y]));
}
process.stdout.write(JSON.stringify(out));
`

// install puts dagre into the cache folder, once.
func install(ctx context.Context, cache string) error {
	if _, err := exec.LookPath("node"); err != nil {
		return errors.New("node is not installed")
	}
	if err := os.WriteFile(filepath.Join(cache, "dagre.cjs"), []byte(program), 0o600); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(cache, "node_modules", "@dagrejs", "dagre")); err == nil {
		return nil
	}
	command := exec.CommandContext(ctx, "npm", "install", "--no-save", "--ignore-scripts", "--prefix", cache, dagre)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install %s: %w\n%s", dagre, err, out)
	}
	return nil
}

func dagreOf(ctx context.Context, in *layout.Input, cache, file string) (result, error) {
	edges := make([][2]int32, len(in.Edges))
	for i, e := range in.Edges {
		edges[i] = [2]int32{e.From, e.To}
	}
	data, err := json.Marshal(map[string]any{"nodes": len(in.Nodes), "edges": edges})
	if err != nil {
		return result{}, err
	}
	if err := os.WriteFile(filepath.Join(cache, file), data, 0o600); err != nil {
		return result{}, err
	}
	command := exec.CommandContext(ctx, "node", "dagre.cjs", file)
	command.Dir = cache
	out, err := command.Output()
	if err != nil {
		return result{}, fmt.Errorf("dagre %s: %w", file, err)
	}
	var laid struct {
		MS    float64
		Nodes [][2]float64
		Edges [][][2]float64
	}
	if err := json.Unmarshal(out, &laid); err != nil {
		return result{}, fmt.Errorf("dagre %s: %w", file, err)
	}
	var ranks []float64
	for _, n := range laid.Nodes {
		ranks = append(ranks, n[0])
	}
	slices.Sort(ranks)
	ranks = slices.Compact(ranks)
	pairs := make([][][2]float64, len(ranks)) // for each gap where its edges begin and end
	for i, e := range in.Edges {
		from, to := laid.Nodes[e.From], laid.Nodes[e.To]
		last := from[1]
		for r, x := range ranks {
			if x <= from[0] || x > to[0] {
				continue
			}
			y := to[1]
			if x < to[0] {
				y = near(laid.Edges[i], x)
			}
			pairs[r] = append(pairs[r], [2]float64{last, y})
			last = y
		}
	}
	r := result{cpu: time.Duration(laid.MS * float64(time.Millisecond))}
	for _, p := range pairs {
		for i, a := range p {
			for _, b := range p[:i] {
				if (a[0] < b[0] && a[1] > b[1]) || (a[0] > b[0] && a[1] < b[1]) {
					r.crossings++
				}
			}
		}
	}
	return r, nil
}

// near returns where a line is at x.
func near(points [][2]float64, x float64) float64 {
	best := points[0]
	for _, p := range points {
		if math.Abs(p[0]-x) < math.Abs(best[0]-x) {
			best = p
		}
	}
	return best[1]
}
