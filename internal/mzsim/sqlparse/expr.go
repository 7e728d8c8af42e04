package sqlparse

import (
	"strconv"
	"strings"
)

func (p *parser) expr() Expr {
	p.enter()
	defer func() { p.depth-- }()
	x := p.and()
	for p.word("or") {
		x = &Binary{Op: "or", X: x, Y: p.and()}
	}
	return x
}

func (p *parser) and() Expr {
	x := p.not()
	for p.word("and") {
		x = &Binary{Op: "and", X: x, Y: p.not()}
	}
	return x
}

func (p *parser) not() Expr {
	if p.word("not") {
		p.enter()
		defer func() { p.depth-- }()
		return &Unary{Op: "not", X: p.not()}
	}
	return p.comparison()
}

func (p *parser) comparison() Expr {
	x := p.sum()
	for p.err == nil {
		t := p.peek()
		if t.kind == tokOp {
			switch t.text {
			case "=", "<>", "!=", "<", ">", "<=", ">=", "~", "~*", "!~", "!~*":
				p.take()
				x = &Binary{Op: strings.Replace(t.text, "!=", "<>", 1), X: x, Y: p.anyOrSum()}
				continue
			}
			return x
		}
		y, more := p.wordComparison(x)
		if !more {
			return x
		}
		x = y
	}
	return x
}

// anyOrSum reads the right side of a comparison. ANY (list) stands for a
// membership test; the evaluator knows the call "any".
func (p *parser) anyOrSum() Expr {
	if p.is("any") && p.peekAt(1).text == "(" {
		p.take()
		return p.call("any")
	}
	return p.sum()
}

func (p *parser) wordComparison(x Expr) (Expr, bool) {
	switch {
	case p.word("is"):
		op := "is "
		if p.word("not") {
			op = "is not "
		}
		for _, w := range []string{"null", "true", "false", "unknown"} {
			if p.word(w) {
				return &Unary{Op: strings.Replace(op+w, "unknown", "null", 1), X: x}, true
			}
		}
		if p.word("distinct", "from") {
			return &Binary{Op: op + "distinct from", X: x, Y: p.sum()}, true
		}
		p.unexpected("NULL, TRUE, FALSE or DISTINCT FROM")
		return x, false
	case p.word("isnull"):
		return &Unary{Op: "is null", X: x}, true
	}
	not := p.is("not") && p.peekAt(1).kind == tokIdent
	if not {
		switch p.peekAt(1).text {
		case "in", "like", "ilike", "between":
			p.take()
		default:
			return x, false
		}
	}
	var y Expr
	switch {
	case p.word("in"):
		return p.in(x, not), true
	case p.word("like"):
		y = &Binary{Op: "like", X: x, Y: p.sum()}
	case p.word("ilike"):
		y = &Binary{Op: "ilike", X: x, Y: p.sum()}
	case p.word("between"):
		low := p.sum()
		p.expectWord("and")
		y = &Binary{Op: "and", X: &Binary{Op: ">=", X: x, Y: low}, Y: &Binary{Op: "<=", X: x, Y: p.sum()}}
	default:
		return x, false
	}
	if not {
		y = &Unary{Op: "not", X: y}
	}
	return y, true
}

func (p *parser) in(x Expr, not bool) Expr {
	n := &In{X: x, Not: not}
	p.expectOp("(")
	if p.is("select") || p.is("values") || p.is("with") {
		n.Query = p.query()
	} else {
		n.List = p.exprs()
	}
	p.expectOp(")")
	return n
}

func (p *parser) sum() Expr {
	x := p.product()
	for {
		t := p.peek()
		if t.kind != tokOp || t.text != "+" && t.text != "-" && t.text != "||" && t.text != "->" && t.text != "->>" {
			return x
		}
		p.take()
		x = &Binary{Op: t.text, X: x, Y: p.product()}
	}
}

func (p *parser) product() Expr {
	x := p.unary()
	for {
		t := p.peek()
		if t.kind != tokOp || t.text != "*" && t.text != "/" && t.text != "%" {
			return x
		}
		p.take()
		x = &Binary{Op: t.text, X: x, Y: p.unary()}
	}
}

func (p *parser) unary() Expr {
	if t := p.peek(); t.kind == tokOp && (t.text == "-" || t.text == "+") {
		p.take()
		p.enter()
		defer func() { p.depth-- }()
		return &Unary{Op: t.text, X: p.unary()}
	}
	x := p.primary()
	for p.err == nil {
		switch {
		case p.op("::"):
			x = &Cast{X: x, Type: p.typeName()}
		case p.word("collate"):
			p.ident("collation")
		case p.op("["):
			i := p.expr()
			p.expectOp("]")
			x = &Call{Name: "subscript", Args: []Expr{x, i}}
		default:
			return x
		}
	}
	return x
}

func (p *parser) primary() Expr {
	t := p.peek()
	switch t.kind {
	case tokNumber:
		return &Literal{Kind: "number", Text: p.take().text}
	case tokString:
		return &Literal{Kind: "string", Text: p.take().text}
	case tokParam:
		p.take()
		n, err := strconv.Atoi(t.text)
		if err != nil || n < 1 || n > 65535 {
			p.fail(t.pos, "there is no parameter $%s", t.text)
		}
		return &Param{N: n}
	case tokOp:
		if p.op("(") {
			return p.parenthesis()
		}
	case tokIdent:
		if x := p.special(t); x != nil {
			return x
		}
		return p.columnOrCall()
	case tokQuoted:
		return p.columnOrCall()
	case tokEnd:
	}
	p.unexpected("an expression")
	return &Literal{Kind: "null"}
}

func (p *parser) parenthesis() Expr {
	if p.is("select") || p.is("values") || p.is("with") {
		q := p.query()
		p.expectOp(")")
		return &Subquery{Query: q}
	}
	x := p.expr()
	p.expectOp(")")
	return x
}

// special reads expressions that begin with a keyword; nil: it is a name.
func (p *parser) special(t token) Expr {
	following := p.peekAt(1)
	switch t.text {
	case "null":
		p.take()
		return &Literal{Kind: "null"}
	case "true", "false":
		return &Literal{Kind: "bool", Text: p.take().text[:1]}
	case "case":
		return p.caseExpr()
	case "cast":
		p.take()
		p.expectOp("(")
		x := p.expr()
		p.expectWord("as")
		c := &Cast{X: x, Type: p.typeName()}
		p.expectOp(")")
		return c
	case "exists":
		p.take()
		p.expectOp("(")
		q := p.query()
		p.expectOp(")")
		return &Subquery{Query: q, Exists: true}
	case "array", "list", "map":
		if following.text == "[" {
			p.take()
			return p.collection(t.text)
		}
	case "interval", "timestamp", "timestamptz", "date", "time", "uuid", "jsonb", "numeric":
		if following.kind == tokString {
			p.take()
			return &Cast{X: &Literal{Kind: "string", Text: p.take().text}, Type: t.text}
		}
	}
	return nil
}

func (p *parser) collection(kind string) Expr {
	p.enter()
	defer func() { p.depth-- }()
	c := &Collection{Kind: kind}
	p.expectOp("[")
	for p.err == nil && !p.op("]") {
		if p.isOp("[") { // nested without repeating the word
			c.Elems = append(c.Elems, p.collection(kind))
		} else {
			c.Elems = append(c.Elems, p.expr())
		}
		if kind == "map" {
			p.expectOp("=>")
			c.Elems = append(c.Elems, p.expr())
		}
		if !p.isOp("]") {
			p.expectOp(",")
		}
	}
	return c
}

func (p *parser) caseExpr() Expr {
	p.expectWord("case")
	c := &Case{}
	if !p.is("when") {
		c.Operand = p.expr()
	}
	for p.word("when") {
		w := When{If: p.expr()}
		p.expectWord("then")
		w.Then = p.expr()
		c.Whens = append(c.Whens, w)
	}
	if p.word("else") {
		c.Else = p.expr()
	}
	p.expectWord("end")
	return c
}

func (p *parser) columnOrCall() Expr {
	id := p.ident("column name")
	if p.isOp("(") {
		return p.call(id[len(id)-1])
	}
	return &Column{Name: id}
}

func (p *parser) call(name string) *Call {
	c := &Call{Name: name}
	p.expectOp("(")
	switch {
	case p.op("*"):
		c.Star = true
	case p.isOp(")"):
	default:
		c.Distinct = p.word("distinct")
		c.Args = p.exprs()
	}
	p.expectOp(")")
	if p.word("filter") {
		p.expectOp("(")
		p.expectWord("where")
		c.Filter = p.expr()
		p.expectOp(")")
	}
	return c
}

// typeName reads a type as text that pgval.Parse understands.
func (p *parser) typeName() string {
	p.enter()
	defer func() { p.depth-- }()
	var b strings.Builder
	id := p.ident("type name")
	b.WriteString(id[len(id)-1])
	switch {
	case id[0] == "double" && p.word("precision"):
		b.WriteString(" precision")
	case id[0] == "character" && p.word("varying"):
		b.WriteString(" varying")
	case id[0] == "map" && p.op("["):
		p.expectWord("text")
		p.expectOp("=>")
		b.WriteString("[text=>" + p.typeName() + "]")
		p.expectOp("]")
	}
	if p.isOp("(") && p.peekAt(1).kind == tokNumber {
		for t := p.take(); ; t = p.take() {
			b.WriteString(t.text)
			if t.text == ")" || t.kind == tokEnd {
				break
			}
		}
	}
	switch {
	case p.word("with", "time", "zone"):
		b.WriteString(" with time zone")
	case p.word("without", "time", "zone"):
		b.WriteString(" without time zone")
	}
	for p.err == nil {
		switch {
		case p.isOp("[") && p.peekAt(1).text == "]":
			p.i += 2
			b.WriteString("[]")
		case p.word("list"):
			b.WriteString(" list")
		default:
			return b.String()
		}
	}
	return b.String()
}
