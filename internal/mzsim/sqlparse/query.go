package sqlparse

import "slices"

// enter counts a level of nesting; leave it with p.depth--.
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.peek().pos, "statement exceeds nested expression limit of %d", maxDepth)
	}
}

func (p *parser) query() *Query {
	p.enter()
	defer func() { p.depth-- }()
	q := &Query{}
	if p.word("with") {
		for {
			c := CTE{Name: p.name("name of a common table expression")}
			if p.isOp("(") {
				c.Columns = p.names()
			}
			p.expectWord("as")
			p.expectOp("(")
			c.Query = p.query()
			p.expectOp(")")
			q.With = append(q.With, c)
			if !p.op(",") {
				break
			}
		}
	}
	q.Body = p.setBody()
	if p.word("order", "by") {
		q.OrderBy = p.orderList()
	}
	for p.err == nil {
		switch {
		case p.word("limit"):
			if !p.word("all") {
				q.Limit = p.expr()
			}
		case p.word("offset"):
			q.Offset = p.expr()
			if !p.word("rows") {
				p.word("row")
			}
		default:
			return q
		}
	}
	return q
}

func (p *parser) setBody() *Body {
	left := p.body()
	for p.err == nil {
		var op string
		switch {
		case p.word("union"):
			op = "union"
		case p.word("except"):
			op = "except"
		case p.word("intersect"):
			op = "intersect"
		default:
			return left
		}
		if p.word("all") {
			op += " all"
		} else {
			p.word("distinct")
		}
		left = &Body{Op: op, Left: left, Right: p.body()}
	}
	return left
}

func (p *parser) body() *Body {
	switch {
	case p.op("("):
		q := p.query()
		p.expectOp(")")
		return &Body{Nested: q}
	case p.word("table"):
		return selectStar(p.ident("object name")).Body
	case p.word("values"):
		b := &Body{}
		for {
			p.expectOp("(")
			b.Values = append(b.Values, p.exprs())
			p.expectOp(")")
			if !p.op(",") {
				return b
			}
		}
	}
	return p.selectBody()
}

func (p *parser) selectBody() *Body {
	p.expectWord("select")
	b := &Body{}
	if p.word("distinct") {
		b.Distinct = true
	} else {
		p.word("all")
	}
	for {
		b.Items = append(b.Items, p.item())
		if !p.op(",") {
			break
		}
	}
	if p.word("from") {
		b.From = p.from()
	}
	if p.word("where") {
		b.Where = p.expr()
	}
	if p.word("group", "by") {
		b.GroupBy = p.exprs()
	}
	if p.word("having") {
		b.Having = p.expr()
	}
	return b
}

func (p *parser) item() Item {
	if p.op("*") {
		return Item{}
	}
	if t := p.peek(); (t.kind == tokIdent || t.kind == tokQuoted) && p.peekAt(1).text == "." && p.peekAt(2).text == "*" && p.peekAt(2).kind == tokOp {
		p.i += 3
		return Item{Table: t.text}
	}
	it := Item{Expr: p.expr()}
	if p.word("as") {
		it.Alias = p.name("alias")
	} else {
		it.Alias = p.alias()
	}
	return it
}

// alias takes an alias written without AS.
func (p *parser) alias() string {
	t := p.peek()
	if t.kind == tokQuoted || t.kind == tokIdent && !reserved(t.text) {
		return p.take().text
	}
	return ""
}

func reserved(word string) bool {
	return slices.Contains([]string{
		"from", "where", "group", "having", "order", "limit", "offset", "union", "except", "intersect", "on", "using",
		"join", "inner", "left", "cross", "right", "full", "as", "up", "with", "envelope", "within", "and", "or", "not",
		"is", "in", "like", "ilike", "between", "then", "when", "else", "end", "asc", "desc", "nulls", "lateral", "natural",
		"at", "filter", "collate", "isnull",
	}, word)
}

func (p *parser) from() []Table {
	tables := []Table{p.table()}
	for p.err == nil {
		var join string
		switch {
		case p.op(","), p.word("cross", "join"):
			join = "cross"
		case p.word("inner", "join"), p.word("join"):
			join = "inner"
		case p.word("left", "join"), p.word("left", "outer", "join"):
			join = "left"
		default:
			return tables
		}
		t := p.table()
		t.Join = join
		if join != "cross" {
			if p.word("using") {
				t.Using = p.names()
			} else {
				p.expectWord("on")
				t.On = p.expr()
			}
		}
		tables = append(tables, t)
	}
	return tables
}

func (p *parser) table() Table {
	var t Table
	p.word("lateral")
	switch {
	case p.op("("):
		t.Query = p.query()
		p.expectOp(")")
	default:
		t.Name = p.ident("table name")
		if p.isOp("(") {
			t.Func = p.call(t.Name[len(t.Name)-1])
			t.Name = nil
		}
	}
	if p.word("as") {
		t.Alias = p.name("alias")
	} else {
		t.Alias = p.alias()
	}
	if t.Alias != "" && p.isOp("(") {
		t.Columns = p.names()
	}
	return t
}

func (p *parser) orderList() []OrderBy {
	var list []OrderBy
	for {
		o := OrderBy{Expr: p.expr()}
		if p.word("desc") {
			o.Desc = true
		} else {
			p.word("asc")
		}
		if p.word("nulls") {
			first := p.word("first")
			if !first {
				p.expectWord("last")
			}
			o.NullsFirst = &first
		}
		list = append(list, o)
		if !p.op(",") {
			return list
		}
	}
}

func (p *parser) exprs() []Expr {
	list := []Expr{p.expr()}
	for p.op(",") {
		list = append(list, p.expr())
	}
	return list
}
