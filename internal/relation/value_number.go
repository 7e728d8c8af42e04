package relation

import (
	"cmp"
	"errors"
	"math"
	"strconv"
	"strings"
)

const outOfRange = "outside the range of 64-bit integers"

// parseInteger reads any integer from -2^63 to 2^64-1 as a 128-bit two's
// complement number, of which hi is only the sign. why is empty on success.
func parseInteger(text string) (hi int64, lo uint64, why string) {
	digits, neg := text, false
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		neg = digits[0] == '-'
		digits = digits[1:]
	}
	// 19 digits always fit into 64 bits; longer ones take the careful way.
	if len(digits) == 0 || len(digits) > 19 {
		return parseOddInteger(text)
	}
	for i := range len(digits) {
		d := digits[i] - '0'
		if d > 9 {
			return parseOddInteger(text)
		}
		lo = lo*10 + uint64(d)
	}
	return signed(neg, lo)
}

func signed(neg bool, magnitude uint64) (hi int64, lo uint64, why string) {
	switch {
	case !neg || magnitude == 0:
		return 0, magnitude, ""
	case magnitude > 1<<63:
		return 0, 0, outOfRange
	}
	return -1, -magnitude, ""
}

// parseOddInteger reads integers written as decimals do it, "1e2" or "5.00",
// and those of more than 19 digits.
func parseOddInteger(text string) (hi int64, lo uint64, why string) {
	d, class, ok := parseDecimal(text)
	switch {
	case !ok || class != finite || d.point < len(d.whole)+len(d.frac):
		return 0, 0, "not a whole number"
	case d.point > 20:
		return 0, 0, outOfRange
	}
	digits := d.whole + d.frac + strings.Repeat("0", d.point-len(d.whole)-len(d.frac))
	if digits == "" {
		return 0, 0, ""
	}
	lo, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0, 0, outOfRange
	}
	return signed(d.neg, lo)
}

func compareWords(ahi int64, alo uint64, bhi int64, blo uint64) int {
	if ahi != bhi {
		return cmp.Compare(ahi, bhi)
	}
	return cmp.Compare(alo, blo)
}

// decimal is a number of any length: ±0.DDD * 10^point, where DDD is whole
// followed by frac, without zeros at either end; no digits at all is zero. The
// digits stay where the text has them, so that comparing costs no allocation.
type decimal struct {
	neg         bool
	whole, frac string
	point       int
}

// maxExponent bounds the exponent of constants such as 1e9999; PostgreSQL's
// numeric ends at 131072 digits.
const maxExponent = 1_000_000

func parseDecimal(text string) (d decimal, c class, ok bool) {
	i := 0
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		d.neg = text[i] == '-'
		i++
	}
	start := i
	for i < len(text) && text[i]-'0' <= 9 {
		i++
	}
	d.whole = text[start:i]
	if i < len(text) && text[i] == '.' {
		start = i + 1
		for i++; i < len(text) && text[i]-'0' <= 9; {
			i++
		}
		d.frac = text[start:i]
	}
	if d.whole == "" && d.frac == "" {
		c, ok = parseClass(text)
		return decimal{}, c, ok
	}
	exponent := 0
	if i < len(text) {
		if text[i] != 'e' && text[i] != 'E' {
			return decimal{}, finite, false
		}
		var err error
		if exponent, err = strconv.Atoi(text[i+1:]); err != nil || exponent > maxExponent || exponent < -maxExponent {
			return decimal{}, finite, false
		}
	}
	d.trim()
	if d.whole == "" && d.frac == "" {
		return decimal{}, finite, true
	}
	d.point += exponent
	return d, finite, true
}

// trim removes the zeros at both ends of the digits and sets point.
func (d *decimal) trim() {
	for d.whole != "" && d.whole[0] == '0' {
		d.whole = d.whole[1:]
	}
	d.point = len(d.whole)
	for d.frac != "" && d.frac[len(d.frac)-1] == '0' {
		d.frac = d.frac[:len(d.frac)-1]
	}
	if d.whole == "" {
		for d.frac != "" && d.frac[0] == '0' {
			d.frac = d.frac[1:]
			d.point--
		}
		return
	}
	if d.frac == "" {
		for d.whole != "" && d.whole[len(d.whole)-1] == '0' {
			d.whole = d.whole[:len(d.whole)-1]
		}
	}
}

func (d *decimal) zero() bool { return d.whole == "" && d.frac == "" }

func compareDecimals(a *decimal, ac class, b *decimal, bc class) int {
	if ac != finite || bc != finite {
		return cmp.Compare(ac, bc)
	}
	if as, bs := a.sign(), b.sign(); as != bs || as == 0 {
		return cmp.Compare(as, bs)
	}
	order := cmp.Compare(a.point, b.point)
	if order == 0 {
		order = compareDigits(a.whole, a.frac, b.whole, b.frac)
	}
	if a.neg {
		return -order
	}
	return order
}

func (d *decimal) sign() int {
	switch {
	case d.zero():
		return 0
	case d.neg:
		return -1
	}
	return 1
}

// compareDigits compares the digit strings aw+af and bw+bf, as fractions.
func compareDigits(aw, af, bw, bf string) int {
	for {
		n := min(len(aw), len(bw))
		if order := strings.Compare(aw[:n], bw[:n]); order != 0 {
			return order
		}
		aw, bw = aw[n:], bw[n:]
		if aw == "" {
			aw, af = af, ""
		}
		if bw == "" {
			bw, bf = bf, ""
		}
		if aw == "" || bw == "" {
			return cmp.Compare(len(aw), len(bw))
		}
	}
}

// append writes the canonical text: plain digits, or scientific notation where
// those would mostly be zeros.
func (d *decimal) append(dst []byte) []byte {
	const mostZeros = 40
	digits := d.whole + d.frac
	if digits == "" {
		return append(dst, '0')
	}
	if d.neg {
		dst = append(dst, '-')
	}
	switch {
	case d.point > len(digits)+mostZeros || d.point < -mostZeros:
		dst = append(dst, digits[0])
		if len(digits) > 1 {
			dst = append(append(dst, '.'), digits[1:]...)
		}
		return strconv.AppendInt(append(dst, 'e'), int64(d.point-1), 10)
	case d.point >= len(digits):
		dst = append(dst, digits...)
		return append(dst, strings.Repeat("0", d.point-len(digits))...)
	case d.point > 0:
		dst = append(dst, digits[:d.point]...)
		return append(append(dst, '.'), digits[d.point:]...)
	}
	dst = append(append(dst, "0."...), strings.Repeat("0", -d.point)...)
	return append(dst, digits...)
}

// parseClass reads the words for what is no finite number, in any case.
func parseClass(text string) (class, bool) {
	if strings.EqualFold(text, "nan") {
		return nan, true
	}
	c := highest
	if text != "" && (text[0] == '-' || text[0] == '+') {
		if text[0] == '-' {
			c = lowest
		}
		text = text[1:]
	}
	return c, strings.EqualFold(text, "infinity") || strings.EqualFold(text, "inf")
}

// parseFloat reads float4, float8 and, where a numeric is declared as Float,
// any decimal number; those too large for a double count as infinite.
func parseFloat(text string) (float64, class, bool) {
	for i := range len(text) {
		c := text[i]
		if c-'0' <= 9 || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E' {
			continue
		}
		c2, ok := parseClass(text)
		return 0, c2, ok
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, finite, false
	case math.IsInf(f, 1):
		return 0, highest, true
	case math.IsInf(f, -1):
		return 0, lowest, true
	}
	if f == 0 {
		f = 0 // -0 equals 0, so they have one form
	}
	return f, finite, true
}

func compareFloats(a float64, ac class, b float64, bc class) int {
	if ac != finite || bc != finite {
		return cmp.Compare(ac, bc)
	}
	return cmp.Compare(a, b)
}

// appendFloat writes the shortest digits that give f again, in a form that is
// legal JSON.
func appendFloat(dst []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}
