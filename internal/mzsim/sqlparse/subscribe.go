package sqlparse

import "strings"

func (p *parser) subscribe() *Subscribe {
	p.expectWord("subscribe")
	p.word("to")
	s := &Subscribe{Snapshot: true}
	if p.op("(") {
		if p.is("show") {
			p.fail(p.peek().pos, "SUBSCRIBE to SHOW is not supported by this stand-in")
		}
		s.Query = p.query()
		p.expectOp(")")
	} else {
		s.Object = p.ident("object name")
	}
	output := p.output(s)
	if p.is("with") {
		p.subscribeOptions(s)
	}
	if p.word("as", "of") {
		s.AtLeast = p.word("at", "least")
		s.AsOf = p.expr()
	}
	if p.word("up", "to") {
		s.UpTo = p.expr()
	}
	if !output {
		p.output(s)
	}
	return s
}

// output reads ENVELOPE or WITHIN TIMESTAMP.
func (p *parser) output(s *Subscribe) bool {
	switch {
	case p.word("envelope"):
		if p.word("upsert") {
			s.Envelope = EnvelopeUpsert
		} else {
			p.expectWord("debezium")
			s.Envelope = EnvelopeDebezium
		}
		p.expectOp("(")
		p.expectWord("key")
		s.Key = p.names()
		p.expectOp(")")
		return true
	case p.word("within"):
		p.expectWord("timestamp", "order", "by")
		s.Envelope = EnvelopeWithin
		s.Within = p.orderList()
		return true
	}
	return false
}

func (p *parser) subscribeOptions(s *Subscribe) {
	p.expectWord("with")
	p.expectOp("(")
	for {
		pos := p.peek().pos
		name := p.name("PROGRESS or SNAPSHOT")
		on := true
		p.op("=")
		if t := p.peek(); t.kind == tokIdent || t.kind == tokString {
			switch strings.ToLower(p.take().text) {
			case "true", "t", "on", "yes":
			case "false", "f", "off", "no":
				on = false
			default:
				p.fail(t.pos, "invalid %s: cannot use value as boolean", strings.ToUpper(name))
			}
		}
		switch name {
		case "progress":
			s.Progress = on
		case "snapshot":
			s.Snapshot = on
		default:
			p.fail(pos, "Expected one of PROGRESS or SNAPSHOT, found identifier %q", name)
		}
		if !p.op(",") {
			break
		}
	}
	p.expectOp(")")
}

func (p *parser) copy() Statement {
	p.expectWord("copy")
	c := &Copy{Options: map[string]string{}}
	if p.op("(") {
		if p.is("subscribe") {
			c.Subscribe = p.subscribe()
		} else {
			c.Query = p.query()
		}
		p.expectOp(")")
	} else {
		c.Query = selectStar(p.ident("object name"))
		if p.isOp("(") {
			p.fail(p.peek().pos, "COPY with a column list is not supported by this stand-in")
		}
	}
	p.expectWord("to", "stdout")
	p.word("with")
	if p.op("(") {
		for {
			name := p.name("option name")
			p.op("=")
			c.Options[name] = p.value()
			if !p.op(",") {
				break
			}
		}
		p.expectOp(")")
	}
	return c
}

func selectStar(name Ident) *Query {
	return &Query{Body: &Body{Items: []Item{{}}, From: []Table{{Name: name}}}}
}
