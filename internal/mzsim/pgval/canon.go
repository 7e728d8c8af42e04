package pgval

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Canon returns the text that the server prints for the value that text means,
// or an error in the server's words.
func (t *Type) Canon(text string) (string, error) {
	switch t.Class {
	case Bool:
		return t.canonBool(text)
	case Int:
		return t.canonInt(text)
	case Float:
		return t.canonFloat(text)
	case Numeric:
		return t.canonNumeric(text)
	case Bytea:
		return t.canonBytea(text)
	case Date, Timestamp, TimestampTZ:
		return t.canonMoment(text)
	case Time:
		return t.canonTime(text)
	case Interval:
		return t.canonInterval(text)
	case UUID:
		return t.canonUUID(text)
	case JSONB:
		return t.canonJSON(text)
	case Array, List:
		return t.canonList(text)
	case Map:
		return t.canonMap(text)
	case Range:
		return t.canonRange(text)
	case Char:
		return t.canonChar(text)
	case Text, Opaque:
	}
	return text, nil
}

func (t *Type) invalid(text, why string) error {
	name := t.Name
	if why != "" {
		return fmt.Errorf("invalid input syntax for type %s: %s: \"%s\"", name, why, text)
	}
	return fmt.Errorf("invalid input syntax for type %s: \"%s\"", name, text)
}

func (t *Type) canonBool(text string) (string, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "t", "true", "y", "yes", "on", "1":
		return "t", nil
	case "f", "false", "n", "no", "off", "0":
		return "f", nil
	}
	return "", t.invalid(text, "")
}

func (t *Type) canonInt(text string) (string, error) {
	s := strings.TrimSpace(text)
	unsigned := t.OID >= 16000 || t.Class == Int && (t.Name == "oid" || strings.HasPrefix(t.Name, "reg"))
	bits := int(t.Size) * 8
	if t.Size < 0 { // mz_timestamp
		bits = 64
	}
	if unsigned {
		v, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, bits)
		if err != nil {
			return "", t.invalid(text, intProblem(s, err))
		}
		return strconv.FormatUint(v, 10), nil
	}
	v, err := strconv.ParseInt(s, 10, bits)
	if err != nil {
		return "", t.invalid(text, intProblem(s, err))
	}
	return strconv.FormatInt(v, 10), nil
}

func intProblem(s string, err error) string {
	switch {
	case s == "":
		return "cannot parse integer from empty string"
	case strings.Contains(err.Error(), "range"):
		if s[0] == '-' {
			return "number too small to fit in target type"
		}
		return "number too large to fit in target type"
	}
	return "invalid digit found in string"
}

func (t *Type) canonFloat(text string) (string, error) {
	bits := int(t.Size) * 8
	v, err := strconv.ParseFloat(strings.TrimSpace(text), bits)
	if err != nil || strings.ContainsAny(text, "xX_pP") {
		return "", t.invalid(text, "")
	}
	return FormatFloat(v, bits), nil
}

// FormatFloat prints a float4 (bits 32) or float8 (64): the shortest digits
// that read back as the same value, with an exponent for large and small ones.
func FormatFloat(v float64, bits int) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	case v == 0:
		if math.Signbit(v) {
			return "-0"
		}
		return "0"
	}
	low, high := 1e-5, 1e16
	if bits == 32 {
		low, high = 1e-6, 1e13
	}
	if a := math.Abs(v); a >= low && a < high {
		return strconv.FormatFloat(v, 'f', -1, bits)
	}
	digits, exp, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, bits), "e")
	return digits + "e" + exp[:1] + strings.TrimLeft(exp[1:], "0")
}

func (t *Type) canonNumeric(text string) (string, error) {
	s := strings.TrimSpace(text)
	switch strings.ToLower(s) {
	case "nan":
		return "NaN", nil
	case "infinity", "-infinity": // not from SQL text, but results can be
		return infinity(s), nil
	}
	r, ok := parseDecimal(s)
	if !ok {
		return "", t.invalid(text, "")
	}
	return formatNumeric(r, t.scale())
}

func infinity(s string) string {
	if s[0] == '-' {
		return "-Infinity"
	}
	return "Infinity"
}

// parseDecimal reads digits with an optional point and exponent.
func parseDecimal(s string) (*big.Rat, bool) {
	mantissa, exp, hasExp := strings.Cut(strings.ToLower(s), "e")
	if hasExp {
		if e, err := strconv.Atoi(exp); err != nil || e > 200 || e < -200 {
			return nil, false
		}
	}
	digits := strings.TrimLeft(mantissa, "+-")
	if len(mantissa)-len(digits) > 1 || strings.Trim(digits, "0123456789.") != "" || len(s) > 400 {
		return nil, false
	}
	if strings.Count(digits, ".") > 1 || strings.Trim(digits, ".") == "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// FormatNumeric prints a numeric without declared scale: no exponent, no
// trailing zeros, at most 39 digits (the fraction is rounded).
func FormatNumeric(r *big.Rat) (string, error) { return formatNumeric(r, -1) }

func formatNumeric(r *big.Rat, scale int) (string, error) {
	whole := new(big.Int).Quo(r.Num(), r.Denom())
	n := len(whole.Text(10))
	if whole.Sign() < 0 {
		n--
	} else if whole.Sign() == 0 {
		n = 0
	}
	if n > MaxNumericDigits {
		return "", errors.New("numeric field overflow")
	}
	places := MaxNumericDigits - n
	if scale >= 0 {
		places = min(places, scale)
	}
	s := r.FloatString(places) // rounds half away from zero
	if strings.IndexByte(s, '.') >= 0 {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		s = "0"
	}
	return s, nil
}

// Rational returns the value of an integer or numeric text; ok is false for
// NaN, infinities and everything else.
func Rational(text string) (*big.Rat, bool) { return parseDecimal(text) }

func (t *Type) canonBytea(text string) (string, error) {
	if h, ok := strings.CutPrefix(text, `\x`); ok {
		b, err := hex.DecodeString(strings.Join(strings.Fields(h), ""))
		if err != nil {
			return "", t.invalid(text, "invalid hexadecimal")
		}
		return `\x` + hex.EncodeToString(b), nil
	}
	var out []byte
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\':
			out = append(out, text[i])
		case strings.HasPrefix(text[i:], `\\`):
			out = append(out, '\\')
			i++
		default:
			if i+4 > len(text) {
				return "", t.invalid(text, "ends with escape character")
			}
			v, err := strconv.ParseUint(text[i+1:i+4], 8, 8)
			if err != nil {
				return "", t.invalid(text, "invalid escape sequence")
			}
			out = append(out, byte(v))
			i += 3
		}
	}
	return `\x` + hex.EncodeToString(out), nil
}

func (t *Type) canonUUID(text string) (string, error) {
	s := strings.ToLower(strings.Trim(strings.ReplaceAll(strings.TrimSpace(text), "-", ""), "{}"))
	if len(s) != 32 || strings.Trim(s, "0123456789abcdef") != "" {
		return "", t.invalid(text, "")
	}
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:], nil
}

func (t *Type) canonChar(text string) (string, error) {
	n := int(t.Typmod) - 4
	s := strings.TrimRight(text, " ")
	have := len([]rune(s))
	if have > n {
		return "", fmt.Errorf("value too long for type character(%d)", n)
	}
	return s + strings.Repeat(" ", n-have), nil
}
