package sqlparse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxDepth bounds the nesting of expressions and queries, so that no input can
// exhaust the stack.
const maxDepth = 64

type parser struct {
	sql   string
	toks  []token
	i     int
	depth int
	err   *Error // the first one; everything after it is discarded
}

// Parse reads any number of statements separated by semicolons.
func Parse(sql string) ([]Statement, error) {
	toks, err := lex(sql)
	if err != nil {
		return nil, err
	}
	p := &parser{sql: sql, toks: toks}
	var stmts []Statement
	for {
		for p.op(";") {
		}
		if p.peek().kind == tokEnd {
			return stmts, nil
		}
		s := p.statement()
		if p.err == nil && p.peek().kind != tokEnd && !p.isOp(";") {
			p.unexpected("end of statement")
		}
		if p.err != nil {
			return nil, p.err
		}
		stmts = append(stmts, s)
	}
}

func (p *parser) peek() token { return p.toks[p.i] }

func (p *parser) peekAt(n int) token { return p.toks[min(p.i+n, len(p.toks)-1)] }

func (p *parser) take() token {
	t := p.toks[p.i]
	if p.i < len(p.toks)-1 {
		p.i++
	}
	return t
}

func (p *parser) fail(pos int, format string, args ...any) {
	if p.err == nil {
		p.err = &Error{Pos: pos, Text: fmt.Sprintf(format, args...)}
	}
	p.i = len(p.toks) - 1 // nothing more is read
}

func (p *parser) unexpected(want string) {
	t := p.peek()
	found := "EOF"
	if t.kind != tokEnd {
		found = p.sql[t.pos:t.end]
	}
	p.fail(t.pos, "Expected %s, found %s", want, found)
}

// is reports whether the next tokens are these keywords.
func (p *parser) is(words ...string) bool {
	for n, w := range words {
		if t := p.peekAt(n); t.kind != tokIdent || t.text != w {
			return false
		}
	}
	return true
}

// word takes the keywords if they come next.
func (p *parser) word(words ...string) bool {
	if !p.is(words...) {
		return false
	}
	p.i += len(words)
	return true
}

func (p *parser) expectWord(words ...string) {
	for _, w := range words {
		if !p.word(w) {
			p.unexpected(w)
			return
		}
	}
}

func (p *parser) isOp(op string) bool {
	t := p.peek()
	return t.kind == tokOp && t.text == op
}

func (p *parser) op(op string) bool {
	if !p.isOp(op) {
		return false
	}
	p.i++
	return true
}

func (p *parser) expectOp(op string) {
	if !p.op(op) {
		p.unexpected(op)
	}
}

func (p *parser) name(want string) string {
	t := p.peek()
	if t.kind != tokIdent && t.kind != tokQuoted {
		p.unexpected(want)
		return ""
	}
	return p.take().text
}

func (p *parser) ident(want string) Ident {
	id := Ident{p.name(want)}
	for len(id) < 4 && p.op(".") {
		id = append(id, p.name(want))
	}
	return id
}

func (p *parser) names() []string {
	p.expectOp("(")
	list := []string{p.name("column name")}
	for p.op(",") {
		list = append(list, p.name("column name"))
	}
	p.expectOp(")")
	return list
}

func (p *parser) statement() Statement {
	t := p.peek()
	if t.kind == tokOp && t.text == "(" {
		return &Select{Query: p.query()}
	}
	if t.kind != tokIdent {
		p.unexpected("a keyword at the beginning of a statement")
		return nil
	}
	switch t.text {
	case "select", "values", "with", "table":
		return &Select{Query: p.query()}
	case "subscribe":
		return p.subscribe()
	case "copy":
		return p.copy()
	case "declare":
		return p.declare()
	case "fetch":
		return p.fetch()
	case "show":
		return p.show()
	}
	p.take()
	switch t.text {
	case "close":
		if p.word("all") {
			return &Close{}
		}
		return &Close{Name: p.name("cursor name")}
	case "begin", "start":
		p.skipRest()
		return &Begin{}
	case "commit", "end":
		p.skipRest()
		return &Commit{}
	case "rollback", "abort":
		p.skipRest()
		return &Rollback{}
	case "set":
		return p.set()
	case "reset":
		return &Set{Name: p.name("parameter name")}
	case "discard":
		return &Discard{What: p.name("ALL, PLANS, SEQUENCES or TEMP")}
	case "deallocate":
		p.word("prepare")
		if p.word("all") {
			return &Deallocate{}
		}
		return &Deallocate{Name: p.name("statement name")}
	}
	p.fail(t.pos, "Expected a keyword at the beginning of a statement, found %s", p.sql[t.pos:t.end])
	return nil
}

// skipRest leaves out what follows BEGIN and its like: isolation levels, WORK.
func (p *parser) skipRest() {
	for p.peek().kind == tokIdent || p.isOp(",") {
		p.take()
	}
}

func (p *parser) declare() Statement {
	p.expectWord("declare")
	d := &Declare{Name: p.name("cursor name")}
	p.word("no")
	p.word("scroll")
	p.expectWord("cursor")
	if p.word("without") || p.word("with") {
		p.expectWord("hold")
	}
	p.expectWord("for")
	switch {
	case p.is("subscribe"):
		d.Stmt = p.subscribe()
	case p.is("show"):
		d.Stmt = p.show()
	default:
		d.Stmt = &Select{Query: p.query()}
	}
	return d
}

func (p *parser) fetch() Statement {
	p.expectWord("fetch")
	f := &Fetch{Count: 1}
	p.word("forward")
	if p.word("all") {
		f.Count = -1
	} else if t := p.peek(); t.kind == tokNumber {
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			p.fail(t.pos, "Expected literal unsigned integer, found %s", t.text)
		}
		f.Count = n
		p.take()
	}
	if !p.word("from") {
		p.word("in")
	}
	f.Name = p.name("cursor name")
	if p.word("with") {
		p.expectOp("(")
		p.expectWord("timeout")
		p.op("=")
		v := p.value()
		f.Timeout = &v
		p.expectOp(")")
	}
	return f
}

// value reads the value of an option or setting.
func (p *parser) value() string {
	sign := ""
	if p.op("-") {
		sign = "-"
	}
	switch t := p.peek(); t.kind { //nolint:exhaustive // all others are mistakes
	case tokString, tokNumber, tokIdent, tokQuoted:
		return sign + p.take().text
	}
	p.unexpected("option value")
	return ""
}

func (p *parser) set() Statement {
	if !p.word("session") {
		p.word("local")
	}
	if p.is("transaction") || p.is("characteristics") {
		p.skipRest()
		v := ""
		return &Set{Name: "transaction_isolation", Value: &v}
	}
	if p.word("time", "zone") {
		v := p.value()
		return &Set{Name: "timezone", Value: &v}
	}
	s := &Set{Name: p.name("parameter name")}
	if !p.op("=") {
		p.expectWord("to")
	}
	if p.word("default") {
		return s
	}
	values := []string{p.value()}
	for p.op(",") {
		values = append(values, p.value())
	}
	v := strings.Join(values, ", ")
	s.Value = &v
	return s
}

func (p *parser) show() Statement {
	p.expectWord("show")
	switch {
	case p.word("columns"):
		if !p.word("from") {
			p.expectWord("in")
		}
		return &ShowColumns{Object: p.ident("object name")}
	case p.word("create"):
		s := &ShowCreate{}
		if p.word("materialized") {
			s.Type = "materialized "
		}
		s.Type += p.name("object type")
		s.Object = p.ident("object name")
		return s
	case p.word("transaction", "isolation", "level"):
		return &Show{Name: "transaction_isolation"}
	case p.word("time", "zone"):
		return &Show{Name: "timezone"}
	case p.word("materialized", "views"):
		return &ShowObjects{What: "materialized views"}
	}
	name := p.name("parameter name")
	if slices.Contains([]string{"tables", "views", "sources", "objects", "schemas", "databases", "clusters", "indexes"}, name) {
		if p.word("from") || p.word("in") || p.word("on") {
			p.ident("name")
		}
		return &ShowObjects{What: name}
	}
	return &Show{Name: name}
}
