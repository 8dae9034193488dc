package tui

// Where everything stands is decided here, from numbers alone, and nowhere else.

// A Rect is a part of the screen in cells.
type Rect struct{ X, Y, W, H int }

func (r Rect) empty() bool { return r.W <= 0 || r.H <= 0 }

func (r Rect) has(x, y int) bool { return x >= r.X && x < r.X+r.W && y >= r.Y && y < r.Y+r.H }

// A Pane is a part of the screen that can have the focus.
type Pane int

// The panes.
const (
	PaneAssets Pane = iota // the graph, as list or lanes
	PaneDetail
	PaneRun
	paneCount
)

// A Shape is what the layout depends on beside the size of the screen.
type Shape struct {
	Focus Pane
	Zoom  bool
	Rows  int  // rows of the list when nothing is filtered
	Lanes int  // lines of the lanes where they are shown instead, else 0
	Wide  int  // columns of the lanes
	Run   int  // lines the run pane would like, 0 without a run
	Over  bool // the run has ended well: one line tells all of it, where others need the room
	Sizes Sizes
}

// Sizes are what the user added to panes, in cells; less than 0 is taken away.
type Sizes struct {
	Wide int `json:"wide,omitempty"` // width of the list where panes stand side by side
	Tall int `json:"tall,omitempty"` // its height where they stand below each other
	Run  int `json:"run,omitempty"`  // height of the run
}

// Rects are the places of everything. Those of panes that are not shown are empty. Together they cover the screen.
type Rects struct {
	Header, Footer Rect
	Status         Rect // one line about the run where there is no room for its pane, or it has ended well
	Panes          [paneCount]Rect
	Bare           bool // the one pane that is shown has no borders at its sides
	TooSmall       bool // nothing but a message
}

// The smallest screen, and the sizes at which something is left out.
const (
	minWidth, minHeight = 40, 12
	wideWidth           = 140 // panes side by side
	runHeight           = 20  // below: one line instead of the run pane
	roomyHeight         = 24  // of what the list leaves: a run that has ended well keeps its pane
	detailHeight        = 16  // below: no detail beside the list
)

// Layout places everything on a screen of w×h cells. The list's place does not depend on whether a run is shown: nothing moves
// under the cursor when one starts.
func Layout(w, h int, s Shape) Rects {
	if w < minWidth || h < minHeight {
		return Rects{TooSmall: true}
	}
	r := Rects{Header: Rect{0, 0, w, 1}, Footer: Rect{0, h - 1, w, 1}}
	body := Rect{0, 1, w, h - 2}
	if s.Run > 0 && h < runHeight && s.Focus != PaneRun {
		body.H--
		r.Status = Rect{0, h - 2, w, 1}
	}
	if s.Focus == PaneRun && s.Run == 0 {
		s.Focus = PaneAssets
	}
	alone := s.Zoom || s.Focus == PaneDetail && h < detailHeight || s.Focus == PaneRun && h < runHeight
	switch {
	case alone:
		r.Panes[s.Focus], r.Bare = body, s.Zoom
	case h < detailHeight:
		r.Panes[PaneAssets] = body
	case w >= wideWidth:
		wide := max(76, min(100, w*48/100))
		if s.Lanes > 0 { // as wide as the drawing, as long as there is room for a table beside it
			wide = max(w*3/5, min(s.Wide+4, w*3/4))
		}
		left := max(40, min(wide+s.Sizes.Wide, w-40))
		r.Panes[PaneAssets] = Rect{0, body.Y, left, body.H}
		r.below(Rect{left, body.Y, w - left, body.H}, h, s)
	default:
		most, wanted := (body.H+1)/2, max(s.Rows+2, 8)
		if s.Lanes > 0 {
			most, wanted = body.H*2/3, max(s.Lanes+2, 8)
		}
		list := max(8, min(most, wanted))
		if s.Sizes.Tall != 0 {
			list = max(5, min(list+s.Sizes.Tall, body.H-6, wanted))
		}
		r.Panes[PaneAssets] = Rect{0, body.Y, w, list}
		r.below(Rect{0, body.Y + list, w, body.H - list}, h, s)
	}
	return r
}

// below divides what the list leaves between detail and run.
func (r *Rects) below(rest Rect, h int, s Shape) {
	run := 0
	switch {
	case s.Run == 0 || h < runHeight:
	case s.Over && s.Focus != PaneRun && rest.H < roomyHeight:
		rest.H--
		r.Status = Rect{rest.X, rest.Y + rest.H, rest.W, 1}
	default:
		run = max(min(5, s.Run+2), min(s.Run+2, rest.H*2/5))
		run = max(3, min(run+s.Sizes.Run, rest.H-5))
	}
	r.Panes[PaneDetail] = Rect{rest.X, rest.Y, rest.W, rest.H - run}
	if run > 0 {
		r.Panes[PaneRun] = Rect{rest.X, rest.Y + rest.H - run, rest.W, run}
	}
}
