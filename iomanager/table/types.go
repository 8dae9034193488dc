package table

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"github.com/assetdev/assetdev/iomanager/page"
)

// The type of a column is what its Parquet schema says, and nothing else, so that it is the same whatever wrote the file; what
// Parquet cannot say (the name of a time zone, metadata of a column) comes from the Arrow schema that some writers add. Encodings in
// memory (dictionaries, large and view layouts, fixed-size lists) are no types: see plain.go.

// The shape of a node.
type shape uint8

const (
	leaf    shape = iota
	list          // one child, the element
	mapping       // two children, key and value
	structure
)

// A node is a column, or a part of a nested one.
type node struct {
	name     string
	path     string // for messages: names from the top, with dots
	nullable bool   // always, for elements of a list
	shape    shape
	typ      arrow.DataType // of the arrays; complete, also where nested
	logical  string         // what Parquet says of a leaf and Arrow has no type for: json, enum, bson, uuid, interval
	leaves   []int          // columns of the Parquet schema below it
	children []*node
	metadata arrow.Metadata // of a column; not of parts
	problem  error          // why its values cannot be read, or nil
}

// newNodes returns the columns of a Parquet schema. origin is the Arrow schema of the writer, or nil.
func newNodes(sc *schema.Schema, origin *arrow.Schema) ([]*node, error) {
	manifest, err := pqarrow.NewSchemaManifest(sc, nil, nil)
	if err != nil {
		return nil, unsupported("%v", err)
	}
	if origin != nil && origin.NumFields() != len(manifest.Fields) {
		origin = nil
	}
	nodes := make([]*node, len(manifest.Fields))
	for i := range manifest.Fields {
		var typ arrow.DataType
		var md arrow.Metadata
		if origin != nil && origin.Field(i).Name == manifest.Fields[i].Field.Name {
			typ, md = origin.Field(i).Type, origin.Field(i).Metadata
		}
		if nodes[i], err = newNode(&manifest.Fields[i], sc, typ, ""); err != nil {
			return nil, err
		}
		nodes[i].metadata = md
	}
	return nodes, nil
}

func newNode(f *pqarrow.SchemaField, sc *schema.Schema, origin arrow.DataType, above string) (*node, error) {
	n := &node{name: f.Field.Name, path: above + f.Field.Name, nullable: f.Field.Nullable}
	origin = plainOrigin(origin)
	add := func(f *pqarrow.SchemaField, origin arrow.DataType) (*node, error) {
		child, err := newNode(f, sc, origin, n.path+".")
		if err == nil {
			n.children = append(n.children, child)
			n.leaves = append(n.leaves, child.leaves...)
			n.problem = cmp.Or(n.problem, child.problem)
		}
		return child, err
	}
	switch t := f.Field.Type.(type) {
	case *arrow.ListType:
		n.shape = list
		var of arrow.DataType
		if o, ok := origin.(arrow.ListLikeType); ok {
			of = o.Elem()
		}
		element, err := add(&f.Children[0], of)
		if err != nil {
			return nil, err
		}
		element.nullable, element.path = true, n.path+"[]"
		n.typ = arrow.ListOfField(arrow.Field{Name: "item", Type: element.typ, Nullable: true})
	case *arrow.MapType:
		n.shape = mapping
		var ofKey, ofValue arrow.DataType
		if o, ok := origin.(*arrow.MapType); ok {
			ofKey, ofValue = o.KeyType(), o.ItemType()
		}
		key, err := add(&f.Children[0].Children[0], ofKey)
		if err != nil {
			return nil, err
		}
		value, err := add(&f.Children[0].Children[1], ofValue)
		if err != nil {
			return nil, err
		}
		value.nullable = true
		n.typ = arrow.MapOf(key.typ, value.typ)
	case *arrow.StructType:
		n.shape = structure
		o, _ := origin.(*arrow.StructType)
		fields := make([]arrow.Field, len(f.Children))
		for i := range f.Children {
			var of arrow.DataType
			if o != nil && o.NumFields() == len(fields) {
				of = o.Field(i).Type
			}
			child, err := add(&f.Children[i], of)
			if err != nil {
				return nil, err
			}
			fields[i] = arrow.Field{Name: child.name, Type: child.typ, Nullable: child.nullable}
		}
		n.typ = arrow.StructOf(fields...)
	case *arrow.TimestampType:
		n.typ, n.leaves = t, []int{f.ColIndex}
		if o, ok := origin.(*arrow.TimestampType); ok && t.TimeZone != "" && o.TimeZone != "" {
			n.typ = &arrow.TimestampType{Unit: t.Unit, TimeZone: o.TimeZone}
		}
	case *arrow.Decimal256Type:
		// The library reads negative ones wrongly.
		n.typ, n.leaves = t, []int{f.ColIndex}
		n.problem = unsupported("column %q is a decimal of %d digits; more than 38 are not supported", n.path, t.Precision)
	default:
		n.typ, n.leaves = t, []int{f.ColIndex}
		switch sc.Column(f.ColIndex).LogicalType().(type) {
		case schema.JSONLogicalType:
			n.typ, n.logical = arrow.BinaryTypes.String, "json"
		case schema.EnumLogicalType:
			n.typ, n.logical = arrow.BinaryTypes.String, "enum"
		case schema.BSONLogicalType:
			n.logical = "bson"
		case schema.UUIDLogicalType:
			n.logical = "uuid"
		case schema.IntervalLogicalType:
			n.logical = "interval"
		}
	}
	return n, nil
}

// plainOrigin looks through what is an encoding in memory.
func plainOrigin(t arrow.DataType) arrow.DataType {
	switch t := t.(type) {
	case *arrow.DictionaryType:
		return plainOrigin(t.ValueType)
	case arrow.ExtensionType:
		return plainOrigin(t.StorageType())
	}
	return t
}

// column describes the node for front ends.
func (n *node) column() page.Column {
	return page.Column{Name: n.name, Type: n.typeName(), Nullable: n.nullable}
}

func columnsOf(nodes []*node) []page.Column {
	columns := make([]page.Column, len(nodes))
	for i, n := range nodes {
		columns[i] = n.column()
	}
	return columns
}

// typeName returns the type in Arrow's words.
func (n *node) typeName() string {
	switch n.shape {
	case list:
		return "list<" + n.children[0].typeName() + ">"
	case mapping:
		return "map<" + n.children[0].typeName() + ", " + n.children[1].typeName() + ">"
	case structure:
		parts := make([]string, len(n.children))
		for i, c := range n.children {
			parts[i] = c.name + ": " + c.typeName()
			if !c.nullable {
				parts[i] += " not null"
			}
		}
		return "struct<" + strings.Join(parts, ", ") + ">"
	case leaf:
	}
	if n.logical != "" {
		return n.logical
	}
	switch t := n.typ.(type) {
	case *arrow.Float16Type:
		return "float16"
	case *arrow.FixedSizeBinaryType:
		return fmt.Sprintf("fixed_size_binary[%d]", t.ByteWidth)
	case *arrow.Time32Type:
		return fmt.Sprintf("time32[%s]", t.Unit)
	case *arrow.Time64Type:
		return fmt.Sprintf("time64[%s]", t.Unit)
	case *arrow.TimestampType:
		if t.TimeZone == "" {
			return fmt.Sprintf("timestamp[%s]", t.Unit)
		}
		return fmt.Sprintf("timestamp[%s, tz=%s]", t.Unit, t.TimeZone)
	case *arrow.Decimal256Type:
		return fmt.Sprintf("decimal256(%d, %d)", t.Precision, t.Scale)
	case *arrow.Decimal128Type:
		return fmt.Sprintf("decimal128(%d, %d)", t.Precision, t.Scale)
	}
	return n.typ.Name()
}

// appendCanonical appends the part of the column's schema that counts in a data version: name, nullability, type, metadata.
func (n *node) appendCanonical(to []byte) []byte {
	to = appendText(to, n.name)
	to = appendBool(to, n.nullable)
	to = n.appendType(to)
	pairs := make(map[string]string)
	for i, key := range n.metadata.Keys() {
		if key != "PARQUET:field_id" { // the writer's business
			pairs[key] = n.metadata.Values()[i]
		}
	}
	to = binary.AppendUvarint(to, uint64(len(pairs)))
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		to = appendText(appendText(to, key), pairs[key])
	}
	return to
}

func (n *node) appendType(to []byte) []byte {
	switch n.shape {
	case leaf:
		return appendText(to, n.typeName())
	case list:
		return n.children[0].appendType(appendText(to, "list"))
	case mapping:
		return n.children[1].appendType(n.children[0].appendType(appendText(to, "map")))
	case structure:
		to = binary.AppendUvarint(appendText(to, "struct"), uint64(len(n.children)))
		for _, c := range n.children {
			to = c.appendType(appendBool(appendText(to, c.name), c.nullable))
		}
	}
	return to
}

func appendText(to []byte, s string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(s))), s...)
}

func appendBool(to []byte, b bool) []byte {
	if b {
		return append(to, 1)
	}
	return append(to, 0)
}

// arrowSchemaKey is where a Parquet file keeps the Arrow schema of its writer.
const arrowSchemaKey = "ARROW:schema"

// originSchema returns the Arrow schema of the writer, or nil when there is none that can be read: nothing hangs on it but the names
// of time zones and the metadata of columns.
func originSchema(kv metadata.KeyValueMetadata) (origin *arrow.Schema) {
	defer func() {
		if recover() != nil { // flatbuffers are not verified before they are followed
			origin = nil
		}
	}()
	text := kv.FindValue(arrowSchemaKey)
	if text == nil {
		return nil
	}
	message, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(*text, "="))
	if err != nil {
		return nil
	}
	r, err := ipc.NewReader(bytes.NewReader(message))
	if err != nil {
		return nil
	}
	return r.Schema()
}

// retype returns the array as one of type t, which has the same layout: t names time zones, fields and text that Parquet did not.
func retype(data arrow.ArrayData, t arrow.DataType) arrow.ArrayData {
	var of []arrow.DataType
	switch t := t.(type) {
	case *arrow.ListType:
		of = []arrow.DataType{t.Elem()}
	case *arrow.MapType:
		of = []arrow.DataType{t.Elem()}
	case *arrow.StructType:
		for _, f := range t.Fields() {
			of = append(of, f.Type)
		}
	}
	if len(data.Children()) != len(of) { // the library's idea of no values at all
		return array.MakeArrayOfNull(memory.DefaultAllocator, t, data.Len()).Data()
	}
	children := make([]arrow.ArrayData, len(of))
	for i, child := range data.Children() {
		children[i] = retype(child, of[i])
	}
	return array.NewData(t, data.Len(), data.Buffers(), children, data.NullN(), data.Offset())
}
