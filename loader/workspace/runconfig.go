package workspace

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/assetdev/assetdev/internal/diag"
)

// LoadRunConfig joins run config as users give it: YAML or JSON files, the later over the earlier, and text over all. Mappings are
// joined field by field, everything else is replaced, as Dagster does it. The result is a JSON object, nil when nothing is given. Errors
// are joined [*diag.Error]s of kind "usage".
func LoadRunConfig(files []string, text string) (json.RawMessage, error) {
	if len(files) == 0 && text == "" {
		return nil, nil
	}
	var all map[string]any
	add := func(shown string, content []byte) error {
		p := &parser{shown: shown}
		if strings.TrimSpace(string(content)) == "" {
			return nil
		}
		if doc := p.document(content); doc != nil {
			if v, ok := p.value(doc).(map[string]any); ok {
				all = joinConfig(all, v)
			} else if len(p.problems) == 0 {
				p.failAt(doc, "for example ops: {my_asset: {config: {limit: 10}}}", "run config must be a mapping, not %s", describe(doc))
			}
		}
		for _, e := range p.problems {
			e.Kind = "usage"
		}
		return p.err()
	}
	for _, file := range files {
		content, err := readSmall(file)
		if err != nil {
			return nil, diag.New("usage", "run config cannot be read: %w", err).At(diag.Pos{File: file})
		}
		if err := add(file, content); err != nil {
			return nil, err
		}
	}
	if text != "" {
		if err := add("--config-json", []byte(text)); err != nil {
			return nil, err
		}
	}
	if all == nil {
		all = map[string]any{}
	}
	return json.Marshal(all)
}

// joinConfig puts the fields of over into config, mappings within each other.
func joinConfig(config, over map[string]any) map[string]any {
	if config == nil {
		return over
	}
	for name, value := range over {
		below, isMap := config[name].(map[string]any)
		above, bothMaps := value.(map[string]any)
		if isMap && bothMaps {
			value = joinConfig(below, above)
		}
		config[name] = value
	}
	return config
}

// value returns what a node means, as package json understands it. Dates are texts, as in Dagster.
func (p *parser) value(n *yaml.Node) any {
	n = resolve(n)
	switch n.Kind {
	case yaml.MappingNode:
		fields := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := resolve(n.Content[i]), n.Content[i+1]
			if key.Kind != yaml.ScalarNode {
				p.failAt(key, "", "a key must be text, not %s", describe(key))
				continue
			}
			if key.ShortTag() == "!!merge" {
				if merged, ok := p.value(value).(map[string]any); ok {
					fields = joinConfig(merged, fields)
				}
				continue
			}
			if _, twice := fields[key.Value]; twice {
				p.failAt(key, "", "the key %s stands twice here", quote(key.Value))
				continue
			}
			fields[key.Value] = p.value(value)
		}
		return fields
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, p.value(item))
		}
		return list
	case yaml.ScalarNode:
		return p.scalarValue(n)
	case yaml.DocumentNode, yaml.AliasNode:
	}
	return nil
}

func (p *parser) scalarValue(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return b
		}
	case "!!int":
		var i int64
		if n.Decode(&i) == nil {
			return i
		}
		if _, err := strconv.ParseUint(n.Value, 10, 64); err == nil {
			return json.Number(n.Value)
		}
	case "!!float":
		var f float64
		if n.Decode(&f) == nil {
			if math.IsInf(f, 0) || math.IsNaN(f) {
				p.failAt(n, "", "%s is no number that run config can hold", quote(n.Value))
				return nil
			}
			return f
		}
	}
	return n.Value
}
