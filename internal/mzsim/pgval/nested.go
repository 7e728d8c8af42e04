package pgval

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

var errNested = errors.New("malformed literal")

// scanner reads the literals of arrays, lists, maps and ranges.
type scanner struct {
	s string
	i int
}

func (p *scanner) blank() {
	for p.i < len(p.s) && strings.IndexByte(" \t\n\r", p.s[p.i]) >= 0 {
		p.i++
	}
}

func (p *scanner) take(c byte) bool {
	p.blank()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

// word reads an element up to one of the stop bytes; quoted tells "NULL" from NULL.
func (p *scanner) word(stops string) (text string, quoted bool, err error) {
	p.blank()
	if p.take('"') {
		var b strings.Builder
		for p.i < len(p.s) {
			c := p.s[p.i]
			p.i++
			switch {
			case c == '"':
				return b.String(), true, nil
			case c == '\\' && p.i < len(p.s):
				b.WriteByte(p.s[p.i])
				p.i++
			default:
				b.WriteByte(c)
			}
		}
		return "", false, errNested
	}
	var b strings.Builder
	end := 0 // length without trailing blanks
	for p.i < len(p.s) && strings.IndexByte(stops, p.s[p.i]) < 0 {
		c := p.s[p.i]
		if c == '\\' && p.i+1 < len(p.s) {
			p.i++
			c = p.s[p.i]
			end = b.Len() + 1
		} else if c != ' ' && c != '\t' {
			end = b.Len() + 1
		}
		b.WriteByte(c)
		p.i++
	}
	if end == 0 {
		return "", false, errNested
	}
	return b.String()[:end], false, nil
}

func (t *Type) canonList(text string) (string, error) {
	p := &scanner{s: text}
	out, err := t.list(p, 0)
	p.blank()
	if err != nil || p.i < len(p.s) {
		if err == nil {
			err = errNested
		}
		return "", t.invalid(text, err.Error())
	}
	return out, nil
}

// list reads one level. Arrays nest without a type of their own, lists have
// the element type list.
func (t *Type) list(p *scanner, depth int) (string, error) {
	if depth > 16 || !p.take('{') {
		return "", errNested
	}
	var elems []string
	for !p.take('}') {
		if len(elems) > 0 && !p.take(',') {
			return "", errNested
		}
		e, err := t.element(p, depth)
		if err != nil {
			return "", err
		}
		elems = append(elems, e)
	}
	return "{" + strings.Join(elems, ",") + "}", nil
}

func (t *Type) element(p *scanner, depth int) (string, error) {
	p.blank()
	if p.i < len(p.s) && p.s[p.i] == '{' {
		switch {
		case t.Class == Array:
			return t.list(p, depth+1)
		case t.Elem.Class == List:
			return t.Elem.list(p, depth+1)
		case t.Elem.Class == Map:
			return t.Elem.mapping(p, depth+1)
		}
		return "", errNested
	}
	w, quoted, err := p.word(",}")
	if err != nil {
		return "", err
	}
	if !quoted && strings.EqualFold(w, "null") {
		return "NULL", nil
	}
	w, err = t.Elem.Canon(w)
	return quoteElement(w, `{},"\`), err
}

// quoteElement quotes what could be misread.
func quoteElement(s, special string) string {
	if s != "" && s != "NULL" && !strings.ContainsAny(s, special+" \t\n\r\v\f") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// FormatElements prints elements (nil: NULL) as an array or list literal.
// Elements that are lists themselves must come with nested set.
func FormatElements(elems []*string, nested bool) string {
	parts := make([]string, len(elems))
	for i, e := range elems {
		switch {
		case e == nil:
			parts[i] = "NULL"
		case nested:
			parts[i] = *e
		default:
			parts[i] = quoteElement(*e, `{},"\`)
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (t *Type) canonMap(text string) (string, error) {
	p := &scanner{s: text}
	out, err := t.mapping(p, 0)
	p.blank()
	if err != nil || p.i < len(p.s) {
		return "", t.invalid(text, errNested.Error())
	}
	return out, nil
}

func (t *Type) mapping(p *scanner, depth int) (string, error) {
	if depth > 16 || !p.take('{') {
		return "", errNested
	}
	values := map[string]string{}
	for n := 0; !p.take('}'); n++ {
		if n > 0 && !p.take(',') {
			return "", errNested
		}
		key, _, err := p.word("=,}")
		if err != nil || !p.take('=') || !p.take('>') {
			return "", errNested
		}
		p.blank()
		if p.i < len(p.s) && p.s[p.i] == '{' && t.Elem.Class == Map {
			values[key], err = t.Elem.mapping(p, depth+1)
		} else {
			values[key], err = t.mapValue(p, depth)
		}
		if err != nil {
			return "", err
		}
	}
	return formatMap(values), nil
}

func (t *Type) mapValue(p *scanner, depth int) (string, error) {
	p.blank()
	if p.i < len(p.s) && p.s[p.i] == '{' && t.Elem.Class == List {
		return t.Elem.list(p, depth+1)
	}
	w, quoted, err := p.word(",}")
	if err != nil {
		return "", err
	}
	if !quoted && strings.EqualFold(w, "null") {
		return "NULL", nil
	}
	w, err = t.Elem.Canon(w)
	return quoteElement(w, `{},"\=>`), err
}

func formatMap(values map[string]string) string {
	keys := make([]string, 0, len(values))
	for k := range values {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for i, k := range keys {
		keys[i] = quoteElement(k, `{},"\=>`) + "=>" + values[k]
	}
	return "{" + strings.Join(keys, ",") + "}"
}

// canonRange brings discrete ranges into the form [low,high).
func (t *Type) canonRange(text string) (string, error) {
	s := strings.TrimSpace(text)
	if strings.EqualFold(s, "empty") {
		return "empty", nil
	}
	if len(s) < 3 || strings.IndexByte("[(", s[0]) < 0 || strings.IndexByte("])", s[len(s)-1]) < 0 {
		return "", t.invalid(text, errNested.Error())
	}
	p := &scanner{s: s[1 : len(s)-1]}
	low, high := "", ""
	var err error
	if p.blank(); p.i < len(p.s) && p.s[p.i] != ',' {
		low, _, err = p.word(",")
	}
	comma := p.take(',')
	if p.blank(); err == nil && p.i < len(p.s) {
		high, _, err = p.word(",")
	}
	if err != nil || !comma || p.i < len(p.s) {
		return "", t.invalid(text, errNested.Error())
	}
	for _, b := range []*string{&low, &high} {
		if *b != "" {
			if *b, err = t.Elem.Canon(*b); err != nil {
				return "", err
			}
		}
	}
	return t.normalRange(s[0], low, high, s[len(s)-1])
}

func (t *Type) normalRange(open byte, low, high string, end byte) (string, error) {
	if low == "" {
		open = '('
	}
	if high == "" {
		end = ')'
	}
	if low != "" && high != "" && t.Elem.Compare(low, high) > 0 {
		return "", errors.New("range lower bound must be less than or equal to range upper bound")
	}
	if t.Elem.Class == Int || t.Elem.Class == Date {
		var err error
		if open == '(' && low != "" {
			low, err = t.next(low)
			open = '['
		}
		if end == ']' && err == nil {
			high, err = t.next(high)
			end = ')'
		}
		if err != nil {
			return "", err
		}
	}
	if low != "" && high != "" && t.Elem.Compare(low, high) >= 0 && (open == '(' || end == ')') {
		return "empty", nil
	}
	q := func(s string) string {
		if s == "" {
			return ""
		}
		return quoteElement(s, `()[],"\`)
	}
	return string(open) + q(low) + "," + q(high) + string(end), nil
}

func (t *Type) next(text string) (string, error) {
	if t.Elem.Class == Int {
		n, _ := strconv.ParseInt(text, 10, 64)
		s, err := t.Elem.Canon(new(big.Int).Add(big.NewInt(n), big.NewInt(1)).String())
		if err != nil {
			return "", fmt.Errorf("%s out of range", t.Elem.Name)
		}
		return s, nil
	}
	d, _ := parseDay(text)
	return t.Elem.formatMoment(d.AddDate(0, 0, 1)), nil
}

// FormatMap prints keys and values in turn (a nil value is NULL) as a map.
func FormatMap(pairs []*string, nested bool) string {
	values := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == nil {
			continue
		}
		switch v := pairs[i+1]; {
		case v == nil:
			values[*pairs[i]] = "NULL"
		case nested:
			values[*pairs[i]] = *v
		default:
			values[*pairs[i]] = quoteElement(*v, `{},"\=>`)
		}
	}
	return formatMap(values)
}

// Elements returns the elements of a one-dimensional array; nil is NULL.
func (t *Type) Elements(text string) ([]*string, error) {
	p := &scanner{s: text}
	if !p.take('{') {
		return nil, t.invalid(text, errNested.Error())
	}
	var elems []*string
	for !p.take('}') {
		if len(elems) > 0 && !p.take(',') {
			return nil, t.invalid(text, errNested.Error())
		}
		w, quoted, err := p.word(",}")
		if err != nil {
			return nil, t.invalid(text, err.Error())
		}
		if !quoted && strings.EqualFold(w, "null") {
			elems = append(elems, nil)
			continue
		}
		elems = append(elems, &w)
	}
	return elems, nil
}
