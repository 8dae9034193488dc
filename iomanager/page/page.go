// Package page holds rows as front ends may hold them: text and types, no Arrow. Standard library only.
package page

import "encoding/json"

// A Column describes one column of a table.
type Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // in Arrow's words, as "int64", "timestamp[us, tz=UTC]", "list<utf8>"
	Nullable bool   `json:"nullable"`
}

// A Kind says how a cell is to be shown.
type Kind uint8

// The kinds of a cell.
const (
	Text   Kind = iota
	Number      // right-aligned
	Null        // shown as ∅, null in JSON
	Binary      // Value is base64
	Boolean
	Nested // Value is JSON
)

// A Cell is one value. Value is what --json prints (without quotes for Number), unsanitised: it comes from a data file and
// passes internal/printable before it reaches a terminal.
type Cell struct {
	Kind  Kind   `json:"k,omitempty"`
	Value string `json:"v,omitempty"`
	// Exact says that Value is a number that JSON readers keep exactly (32-bit integers, finite floats): it is printed without quotes.
	Exact bool `json:"x,omitempty"`
	// Cut says that Value is only the beginning: of a text, of the bytes that base64 stands for, or of JSON that is then none.
	Cut bool `json:"c,omitempty"`
}

// AppendJSON appends the cell as `preview --json` prints it: a number only where no reader rounds it, null, true, false, nested
// values as JSON, everything else as a string.
func (c Cell) AppendJSON(to []byte) []byte {
	switch {
	case c.Kind == Null:
		return append(to, "null"...)
	case !c.Cut && (c.Kind == Number && c.Exact || c.Kind == Boolean || c.Kind == Nested):
		return append(to, c.Value...)
	}
	text, err := json.Marshal(c.Value)
	if err != nil { // a string has no value that JSON refuses
		panic(err)
	}
	return append(to, text...)
}

// A Page is a window of a table: rows × columns.
type Page struct {
	RowsTotal    int64    `json:"rows_total"`
	ColumnsTotal int      `json:"columns_total"`
	Offset       int64    `json:"offset"`
	Columns      []Column `json:"columns"`
	Rows         [][]Cell `json:"rows"`
	Bytes        int64    `json:"bytes"`
	RowGroups    int      `json:"row_groups"`
	// Note says what the rows are when they are not those of a table, as the metadata of an asset that hands over no data; "" for a table.
	Note string `json:"note,omitempty"`
	// Order holds the number in the table of each row, from 0, where the rows do not stand in the table's order. Offset then counts in
	// that order.
	Order []int64 `json:"order,omitempty"`
}

// Stats describe the values of one column of a table.
type Stats struct {
	Column   Column `json:"column"`
	Rows     int64  `json:"rows"` // of the table
	Nulls    int64  `json:"nulls"`
	Empty    int64  `json:"empty"`    // texts, binaries and lists of no length
	NaN      int64  `json:"nan"`      // counted in no other number but Rows and Distinct
	Distinct int64  `json:"distinct"` // different values that are not null
	About    bool   `json:"about"`    // Distinct is an estimate
	// Min and Max are the least and the greatest value, nil where there is none or they have no order.
	Min *Cell `json:"min,omitempty"`
	Max *Cell `json:"max,omitempty"`
}
