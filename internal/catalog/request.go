package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tycostream/tycostream/internal/naming"
	"github.com/tycostream/tycostream/internal/relation"
)

// Arguments are a request as a command line writes it.
type Arguments struct {
	Sources []string // live_pnl, or several with commas
	Keys    []string // instrument_id, or trades=id, or trades=desk,id
	Enums   []string // side=buy,sell
	Columns []string // trades.side=side
	Naming  string   // camelCase or database
}

// Request reads the arguments. Its error is one in the command line.
func (a Arguments) Request() (Request, error) {
	r := Request{Keys: map[string][]string{}, Columns: map[string]map[string]string{}}
	switch a.Naming {
	case "camelCase", "":
	case "database":
		r.Database = true
	default:
		return r, fmt.Errorf("--naming %s: use camelCase or database", a.Naming)
	}
	for _, s := range a.Sources {
		r.Sources = append(r.Sources, list(s)...)
	}
	for _, read := range []struct {
		texts []string
		one   func(*Request, string) error
	}{{a.Keys, (*Request).readKey}, {a.Enums, (*Request).readEnum}, {a.Columns, (*Request).readColumn}} {
		for _, text := range read.texts {
			if err := read.one(&r, text); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

func list(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

func (r *Request) readKey(text string) error {
	source, columns, named := strings.Cut(text, "=")
	switch {
	case !named && len(r.Sources) == 1:
		source, columns = r.Sources[0], text
	case !named:
		return fmt.Errorf("--key %s: say of which source, as in --key trades=id, or name one --source", text)
	case len(r.Sources) > 0 && !slices.Contains(r.Sources, source):
		return fmt.Errorf("--key %s: %s is not among the sources", text, source)
	}
	key := list(columns)
	if len(key) == 0 {
		return fmt.Errorf("--key %s: name at least one column", text)
	}
	if r.Keys[source] != nil {
		return fmt.Errorf("--key %s: the key of %s is given already; write several columns with commas", text, source)
	}
	r.Keys[source] = key
	return nil
}

func (r *Request) readEnum(text string) error {
	name, values, ok := strings.Cut(text, "=")
	e := relation.Enum{Name: strings.TrimSpace(name), Values: list(values)}
	if !ok || len(e.Values) == 0 {
		return fmt.Errorf("--enum %s: write the name and its values in order, as in --enum side=buy,sell", text)
	}
	for _, problem := range naming.Check(!r.Database, []naming.Enum{{Name: e.Name, Values: e.Values}}, nil) {
		return fmt.Errorf("--enum %s: %w", text, &problem)
	}
	r.Enums = append(r.Enums, e)
	return nil
}

func (r *Request) readColumn(text string) error {
	path, kind, ok := strings.Cut(text, "=")
	dot := strings.LastIndexByte(path, '.')
	if !ok || dot <= 0 || dot == len(path)-1 || kind == "" {
		return fmt.Errorf("--column %s: write source, column and type, as in --column trades.side=side", text)
	}
	parts := splitName(path[:dot])
	source := parts[len(parts)-1]
	if r.Columns[source] == nil {
		r.Columns[source] = map[string]string{}
	}
	r.Columns[source][path[dot+1:]] = kind
	return nil
}
