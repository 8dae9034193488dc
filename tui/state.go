package tui

// What a session leaves for the next one. An unknown version or a damaged file is no state, never an error.

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/assetdev/assetdev/graph/layout"
)

const stateVersion = 1

type state struct {
	Version int      `json:"version"`
	Cursor  string   `json:"cursor,omitempty"`
	Filter  string   `json:"filter,omitempty"`
	Tab     int      `json:"tab"`
	View    string   `json:"view,omitempty"` // "lanes", else the list
	X       int      `json:"x,omitempty"`    // of the lanes' upper left cell
	Y       int      `json:"y,omitempty"`
	Theme   string   `json:"theme,omitempty"`
	Recent  []string `json:"recent,omitempty"` // filters, the newest first
	Sizes   Sizes    `json:"sizes"`
}

func (m *Model) stateDir() string {
	if m.opts.StatePath == "" {
		return ""
	}
	return filepath.Dir(m.opts.StatePath)
}

func (m *Model) loadState() state {
	var s state
	if m.opts.StatePath == "" {
		return s
	}
	text, err := os.ReadFile(m.opts.StatePath)
	if err != nil || json.Unmarshal(text, &s) != nil || s.Version != stateVersion {
		return state{}
	}
	return s
}

// saveState is best effort: a screen that cannot remember is no reason to fail.
func (m *Model) saveState() {
	if m.opts.StatePath == "" {
		return
	}
	s := state{Version: stateVersion, Filter: m.list.filter, Tab: int(m.tab), Recent: m.recent, Sizes: m.sizes}
	if m.lanesView.on {
		s.View = "lanes"
	}
	s.X, s.Y = m.lanesView.view.X, m.lanesView.view.Y
	if m.theme != "auto" && m.opts.Theme == "" {
		s.Theme = m.theme
	}
	if key, ok := m.list.key(); ok {
		s.Cursor = key.String()
	}
	text, err := json.Marshal(s)
	if err != nil || os.MkdirAll(m.stateDir(), 0o700) != nil {
		return
	}
	m.keep("", text)
	placed := m.lanesView.placed
	if whole := m.lanesView.whole.placed; whole != nil && m.lanesView.narrow != (narrowing{}) {
		placed = whole
	}
	if placed != nil {
		if drawing, err := placed.MarshalBinary(); err == nil {
			m.keep(lanesFile, drawing)
		}
	}
}

// lanesFile is behind the name of the state's file in that of the drawing.
const lanesFile = ".lanes"

// keep replaces a file of the state.
func (m *Model) keep(suffix string, data []byte) {
	path := m.opts.StatePath + suffix
	if os.WriteFile(path+".new", data, 0o600) == nil {
		_ = os.Rename(path+".new", path)
	}
}

// loadLanes returns the drawing of the last session, nil when there is none.
func (m *Model) loadLanes() *layout.Placed {
	if m.opts.StatePath == "" {
		return nil
	}
	data, err := os.ReadFile(m.opts.StatePath + lanesFile)
	placed := new(layout.Placed)
	if err != nil || placed.UnmarshalBinary(data) != nil {
		return nil
	}
	return placed
}
