package pgval

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Compare orders two canonical texts of the type: -1, 0, 1.
func (t *Type) Compare(a, b string) int {
	if a == b {
		return 0
	}
	switch t.Class { //nolint:exhaustive // every other class is ordered by its text
	case Int, Numeric, Float:
		return CompareNumbers(a, b)
	case Date, Timestamp, TimestampTZ:
		x, okx := parseDay(a)
		y, oky := parseDay(b)
		if okx && oky {
			return x.Compare(y)
		}
	case Interval:
		x, _ := ParseDuration(a)
		y, _ := ParseDuration(b)
		return cmp.Compare(x, y)
	}
	return strings.Compare(a, b)
}

// CompareNumbers orders two numbers exactly; NaN is above everything.
func CompareNumbers(a, b string) int {
	x, okx := parseDecimal(a)
	y, oky := parseDecimal(b)
	if okx && oky {
		return x.Cmp(y)
	}
	return cmp.Compare(number64(a), number64(b))
}

// number64 reads a number as float64, NaN as something above infinity's rank.
func number64(s string) float64 {
	f, _ := strconv.ParseFloat(s, 64)
	switch {
	case math.IsNaN(f):
		return math.Inf(1)
	case math.IsInf(f, 1):
		return math.MaxFloat64
	}
	return f
}

// parseDay reads a canonical date or timestamp.
func parseDay(s string) (time.Time, bool) {
	s, bc := strings.CutSuffix(s, " BC")
	s = strings.TrimSuffix(s, "+00")
	day, clockText, _ := strings.Cut(s, " ")
	var y, m, d int
	if n, err := fmt.Sscanf(day, "%d-%d-%d", &y, &m, &d); n != 3 || err != nil {
		return time.Time{}, false
	}
	if bc {
		y = 1 - y
	}
	at := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if clockText != "" {
		c, err := time.Parse("15:04:05", clockText)
		if err != nil {
			return time.Time{}, false
		}
		at = at.Add(c.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)))
	}
	return at, true
}
