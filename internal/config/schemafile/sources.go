package schemafile

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tycostream/tycostream/internal/config/mistake"
	"github.com/tycostream/tycostream/internal/source"
)

var sourceKeys = []string{
	"graphql_name", "relation", "query", "primary_key", "start", "linger", "max_rows", "required", "columns", "triggers",
}

// Choose is the key that "tycostream introspect" writes where somebody has to
// decide.
const Choose = "CHOOSE"

func (p *parser) readSources(n *yaml.Node) {
	list := p.pairs(n, "sources", "names of sources, each with its primary_key")
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		p.wrong(n, "sources is empty: name at least one, as \"tycostream introspect\" prints it")
	}
	for _, e := range list {
		def := p.readSource(e)
		p.file.Sources = append(p.file.Sources, def)
	}
}

func (p *parser) readSource(e pair) *source.Definition {
	def := &source.Definition{Name: name(e.key), Required: true, Linger: p.options.Linger, Field: p.field}
	p.note(e.key, "sources", def.Name)
	def.Base = p.field(def.Name)
	before := len(p.mistakes)
	p.note(e.key, "sources", def.Name, nameKey)
	nodes := map[string]*yaml.Node{}
	keys := map[string]*yaml.Node{}
	if isNull(e.value) {
		p.wrong(e.key, "source %q needs a primary_key", def.Name)
		return def
	}
	misspelt := false // the primary_key, so that it is not reported as missing too
	for _, f := range p.pairs(e.value, "source "+strconv.Quote(def.Name), strings.Join(sourceKeys, ", ")) {
		key := name(f.key)
		if !slices.Contains(sourceKeys, key) {
			p.wrong(f.key, "unknown key %q in source %q%s", key, def.Name, mistake.OneOf(key, sourceKeys))
			c, _ := mistake.Closest(key, sourceKeys)
			misspelt = misspelt || c == "primary_key"
			continue
		}
		p.note(f.key, "sources", def.Name, key)
		nodes[key], keys[key] = f.value, f.key
	}
	if e.value.Kind != yaml.MappingNode {
		return def
	}
	if n := nodes["graphql_name"]; n != nil {
		if text, ok := p.text(n, "graphql_name"); ok {
			def.Base = text
			p.note(n, "sources", def.Name, nameKey)
		}
	}
	p.upstream(def, nodes, keys)
	p.life(def, nodes, keys)
	columns := nodes["columns"]
	if n := nodes["primary_key"]; n != nil || !misspelt {
		p.readKey(def, e.key, n)
	}
	if columns != nil {
		p.readColumns(def, columns)
	}
	p.checkKey(def, nodes["primary_key"])
	if n := nodes["triggers"]; n != nil && !isNull(n) {
		p.readTriggers(def, n, len(p.mistakes) == before)
	}
	return def
}

// upstream reads what the source follows.
func (p *parser) upstream(def *source.Definition, nodes, keys map[string]*yaml.Node) {
	if n := nodes["query"]; n != nil {
		if keys["relation"] != nil {
			p.wrong(keys["query"], "source %q has both relation and query: keep one", def.Name)
		}
		if text, ok := p.text(n, "query"); ok {
			def.Query = p.checkQuery(n, text)
		}
		return
	}
	def.Relation = def.Name
	if n := nodes["relation"]; n != nil {
		text, ok := p.text(n, "relation")
		if !ok {
			return
		}
		def.Relation = text
		if why := illegalRelation(text); why != "" {
			p.wrong(n, "relation %q %s: write name, schema.name or database.schema.name", text, why)
		}
	}
}

func (p *parser) checkQuery(n *yaml.Node, text string) string {
	text = strings.TrimRight(strings.TrimSpace(text), "; \t\r\n")
	first, _, _ := strings.Cut(strings.Join(strings.Fields(text), " "), " ")
	switch strings.ToUpper(strings.TrimLeft(first, "(")) {
	case "SELECT", "WITH", "VALUES", "TABLE", "":
	default:
		if !strings.HasPrefix(first, "--") && !strings.HasPrefix(first, "/*") {
			p.wrong(n, "query must be a SELECT, not %q", first)
		}
	}
	return text
}

// illegalRelation says what is wrong with the name of a relation. Parts may be
// quoted as in SQL.
func illegalRelation(text string) string {
	parts, quoted, empty := 1, false, true
	for _, r := range text {
		switch {
		case r == '"':
			quoted, empty = !quoted, false
		case quoted:
		case r == '.':
			if empty {
				return "has an empty part"
			}
			parts, empty = parts+1, true
		case r == ' ' || r == '\t' || r == '\n' || r == ';' || r == '(' || r == ')':
			return "is not a name"
		default:
			empty = false
		}
	}
	switch {
	case quoted:
		return "lacks a closing quote"
	case empty:
		return "has an empty part"
	case parts > 3:
		return "has " + strconv.Itoa(parts) + " parts"
	}
	return ""
}

// life reads when the source runs and what it may grow to.
func (p *parser) life(def *source.Definition, nodes, keys map[string]*yaml.Node) {
	if n := nodes["start"]; n != nil {
		def.Lazy = p.choice(n, "start", "eager", "lazy") == 1
		def.Required = !def.Lazy
	}
	if n := nodes["linger"]; n != nil {
		if d, ok := p.duration(n, "linger"); ok {
			def.Linger = d
		}
		if !def.Lazy {
			p.warn(keys["linger"], "linger does nothing here: it is for sources with start: lazy")
		}
	}
	if n := nodes["max_rows"]; n != nil {
		if v, ok := p.count(n, "max_rows"); ok {
			def.MaxRows = v
		}
	}
	if n := nodes["required"]; n != nil {
		v, ok := p.boolean(n, "required")
		if ok && v && def.Lazy {
			p.warn(keys["required"], "a lazy source connects with its first subscriber, so it does not count for readiness")
			v = false
		}
		if ok {
			def.Required = v
		}
	}
}

func (p *parser) readKey(def *source.Definition, key, n *yaml.Node) {
	if n == nil {
		p.wrong(key, "source %q has no primary_key: name the column or columns that identify a row "+
			"(\"tycostream introspect --source %s\" proposes some), or narrow it with query to rows that have some", def.Name, def.Name)
		return
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
		if len(items) == 0 {
			p.wrong(n, "primary_key is an empty list")
		}
	}
	for _, item := range items {
		text, ok := p.text(item, "primary_key")
		switch {
		case !ok:
		case text == Choose:
			p.wrong(item, "choose the primary_key of source %q: the comment beside it lists candidates", def.Name)
		case strings.Contains(text, ",") && n.Kind == yaml.ScalarNode:
			p.wrong(item, "primary_key %q: write several columns as a list, [%s]", text, text)
		case slices.Contains(def.Key, text):
			p.wrong(item, "primary_key names %q twice", text)
		default:
			def.Key = append(def.Key, text)
		}
	}
}

// checkKey compares the key with the declared columns, if there are any.
func (p *parser) checkKey(def *source.Definition, n *yaml.Node) {
	if n == nil || len(def.Columns) == 0 {
		return
	}
	columns := make([]string, len(def.Columns))
	for i := range def.Columns {
		columns[i] = def.Columns[i].Name
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	for _, item := range items {
		text := resolve(item).Value
		if !slices.Contains(def.Key, text) {
			continue
		}
		i := slices.Index(columns, text)
		switch {
		case i < 0:
			p.wrong(item, "primary_key names %q, which is not among the columns%s", text, mistake.OneOf(text, columns))
		case def.Columns[i].Nullable != nil && *def.Columns[i].Nullable:
			place := p.file.Place("sources", def.Name, "columns", text)
			p.at(place.Line, place.Column, "column %q is part of the primary_key and cannot be nullable", text)
		}
	}
}
