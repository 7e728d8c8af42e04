package graph

import (
	"context"
	"fmt"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/tycostream/tycostream/graph/sdl"
)

// budget counts the values of an operation against Limits.
type budget struct {
	left, limit int // values
	depth       int
}

func (b *budget) spend(depth int) error {
	if depth > b.depth {
		return badInput("", fmt.Sprintf("values nest deeper than %d: the limit is the setting limits.depth", b.depth))
	}
	if b.left--; b.left < 0 {
		return badInput("", fmt.Sprintf("the variables hold more than %d values: the limit is the setting limits.filter_size", b.limit))
	}
	return nil
}

// checkDocument refuses documents that would cost too much to parse: by length
// and by nesting, which some of gqlparser's rules are quadratic in.
func (l *Limits) checkDocument(query string) *gqlerror.Error {
	if len(query) > l.DocumentBytes {
		return coded(codeTooLarge, fmt.Sprintf(
			"the document has %d bytes: the limit is %d, the setting limits.document_bytes", len(query), l.DocumentBytes))
	}
	if n := nesting(query); n > l.Depth+1 { // the operation's own braces are no level
		return coded(codeTooDeep, fmt.Sprintf(
			"the document nests %d levels deep: the limit is %d, the setting limits.depth", n-1, l.Depth))
	}
	return nil
}

// nesting returns how deep braces and brackets nest in a document. Those in
// strings and comments do not count.
func nesting(query string) int {
	depth, deepest := 0, 0
	for i := 0; i < len(query); i++ {
		switch query[i] {
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		case '#':
			for i+1 < len(query) && query[i+1] != '\n' && query[i+1] != '\r' {
				i++
			}
		case '"':
			i = skipString(query, i)
		}
	}
	return deepest
}

// skipString returns the position of the last byte of the string or block
// string that starts at i. An unterminated one ends with its line, as the
// parser has it, or with the document.
func skipString(s string, i int) int {
	if len(s) >= i+3 && s[i:i+3] == `"""` {
		for j := i + 3; j+2 < len(s); j++ {
			switch {
			case s[j] == '\\' && len(s) > j+3 && s[j:j+4] == `\"""`:
				j += 3
			case s[j:j+3] == `"""`:
				return j + 2
			}
		}
		return len(s)
	}
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case '"', '\n':
			return j
		}
	}
	return len(s)
}

// maxPairs is how often two fields of a document may share a response key
// within the same parent. Validation compares each such pair, at 0.2 us: without
// this limit one document of 60 KB holds a core for 43 seconds. It allows a
// field to be repeated 450 times.
const maxPairs = 100_000

// checkFields refuses, before validation, documents with too many fields, or
// with too many of one name.
func (l *Limits) checkFields(doc *ast.QueryDocument) *gqlerror.Error {
	c := fieldCount{same: map[[2]string]int{}}
	for _, op := range doc.Operations {
		c.set("", op.SelectionSet)
	}
	for _, f := range doc.Fragments {
		c.set("", f.SelectionSet)
	}
	if c.fields > l.Fields || c.pairs > maxPairs && l.Fields != noLimit {
		return tooManyFields(l.Fields)
	}
	return nil
}

// fieldCount counts the fields of a document as written.
type fieldCount struct {
	fields, pairs int
	same          map[[2]string]int // by response keys of parent and field
}

func (c *fieldCount) set(parent string, set ast.SelectionSet) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			key := [2]string{parent, s.Alias}
			c.fields++
			c.pairs += c.same[key]
			c.same[key]++
			c.set(s.Alias, s.SelectionSet)
		case *ast.InlineFragment:
			c.set(parent, s.SelectionSet)
		}
	}
}

func tooManyFields(limit int) *gqlerror.Error {
	return coded(codeTooComplex, fmt.Sprintf(
		"the operation selects more than %d fields, fragments expanded, or one field too often: the limit is the setting limits.fields", limit))
}

// guard is the extension that checks a valid operation against the limits
// before it is executed.
type guard struct {
	limits *Limits
	routes sdl.Routes
}

// scanPrice is how many selected fields a list of all rows, triggers or
// deliveries counts for, from the second on: each reads its source from end to
// end, or writes all of it once more.
const scanPrice = 20

func (guard) ExtensionName() string                   { return "Guard" }
func (guard) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext counts selected fields, each fragment once per spread,
// and checks the conditions of @skip and @include, which would panic later.
func (g guard) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	c := collector{fragments: op.Doc.Fragments, variables: op.Variables}
	w := selectionWalk{collector: &c, fragments: map[string]extent{}}
	x, err := w.set(op.Operation.SelectionSet)
	switch {
	case err != nil:
		return err
	case x.fields > g.limits.Fields:
		return tooManyFields(g.limits.Fields)
	case x.depth > g.limits.Depth:
		return coded(codeTooDeep, fmt.Sprintf(
			"the operation nests %d levels deep, fragments expanded: the limit is %d, the setting limits.depth", x.depth, g.limits.Depth))
	}
	return g.checkRoots(&c, op.Operation, x.fields)
}

// checkRoots refuses a subscription to two streams at once (the validation
// rule lets two aliases of one field pass), and queries that read too much.
func (g guard) checkRoots(c *collector, op *ast.OperationDefinition, fields int) *gqlerror.Error {
	roots := c.roots(op)
	if op.Operation == ast.Subscription && len(roots) != 1 {
		return validationError(op.Position, fmt.Sprintf(
			"a subscription selects exactly one field, and this one selects %d: send one subscription for each", len(roots)))
	}
	scans := 0
	for _, s := range roots {
		if f, ok := s.(*ast.Field); ok {
			scans += g.scans(c, op.Operation, f)
		}
	}
	if scans > 1 && fields+(scans-1)*scanPrice > g.limits.Fields {
		return coded(codeTooComplex, fmt.Sprintf(
			"the operation lists all rows or triggers of sources %d times, each counted as %d fields: no more than %d are allowed, the setting limits.fields",
			scans, scanPrice, g.limits.Fields))
	}
	return nil
}

// scans returns how many lists of all rows a root field asks for.
func (g guard) scans(c *collector, op ast.Operation, f *ast.Field) int {
	r := g.routes[op][f.Name]
	switch {
	case r == nil:
	case r.Core == sdl.CoreRows, r.Core == sdl.CoreDeliveries && op == ast.Query:
		return 1
	case r.Core == sdl.CoreTriggers:
		var trigger fieldGroup
		c.gather(&trigger, f.SelectionSet, f.Definition.Type.Name(), map[string]bool{})
		return max(1, lookups(trigger.fields))
	case r.Core == sdl.CoreChanges, r.Core == sdl.CoreColumns:
		var frame fieldGroup
		c.gather(&frame, f.SelectionSet, f.Definition.Type.Name(), map[string]bool{})
		return listings(frame.fields)
	}
	return 0
}

// listings returns how often a frame's selection lists the frame's rows: its
// lists may be selected several times, under different aliases.
func listings(frame ast.SelectionSet) int {
	most, each := 1, map[string]int{}
	for _, s := range frame {
		f, ok := s.(*ast.Field)
		if ok && (f.Name == "changes" || f.Name == "upserts" || f.Name == "deletes") {
			each[f.Name]++
			most = max(most, each[f.Name])
		}
	}
	return most
}

// lookups returns how many fields of a trigger are selected that are counted
// anew for each.
func lookups(trigger ast.SelectionSet) (n int) {
	for _, s := range trigger {
		if f, ok := s.(*ast.Field); ok && (f.Name == "firing" || f.Name == "firingRows" || f.Name == "pending" || f.Name == "dead") {
			n++
		}
	}
	return n
}

// extent is the size of a selection set with its fragments expanded.
type extent struct{ fields, depth int }

// selectionWalk measures selection sets. Fragments are measured once, so that
// documents whose fragments double at each level stay cheap.
type selectionWalk struct {
	*collector
	fragments map[string]extent
}

func (w *selectionWalk) set(set ast.SelectionSet) (extent, *gqlerror.Error) {
	var sum extent
	for _, s := range set {
		x, err := w.selection(s)
		if err != nil {
			return sum, err
		}
		sum.fields = min(sum.fields+x.fields, noLimit+1) // fragments may multiply beyond an int
		sum.depth = max(sum.depth, x.depth)
	}
	return sum, nil
}

func (w *selectionWalk) selection(s ast.Selection) (x extent, err *gqlerror.Error) {
	switch s := s.(type) {
	case *ast.Field:
		if err = w.conditions(s.Directives); err == nil {
			x, err = w.set(s.SelectionSet)
			x.fields++
			x.depth++
		}
	case *ast.InlineFragment:
		if err = w.conditions(s.Directives); err == nil {
			x, err = w.set(s.SelectionSet)
		}
	case *ast.FragmentSpread:
		if err = w.conditions(s.Directives); err != nil || s.Definition == nil {
			return x, err
		}
		known, ok := w.fragments[s.Name]
		if !ok {
			known, err = w.set(s.Definition.SelectionSet)
			w.fragments[s.Name] = known
		}
		x = known
	}
	return x, err
}

func (w *selectionWalk) conditions(list ast.DirectiveList) *gqlerror.Error {
	for _, d := range list {
		if d.Name != "skip" && d.Name != "include" {
			continue
		}
		if _, ok := w.condition(d); ok {
			continue
		}
		e := badInput("", fmt.Sprintf("@%s(if: %s) needs true or false", d.Name, d.Arguments.ForName("if").Value)).gql()
		e.Locations = location(d.Position)
		return e
	}
	return nil
}

const wideIntegersRule = "WideIntegers"

// newRules returns the validation rules: gqlparser's, and one of ours that says
// in better words why an integer literal beyond 64 bits is refused.
func newRules() *rules.Rules {
	r := rules.NewDefaultRules()
	r.AddRule(wideIntegersRule, func(o *core.Events, report core.AddErrFunc) {
		o.OnValue(func(_ *core.Walker, v *ast.Value) {
			if v.Kind != ast.IntValue {
				return
			}
			if _, err := strconv.ParseInt(v.Raw, 10, 64); err != nil {
				report(core.Message("The integer %s is beyond 64 bits: write it as a string.", v.Raw), core.At(v.Position))
			}
		})
	})
	return r
}

// withoutEchoes leaves only the errors about wide integers when there are any:
// gqlparser repeats itself for each object around one, without naming it.
func withoutEchoes(list gqlerror.List) gqlerror.List {
	var wide gqlerror.List
	for _, e := range list {
		if e.Rule == wideIntegersRule {
			wide = append(wide, e)
		}
	}
	if len(wide) > 0 {
		return wide
	}
	return list
}
