package graph

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Partitions.
//
// A partition of an asset is made by a step of its own, has records of its own, and is judged by itself, as an asset is: its key is
// [Key.At]. What is said of the asset as a whole is derived from its partitions:
//
//	(a) Its status is that of the partitions that exist, the strongest: one that was never made does not make it stale. Where
//	    partitions are windows of time the latest is due, and counts even when it does not exist.
//	(b) Who reads several partitions pins one version for all of them together, [SetVersion]; who reads exactly one pins its data version.
//	(c) Who reads "all" reads those that exist.
//	(d) When an asset is named and not a partition, the latest is meant: the last in the order of its keys.

// A Partitions is a partitions definition: the keys into which assets are divided. Any number of assets may share one. It is immutable.
type Partitions struct {
	ID   string
	Kind string // static, time_window, dynamic or multi
	keys []string
	at   map[string]int32
}

// Windows is the kind of partitions that are windows of time: the latest is due as soon as it is defined.
const Windows = "time_window"

// NewPartitions returns the definition with these keys, in their order; a key that comes again is left out.
func NewPartitions(id, kind string, keys []string) *Partitions {
	p := &Partitions{ID: id, Kind: kind, keys: make([]string, 0, len(keys)), at: make(map[string]int32, len(keys))}
	for _, key := range keys {
		if _, again := p.at[key]; !again && key != "" {
			p.at[key] = int32(len(p.keys))
			p.keys = append(p.keys, key)
		}
	}
	return p
}

// maxPartitionBytes is the longest partition key.
const maxPartitionBytes = 1000

// CheckPartition returns what is wrong with a partition key: it is empty, too long, no UTF-8, or has control characters.
func CheckPartition(key string) error {
	switch {
	case key == "":
		return errors.New("a partition key is empty")
	case len(key) > maxPartitionBytes:
		return fmt.Errorf("partition key %.40q… has %d bytes, more than %d", key, len(key), maxPartitionBytes)
	case !utf8.ValidString(key):
		return fmt.Errorf("partition key %q is no UTF-8", key)
	case strings.ContainsFunc(key, unicode.IsControl):
		return fmt.Errorf("partition key %q has control characters", key)
	}
	return nil
}

// Len returns how many keys there are; of a nil definition none.
func (p *Partitions) Len() int {
	if p == nil {
		return 0
	}
	return len(p.keys)
}

// Keys returns the keys in their order. The caller must not change them.
func (p *Partitions) Keys() []string {
	if p == nil {
		return nil
	}
	return p.keys
}

// Index returns the place of a key in the order.
func (p *Partitions) Index(key string) (int, bool) {
	if p == nil {
		return 0, false
	}
	i, ok := p.at[key]
	return int(i), ok
}

// Latest returns the last key, "" when there is none.
func (p *Partitions) Latest() string {
	if p.Len() == 0 {
		return ""
	}
	return p.keys[len(p.keys)-1]
}

// Clash returns two keys that differ by case only, which many file systems do not tell apart; ok is false when there are none.
func (p *Partitions) Clash() (a, b string, ok bool) {
	capitals := false
	for _, key := range p.Keys() {
		capitals = capitals || strings.ToLower(key) != key
	}
	if !capitals {
		return "", "", false
	}
	seen := make(map[string]string, p.Len())
	for _, key := range p.keys {
		folded := strings.ToLower(key)
		if before, taken := seen[folded]; taken {
			return before, key, true
		}
		seen[folded] = key
	}
	return "", "", false
}

// Limits of the segment that a partition is in the name of a file, in bytes.
const (
	maxPartitionSegment = 200
	cutPartitionSegment = 120 // of what is too long
)

// CutMark stands, in what [PartitionSegment] returns, before the hash of a key that was too long, and nowhere else.
const CutMark = "~"

// PartitionSegment returns a partition's key as one segment of the name of a file: letters, digits and -.:=+_ as they are, but no dot in
// front; every other byte as % and two digits. What would have more than 200 bytes is cut, and a hash of the whole follows. Different
// keys have different segments.
func PartitionSegment(key string) string {
	raw := func(c byte) bool {
		return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("-.:=+_", c) >= 0
	}
	plain := key != "" && key[0] != '.' && len(key) <= maxPartitionSegment
	for i := 0; i < len(key) && plain; i++ {
		plain = raw(key[i])
	}
	if plain {
		return key
	}
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, 2*len(key))
	for i := range len(key) {
		if c := key[i]; raw(c) && (i > 0 || c != '.') {
			out = append(out, c)
		} else {
			out = append(out, '%', digits[c>>4], digits[c&15])
		}
	}
	if len(out) <= maxPartitionSegment {
		return string(out)
	}
	out = out[:cutPartitionSegment]
	if i := bytes.LastIndexByte(out, '%'); i > cutPartitionSegment-3 {
		out = out[:i]
	}
	sum := sha256.Sum256([]byte(key))
	return string(out) + CutMark + hex.EncodeToString(sum[:16])
}

// FileName returns a name for a file or folder of the asset or partition.
func (k Key) FileName() string {
	name := strings.ReplaceAll(k.Asset().text, "/", "%2F")
	partition := k.Partition()
	if partition == "" {
		return name
	}
	const most = 200
	if name += "@" + PartitionSegment(partition); len(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(k.text))
	return name[:most-33] + CutMark + hex.EncodeToString(sum[:16])
}

// A Mapping says which partitions of one upstream the partitions of an asset read. Without one each reads the equal key, and an asset
// without partitions reads all.
type Mapping struct {
	All   bool                // each reads all
	Table map[string][]string // what a key reads, for those that do not read the equal one; "" is the key of an asset without partitions
}

// SetVersion identifies the data of several partitions that are read together: equal keys in equal order with equal data versions. keys
// and versions have equal length. Of no partitions it is "".
func SetVersion(keys, versions []string) string {
	if len(keys) == 0 {
		return ""
	}
	text := make([]byte, 0, 64*len(keys))
	for i, key := range keys {
		text = appendVersion(text, key, versions[i])
	}
	return setVersion(text)
}

func appendVersion(text []byte, key, version string) []byte {
	text = append(append(strconv.AppendInt(text, int64(len(key)), 10), ':'), key...)
	return append(append(strconv.AppendInt(text, int64(len(version)), 10), ':'), version...)
}

func setVersion(text []byte) string {
	sum := sha256.Sum256(text)
	return "set1:" + hex.EncodeToString(sum[:16])
}

// A partitioned is what a node has beside its definition when it has partitions, or reads what has.
type partitioned struct {
	keys  []Key  // of its partitions, in order; nil when it has none
	edges []edge // for each of asset.Deps
	whole bool   // somebody reads all of its partitions
}

// An edge says which partitions of an upstream are read.
type edge struct {
	kind edgeKind
	one  []int32   // by partition of the reader the one that it reads, -1 for none
	some [][]int32 // by partition of the reader those that it reads, ascending; of a reader without partitions the first counts
}

type edgeKind uint8

const (
	edgePlain edgeKind = iota // the upstream has no partitions
	edgeSame                  // the partition at the equal place
	edgeOne                   // at most one
	edgeSome                  // those of a table
	edgeWhole                 // all that exist
)

// parts returns the partitioned of a node that has partitions, nil for any other.
func (n *node) parts() *partitioned {
	if n.asset.Partitions == nil {
		return nil
	}
	return n.part
}

// edge returns how the node reads its dependency number j.
func (n *node) edge(j int) edge {
	if n.part == nil || n.part.edges == nil {
		return edge{}
	}
	return n.part.edges[j]
}

// at returns the partitions that partition c of the reader reads, without edgeWhole; buf is used for the answer. A reader without
// partitions is -1.
func (e *edge) at(c int32, buf []int32) []int32 {
	switch e.kind {
	case edgeSame:
		return append(buf, c)
	case edgeOne:
		if e.one[c] >= 0 {
			return append(buf, e.one[c])
		}
	case edgeSome:
		return append(buf, e.some[max(c, 0)]...)
	case edgePlain, edgeWhole:
	}
	return buf
}

// earlier reports whether an asset reads itself, and no partition one that is not before it in the order: then it is no cycle.
func earlier(a *Asset, dep Key) bool {
	m := a.Mappings[dep]
	if a.Partitions == nil || m == nil || m.All {
		return false
	}
	for i, key := range a.Partitions.keys {
		reads, mapped := m.Table[key]
		if !mapped {
			return false
		}
		for _, r := range reads {
			if at, ok := a.Partitions.at[r]; ok && int(at) >= i {
				return false
			}
		}
	}
	return true
}

// linkPartitions fills in what nodes have beside their definitions, once they are in their places.
func (g *Graph) linkPartitions() {
	for i := range g.nodes {
		n := &g.nodes[i]
		if p := n.asset.Partitions; p != nil {
			g.partitions = true
			keys := make([]Key, len(p.keys))
			for c, key := range p.keys {
				keys[c] = n.key.At(key)
			}
			n.part = &partitioned{keys: keys}
		}
	}
	if !g.partitions {
		return
	}
	for i := range g.nodes {
		n := &g.nodes[i]
		for j, u := range n.reads {
			if u < 0 || g.nodes[u].asset.Partitions == nil {
				continue
			}
			if n.part == nil {
				n.part = &partitioned{}
			}
			if n.part.edges == nil {
				n.part.edges = make([]edge, len(n.reads))
			}
			n.part.edges[j] = mappedEdge(n.asset.Partitions, g.nodes[u].asset.Partitions, n.asset.Mappings[n.asset.Deps[j]])
			if n.part.edges[j].kind == edgeWhole {
				g.nodes[u].part.whole = true
			}
		}
	}
	for i := range g.nodes {
		n := &g.nodes[i]
		slash := strings.LastIndexByte(n.key.text, '/')
		if slash < 0 || n.external {
			continue
		}
		above, known := g.index[Key{n.key.text[:slash]}]
		if !known || g.nodes[above].asset.Partitions == nil {
			continue
		}
		if _, clash := g.nodes[above].asset.Partitions.at[n.key.text[slash+1:]]; clash {
			text := fmt.Sprintf("the data of %s and of a partition of %s would have one place; rename one of them", n.key.text, g.nodes[above].key.text)
			g.problem(&n.asset, "", "%s", text)
			for _, m := range []*node{n, &g.nodes[above]} {
				if m.conflict == "" {
					m.conflict = text
				}
			}
		}
	}
}

func mappedEdge(reader, upstream *Partitions, m *Mapping) edge {
	switch {
	case m != nil && m.All, m == nil && reader == nil:
		return edge{kind: edgeWhole}
	case m == nil && reader == upstream:
		return edge{kind: edgeSame}
	}
	if m == nil {
		m = &Mapping{}
	}
	keys := []string{""}
	if reader != nil {
		keys = reader.keys
	}
	e := edge{kind: edgeOne, one: make([]int32, len(keys)), some: make([][]int32, len(keys))}
	same := reader != nil && len(reader.keys) == len(upstream.keys)
	for c, key := range keys {
		reads, mapped := m.Table[key]
		if !mapped {
			reads = []string{key}
		}
		e.one[c] = -1
		for _, r := range reads {
			if at, ok := upstream.at[r]; ok {
				e.some[c] = append(e.some[c], at)
				e.one[c] = at
			}
		}
		slices.Sort(e.some[c])
		e.some[c] = slices.Compact(e.some[c])
		if len(e.some[c]) > 1 || mapped && reader == nil {
			e.kind = edgeSome
		}
		same = same && e.one[c] == int32(c)
	}
	switch {
	case e.kind == edgeSome:
		e.one = nil
	case same:
		return edge{kind: edgeSame}
	default:
		e.some = nil
	}
	return e
}

// spot returns the place of an asset, or of one of its partitions; for an asset cell is -1.
func (g *Graph) spot(key Key) (i, cell int32, ok bool) {
	if key.open() < 0 {
		i, ok = g.resolve(key)
		return i, -1, ok
	}
	if i, ok = g.index[key]; ok { // of a plan
		return i, -1, true
	}
	if i, ok = g.resolve(key.Asset()); !ok || g.nodes[i].asset.Partitions == nil {
		return 0, -1, false
	}
	cell, ok = g.nodes[i].asset.Partitions.at[key.Partition()]
	return i, cell, ok
}

// Partitioned reports whether some asset has partitions.
func (g *Graph) Partitioned() bool { return g.partitions }

// PartitionKeys returns the keys of the partitions of an asset, in order; nil when it has none. The caller must not change them.
func (g *Graph) PartitionKeys(key Key) []Key {
	if i, ok := g.resolve(key); ok {
		if p := g.nodes[i].parts(); p != nil {
			return p.keys
		}
	}
	return nil
}

// StoredKeys returns the keys of all that can be stored: of assets, and of their partitions where they have some.
func (g *Graph) StoredKeys() []Key {
	keys := make([]Key, 0, len(g.nodes))
	for i := range g.nodes {
		if p := g.nodes[i].parts(); p != nil {
			keys = append(keys, p.keys...)
		} else {
			keys = append(keys, g.nodes[i].key)
		}
	}
	return keys
}

// An Input is what one asset, or one partition of one, reads of one dependency.
type Input struct {
	Key        Key   // as the reader names it, without a partition
	Partitions []Key // of an upstream with partitions those that are read, in order, whether they exist or not; nil for any other
	Set        bool  // they are pinned together ([SetVersion]), also when only one exists
}

// Inputs returns what an asset or a partition reads, in the order of its dependencies.
func (g *Graph) Inputs(key Key) []Input {
	i, cell, ok := g.spot(key)
	if !ok {
		return nil
	}
	n := &g.nodes[i]
	inputs := make([]Input, len(n.asset.Deps))
	for j, dep := range n.asset.Deps {
		inputs[j] = Input{Key: dep}
		e := n.edge(j)
		if e.kind == edgePlain {
			continue
		}
		inputs[j].Partitions = []Key{}
		all := g.nodes[n.reads[j]].part.keys
		if e.kind == edgeWhole {
			inputs[j].Partitions, inputs[j].Set = slices.Clone(all), true
			continue
		}
		cells := e.at(cell, nil)
		for _, c := range cells {
			inputs[j].Partitions = append(inputs[j].Partitions, all[c])
		}
		inputs[j].Set = len(cells) != 1
	}
	return inputs
}

// cells is what is known of the partitions of one asset.
type cells struct {
	stored  []Stored
	status  []Status
	exist   []int32 // those with a record or data
	version string  // of those together
	counts  PartitionCounts
}

// A PartitionCounts says how many partitions of an asset are what. Overdue ones count as stale; those that nobody made and whose
// data exist all the same count in Total only; Failed ones are those whose last run failed, and they are not fresh.
type PartitionCounts struct {
	Total   int `json:"total"`
	Fresh   int `json:"fresh"`
	Stale   int `json:"stale"`
	Missing int `json:"missing"`
	Failed  int `json:"failed"`
}

func (s *Stored) exists() bool { return s.Record != nil || s.Data == DataForeign }

// version returns the data version that a reader pins, "" when it is not known or there is none.
func (s *Stored) version() string {
	switch {
	case s.Data == DataForeign:
		return s.Version
	case s.Record != nil:
		return s.Record.DataVersion
	}
	return ""
}

// judgeCells judges every partition of the asset at i, and the asset.
func (f *Freshness) judgeCells(i int) Status {
	n, c := &f.g.nodes[i], f.parts[i]
	c.exist, c.counts = c.exist[:0], PartitionCounts{Total: len(c.stored)}
	var text []byte
	for k := range c.stored {
		s := &c.stored[k]
		if s.exists() {
			c.exist = append(c.exist, int32(k))
			if n.part.whole {
				text = appendVersion(text, n.asset.Partitions.keys[k], s.version())
			}
		}
		c.status[k] = f.judgeOne(i, int32(k), s, nil)
		switch c.status[k] {
		case Fresh:
			c.counts.Fresh++
			continue
		case Stale, Overdue:
			c.counts.Stale++
		case Missing:
			c.counts.Missing++
		case Unknown, External:
		}
		if s.Last != nil && s.Last.State == "failed" {
			c.counts.Failed++
		}
	}
	if c.version = ""; len(text) > 0 {
		c.version = setVersion(text)
	}
	f.stored[i] = Stored{Data: DataAbsent, Last: f.stored[i].Last}
	if len(c.exist) > 0 {
		last := c.stored[c.exist[len(c.exist)-1]]
		f.stored[i].Record, f.stored[i].Data, f.stored[i].Text, f.stored[i].Version = last.Record, last.Data, last.Text, last.Version
	}
	return f.wholeStatus(n, c)
}

// due reports whether the asset's latest partition counts although it does not exist.
func due(n *node) bool { return n.asset.Partitions.Kind == Windows }

// wholeStatus returns the status of an asset from those of its partitions.
func (f *Freshness) wholeStatus(n *node, c *cells) Status {
	if n.external {
		return f.judgeOne(int(f.g.index[n.key]), -1, &Stored{}, nil)
	}
	if n.cycle >= 0 {
		return Unknown
	}
	unreachable, foreign, missing, worst := false, 0, 0, Fresh
	for _, k := range c.exist {
		switch s := &c.stored[k]; {
		case s.Data == DataForeign:
			foreign++
		case c.status[k] == Missing:
			missing++
		default:
			worst = min(worst, c.status[k])
		}
	}
	for k := range c.stored {
		unreachable = unreachable || c.stored[k].Data == DataUnreachable
	}
	switch {
	case unreachable:
		return Unknown
	case len(c.exist) == 0 || missing == len(c.exist):
		return Missing
	case foreign == len(c.exist):
		return Unknown
	case missing > 0, due(n) && c.status[len(c.status)-1] == Missing:
		return Stale
	}
	return worst
}

// explained is how many partitions of an asset are explained at most. A person reads the first few.
const explained = 32

// explainCells appends why the asset at i is not fresh: for each kind of reason the newest partition that has it, and how many others do.
func (f *Freshness) explainCells(i int, reasons *[]Reason) {
	n, c := &f.g.nodes[i], f.parts[i]
	if len(c.stored) == 0 {
		*reasons = append(*reasons, Reason{Kind: NeverMaterialized, Asset: n.key, Text: "it has no partitions"})
		return
	}
	if n.external || n.cycle >= 0 {
		f.judgeOne(i, -1, &Stored{}, reasons)
		return
	}
	if len(c.exist) == 0 && f.status[i] == Missing {
		*reasons = append(*reasons, Reason{Kind: NeverMaterialized, Asset: n.key, Text: "none of its partitions has been materialized"})
		return
	}
	type group struct {
		kind  ReasonKind
		asset Key
	}
	places := map[group]int{}
	count := map[int]int{}
	begin := len(*reasons)
	looked, left := 0, 0
	for k, status := range slices.Backward(c.status) {
		s := &c.stored[k]
		latest := k == len(c.status)-1 && due(n)
		counts := status != Fresh && status != External && (s.exists() || s.Data == DataUnreachable || latest)
		if !counts || s.Data == DataForeign && f.status[i] != Unknown {
			continue
		}
		if looked++; looked > explained {
			left++
			continue
		}
		var own []Reason
		f.judgeOne(i, int32(k), s, &own)
		for _, r := range own {
			g := group{r.Kind, r.Asset.Asset()}
			at, known := places[g]
			if !known {
				at = len(*reasons)
				places[g] = at
				*reasons = append(*reasons, r)
				if latest && r.Kind == NeverMaterialized {
					(*reasons)[at].Text = "its latest partition has never been materialized"
				}
				(*reasons)[at].Text = n.asset.Partitions.keys[k] + "%: " + (*reasons)[at].Text
			}
			count[at]++
		}
	}
	for at := begin; at < len(*reasons); at++ {
		more := ""
		if others := count[at] - 1; others > 0 {
			if count[at] == explained {
				others += left
			}
			more = fmt.Sprintf(" and %d more", others)
		}
		before, after, _ := strings.Cut((*reasons)[at].Text, "%: ")
		(*reasons)[at].Text = "partition " + before + more + ": " + after
	}
}

// An input is what a reader sees of one dependency: of an asset, a partition, or several partitions together.
type input struct {
	u       int32 // place of the asset, -1 when several locations claim its key
	key     Key   // that reasons are about
	status  Status
	stored  *Stored // of one asset or partition; of several that of the one that reasons are about
	set     bool    // several: version counts
	version string
	nothing bool // no partition is read
}

// input returns what partition cell of n, or n itself (-1), reads of its dependency number j.
func (f *Freshness) input(n *node, j int, cell int32) input {
	u := n.reads[j]
	if u < 0 {
		return input{u: -1, key: n.asset.Deps[j]}
	}
	e := n.edge(j)
	in := input{u: u, key: f.g.nodes[u].key, status: f.status[u], stored: &f.stored[u]}
	if e.kind == edgePlain {
		return in
	}
	c := f.parts[u]
	if e.kind == edgeWhole {
		in.set, in.version = true, c.version
		return in
	}
	if e.kind == edgeSame { // without a list
		in.key, in.status, in.stored = f.g.nodes[u].part.keys[cell], c.status[cell], &c.stored[cell]
		return in
	}
	list := e.at(cell, nil)
	if len(list) == 0 {
		return input{u: u, key: in.key, status: Fresh, stored: &Stored{}, set: true, nothing: true}
	}
	about := list[len(list)-1]
	var text []byte
	for _, k := range slices.Backward(list) {
		if strength(c.status[k]) > strength(c.status[about]) {
			about = k
		}
	}
	in.key, in.status, in.stored = f.g.nodes[u].part.keys[about], c.status[about], &c.stored[about]
	if len(list) == 1 {
		return in
	}
	in.set = true
	for _, k := range list {
		if s := &c.stored[k]; s.exists() {
			text = appendVersion(text, f.g.nodes[u].asset.Partitions.keys[k], s.version())
		}
	}
	if len(text) > 0 {
		in.version = setVersion(text)
	}
	return in
}

// strength orders what a reader of several partitions is told: of those that are not up to date, one.
func strength(s Status) int {
	switch s {
	case Missing:
		return 3
	case Stale:
		return 2
	case Unknown:
		return 1
	case Overdue, Fresh, External:
	}
	return 0
}

// Default returns the partition that is meant when an asset with partitions is named and its data are asked for: the last that exists,
// else the latest. Of any other key it is the key.
func (f *Freshness) Default(key Key) Key {
	i, cell, ok := f.g.spot(key)
	if !ok || cell >= 0 || f.parts == nil || f.parts[i] == nil || len(f.parts[i].stored) == 0 {
		return key
	}
	p, c := f.g.nodes[i].part, f.parts[i]
	if len(c.exist) > 0 {
		return p.keys[c.exist[len(c.exist)-1]]
	}
	return p.keys[len(p.keys)-1]
}

// Partitions returns the counts of an asset's partitions; ok is false when it has none.
func (f *Freshness) Partitions(key Key) (counts PartitionCounts, ok bool) {
	i, ok := f.g.resolve(key)
	if !ok || f.parts == nil || f.parts[i] == nil {
		return PartitionCounts{}, false
	}
	return f.parts[i].counts, true
}

// setCells asks what is stored of the partitions of the asset at i.
func (f *Freshness) setCells(i int, stored func(Key) Stored) {
	p := f.g.nodes[i].parts()
	if p == nil {
		return
	}
	c := &cells{stored: make([]Stored, len(p.keys)), status: make([]Status, len(p.keys))}
	for k, key := range p.keys {
		c.stored[k] = stored(key)
	}
	f.parts[i] = c
}

func (c *cells) clone() *cells {
	return &cells{stored: slices.Clone(c.stored), status: slices.Clone(c.status)}
}
