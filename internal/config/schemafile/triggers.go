package schemafile

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/config/expand"
	"github.com/tycostream/tycostream/internal/config/mistake"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
	"github.com/tycostream/tycostream/internal/trigger/spec"
)

// maxTriggerNodes bounds one trigger: aliases would let a small file declare
// one of any size.
const maxTriggerNodes = 20_000

// readTriggers reads the triggers of a source: names with triggers, or a list
// of triggers with a name each. sound says that nothing else is wrong with the
// source, so that conditions can be compared with its columns.
func (p *parser) readTriggers(def *source.Definition, n *yaml.Node, sound bool) {
	if n.Kind == yaml.SequenceNode {
		p.triggerList(def, n, sound)
		return
	}
	for _, e := range p.pairs(n, "triggers", "names of triggers, each with its webhook and fire") {
		p.readTrigger(def, name(e.key), e.key, e.value, sound)
	}
}

func (p *parser) triggerList(def *source.Definition, n *yaml.Node, sound bool) {
	lines := map[string]int{}
	for _, item := range n.Content {
		item = resolve(item)
		if item.Kind != yaml.MappingNode {
			p.wrong(item, "triggers must list triggers, each with its name, webhook and fire")
			continue
		}
		text := ""
		for i := 0; i+1 < len(item.Content); i += 2 {
			if name(item.Content[i]) == "name" {
				text = resolve(item.Content[i+1]).Value
			}
		}
		if line, twice := lines[text]; twice {
			p.wrong(item, "there are two triggers %q; the first is in line %d", text, line)
			continue
		}
		lines[text] = item.Line
		p.readTrigger(def, text, item, item, sound)
	}
}

// readTrigger reads one trigger; place is where mistakes are that have none of
// their own.
func (p *parser) readTrigger(def *source.Definition, text string, place, n *yaml.Node, sound bool) {
	path := []string{"sources", def.Name, "triggers", text}
	p.note(place, path...)
	if n.Kind != yaml.MappingNode {
		p.wrong(n, "trigger %q needs a webhook and fire", text)
		return
	}
	r := &plain{parser: p}
	before := len(p.mistakes)
	node, _ := r.value(n, path).(map[string]any)
	p.fill(node, path)
	if r.nodes > maxTriggerNodes {
		p.wrong(place, "trigger %q has more than %d names and values", text, maxTriggerNodes)
	}
	if len(p.mistakes) > before {
		return
	}
	in, mistakes := spec.Declare(text, node)
	for _, m := range mistakes {
		p.misplaced(append(slices.Clone(path), m.Path...), "trigger %q: %s", text, m.Text)
	}
	if len(mistakes) > 0 {
		return
	}
	if p.file.Triggers == nil {
		p.file.Triggers = map[string][]spec.Input{}
	}
	p.file.Triggers[def.Name] = append(p.file.Triggers[def.Name], in)
	if schema, declared := def.Declared(); declared && sound {
		p.mistakes = append(p.mistakes, p.file.CheckTrigger(def.Name, schema, in)...)
	}
}

// fill puts variables into what may hold credentials, or differ from one
// installation to the next: the webhook, headers and secrets.
func (p *parser) fill(node map[string]any, path []string) {
	for _, key := range []string{"webhook", "headers", "secret", "secrets"} {
		if v, ok := node[key]; ok {
			node[key] = p.filled(v, append(slices.Clone(path), key))
		}
	}
	for _, s := range []any{node["secret"], node["secrets"]} {
		list, ok := s.([]any)
		if !ok {
			list = []any{s}
		}
		for _, v := range list {
			if text, ok := v.(string); ok {
				p.file.secrets = append(p.file.secrets, text)
			}
		}
	}
}

// filled returns a value with the variables in its texts.
func (p *parser) filled(v any, path []string) any {
	switch x := v.(type) {
	case string:
		text, err := expand.Text(x, p.options.Variable)
		if err != nil {
			p.misplaced(path, "trigger %q: %s: %s", path[3], path[4], err)
		}
		if text != x {
			p.file.secrets = append(p.file.secrets, text)
		}
		return text
	case []any:
		for i := range x {
			x[i] = p.filled(x[i], append(slices.Clone(path), strconv.Itoa(i)))
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(x)) {
			x[name] = p.filled(x[name], append(slices.Clone(path), name))
		}
	}
	return v
}

func (p *parser) misplaced(path []string, format string, args ...any) {
	at := p.file.Place(path...)
	p.at(at.Line, at.Column, format, args...)
}

// CheckTrigger compares a trigger's conditions and fields with the columns of
// its source.
func (f *File) CheckTrigger(sourceName string, schema *relation.Schema, in spec.Input) mistake.List {
	var list mistake.List
	shape := codec.Shape{Schema: schema, StringScalars: f.StringScalars}
	for range 3 { // fire, clear, fields: each is told once
		_, err := in.Define(sourceName, spec.File, shape)
		if err == nil {
			break
		}
		text := err.Error()
		path := steps(text)
		m := f.Place(append([]string{"sources", sourceName, "triggers", in.Name}, path...)...)
		m.Text = "trigger " + strconv.Quote(in.Name) + ": " + text
		list = append(list, m)
		switch path[0] { // what is wrong makes room for what is right, so that the rest is seen
		case "fire":
			in.Fire = map[string]any{schema.Columns[0].Field: map[string]any{"_is_null": false}}
		case "clear":
			in.Clear = nil
		case "fields":
			in.Fields = nil
		default:
			return list
		}
	}
	return list
}

// steps are the keys at which a text such as "fire._or[1].price._gt: ..."
// points.
func steps(text string) []string {
	place, _, _ := strings.Cut(text, ":")
	return strings.FieldsFunc(place, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// plain turns nodes into plain values as spec.Declare takes them, and notes
// where they stand.
type plain struct {
	*parser
	nodes int
}

func (r *plain) value(n *yaml.Node, path []string) any {
	n = resolve(n)
	if r.nodes++; r.nodes > maxTriggerNodes {
		return nil
	}
	switch n.Kind { //nolint:exhaustive // the rest are single values
	case yaml.MappingNode:
		m := map[string]any{}
		for _, e := range r.pairs(n, "a condition", "names and values") {
			at := append(slices.Clone(path), name(e.key))
			r.note(e.key, at...)
			m[name(e.key)] = r.value(e.value, at)
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for i, item := range n.Content {
			at := append(slices.Clone(path), strconv.Itoa(i))
			r.note(item, at...)
			list = append(list, r.value(item, at))
		}
		return list
	}
	v, err := scalar(n)
	if err != nil {
		r.wrong(n, "%s", err)
	}
	return v
}

func scalar(n *yaml.Node) (any, error) {
	switch n.Tag {
	case "!!null":
		return nil, nil //nolint:nilnil // null is a value here
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int", "!!float":
		if !json.Valid([]byte(n.Value)) {
			return nil, errors.New("write the number " + strconv.Quote(n.Value) + " in plain digits, or in quotes as a text")
		}
		return json.Number(n.Value), nil
	}
	return n.Value, nil
}
