package sqlparse

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokIdent            // text in lower case, unless quoted
	tokQuoted           // "identifier"
	tokString           // 'string', unescaped
	tokNumber
	tokParam // $1
	tokOp
)

type token struct {
	kind tokenKind
	text string
	pos  int // byte offset in the input
	end  int
}

// Error is a syntax error.
type Error struct {
	Pos  int // byte offset
	Text string
}

func (e *Error) Error() string { return e.Text }

func lex(sql string) ([]token, error) {
	var toks []token
	for i := 0; ; {
		i = skipBlank(sql, i)
		if i < 0 {
			return nil, &Error{Pos: len(sql), Text: "unterminated multiline comment"}
		}
		if i >= len(sql) {
			return append(toks, token{kind: tokEnd, pos: len(sql), end: len(sql)}), nil
		}
		t, err := next(sql, i)
		if err != nil {
			return nil, err
		}
		toks = append(toks, t)
		i = t.end
	}
}

// skipBlank returns the position of the next token, -1 in an open comment.
func skipBlank(sql string, i int) int {
	for i < len(sql) {
		switch {
		case strings.IndexByte(" \t\r\n\f\v", sql[i]) >= 0:
			i++
		case strings.HasPrefix(sql[i:], "--"):
			n := strings.IndexByte(sql[i:], '\n')
			if n < 0 {
				return len(sql)
			}
			i += n
		case strings.HasPrefix(sql[i:], "/*"):
			depth := 0
			for ; i < len(sql); i++ {
				if strings.HasPrefix(sql[i:], "/*") {
					depth++
					i++
				} else if strings.HasPrefix(sql[i:], "*/") {
					depth--
					i++
				}
				if depth == 0 {
					break
				}
			}
			if depth > 0 {
				return -1
			}
			i++
		default:
			return i
		}
	}
	return i
}

func isIdentStart(c byte) bool {
	return c == '_' || c >= utf8.RuneSelf || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func next(sql string, i int) (token, error) {
	c := sql[i]
	switch {
	case (c == 'e' || c == 'E') && strings.HasPrefix(sql[i+1:], "'"):
		return quoted(sql, i, i+1, '\'', true)
	case c == '\'':
		return quoted(sql, i, i, '\'', false)
	case c == '"':
		return quoted(sql, i, i, '"', false)
	case isIdentStart(c):
		j := i
		for j < len(sql) && (isIdentStart(sql[j]) || isDigit(sql[j]) || sql[j] == '$') {
			j++
		}
		return token{kind: tokIdent, text: strings.ToLower(sql[i:j]), pos: i, end: j}, nil
	case isDigit(c) || c == '.' && i+1 < len(sql) && isDigit(sql[i+1]):
		j := number(sql, i)
		return token{kind: tokNumber, text: sql[i:j], pos: i, end: j}, nil
	case c == '$' && i+1 < len(sql) && isDigit(sql[i+1]):
		j := i + 1
		for j < len(sql) && isDigit(sql[j]) {
			j++
		}
		return token{kind: tokParam, text: sql[i+1 : j], pos: i, end: j}, nil
	}
	for _, op := range []string{"->>", "!~*", "::", "<>", "!=", "<=", ">=", "||", "=>", "->", "~*", "!~"} {
		if strings.HasPrefix(sql[i:], op) {
			return token{kind: tokOp, text: op, pos: i, end: i + len(op)}, nil
		}
	}
	if strings.IndexByte("()[],;.+-*/%<>=~", c) >= 0 {
		return token{kind: tokOp, text: string(c), pos: i, end: i + 1}, nil
	}
	return token{}, &Error{Pos: i, Text: fmt.Sprintf("unexpected character in input: %q", rune(c))}
}

func number(sql string, i int) int {
	dot, exp := false, false
	for ; i < len(sql); i++ {
		switch c := sql[i]; {
		case isDigit(c):
		case c == '.' && !dot && !exp:
			dot = true
		case c|0x20 == 'e' && !exp && exponent(sql[i+1:]):
			exp = true
			if sql[i+1] == '+' || sql[i+1] == '-' {
				i++
			}
		default:
			return i
		}
	}
	return i
}

func exponent(s string) bool {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	return s != "" && isDigit(s[0])
}

// quoted reads a string or quoted identifier that opens at i. start is where
// the token begins (before an E).
func quoted(sql string, start, i int, q byte, escapes bool) (token, error) {
	kind := tokString
	if q == '"' {
		kind = tokQuoted
	}
	var b strings.Builder
	for j := i + 1; j < len(sql); j++ {
		switch c := sql[j]; {
		case c == q && j+1 < len(sql) && sql[j+1] == q:
			b.WriteByte(q)
			j++
		case c == q:
			return token{kind: kind, text: b.String(), pos: start, end: j + 1}, nil
		case c == '\\' && escapes && j+1 < len(sql):
			j += unescape(&b, sql[j+1:])
		default:
			b.WriteByte(c)
		}
	}
	return token{}, &Error{Pos: start, Text: "unterminated quoted string"}
}

// unescape writes what stands behind a backslash and returns its length.
func unescape(b *strings.Builder, s string) int {
	const plain, meaning = "bfnrt", "\b\f\n\r\t"
	if k := strings.IndexByte(plain, s[0]); k >= 0 {
		b.WriteByte(meaning[k])
		return 1
	}
	if s[0] == 'u' && len(s) >= 5 {
		if r, err := strconv.ParseUint(s[1:5], 16, 32); err == nil {
			b.WriteRune(rune(r)) //nolint:gosec // 16 bits
			return 5
		}
	}
	if s[0] == 'x' {
		n := 1
		for n < 3 && n < len(s) && strings.IndexByte("0123456789abcdefABCDEF", s[n]) >= 0 {
			n++
		}
		if v, err := strconv.ParseUint(s[1:n], 16, 8); err == nil {
			b.WriteByte(byte(v))
			return n
		}
	}
	b.WriteByte(s[0])
	return 1
}
