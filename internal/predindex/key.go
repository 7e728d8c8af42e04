package predindex

import (
	"strings"

	"github.com/tycostream/tycostream/internal/relation"
)

// hashed reports whether equality on columns of a kind goes through a hash of
// canonical texts. Those of times cost more to write than the tree to walk.
func hashed(k relation.Kind) bool { return k != relation.Timestamp && k != relation.Time }

// ordered reports whether columns of a kind have ranges worth a tree.
func ordered(k relation.Kind) bool { return k != relation.JSON && k != relation.Array }

// distinct reports whether different values of a kind have different canonical
// texts. A list's null and a JSON null within a list have the same one.
func distinct(k relation.Kind) bool { return ordered(k) }

// plain returns the canonical text of a cell that is written in one of the
// usual ways, without parsing it. What it returns for a cell that is no value
// of the kind is no value's canonical text.
func plain(k relation.Kind, cell string) (key string, ok bool) {
	switch k { //nolint:exhaustive // all others are parsed
	case relation.String, relation.Enumeration:
		return cell, true
	case relation.Integer, relation.BigInt:
		return cell, plainInteger(cell)
	case relation.Decimal:
		return plainDecimal(cell)
	case relation.UUID:
		return cell, plainUUID(cell)
	case relation.Date:
		return cell, len(cell) == len("2026-01-02") && cell[0] != '-' && cell[0] != '+' && cell[:4] != "0000"
	}
	return "", false
}

func plainInteger(cell string) bool {
	digits := cell
	if cell != "" && cell[0] == '-' {
		digits = cell[1:]
	}
	if digits == "" || digits[0] == '0' && cell != "0" {
		return false
	}
	return allDigits(digits)
}

func allDigits(text string) bool {
	for i := range len(text) {
		if text[i]-'0' > 9 {
			return false
		}
	}
	return true
}

// plainDecimal cuts the zeros that a numeric with a scale ends in.
func plainDecimal(cell string) (string, bool) {
	const most = 40 // the canonical text of shorter ones has no exponent
	digits := strings.TrimPrefix(cell, "-")
	whole, frac, _ := strings.Cut(digits, ".")
	if whole == "" || len(cell) > most || whole[0] == '0' && len(whole) > 1 || !allDigits(whole) || !allDigits(frac) {
		return "", false
	}
	cut := 0
	for cut < len(frac) && frac[len(frac)-1-cut] == '0' {
		cut++
	}
	if cut == len(frac) {
		if whole == "0" {
			return "0", true // no sign
		}
		return cell[:len(cell)-len(digits)+len(whole)], true
	}
	return cell[:len(cell)-cut], true
}

func plainUUID(cell string) bool {
	if len(cell) != 36 {
		return false
	}
	for i := range len(cell) {
		if cell[i]-'A' < 26 {
			return false
		}
	}
	return true
}
