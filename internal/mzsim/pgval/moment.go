package pgval

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// momentPattern and intervalNumber never change.
var (
	momentPattern = regexp.MustCompile(`^(\d{1,6})-(\d{1,2})-(\d{1,2})` +
		`(?:[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d*)?)?)?` +
		`\s*(Z|z|UTC|utc|[+-]\d{1,2}(?::?\d{2})?)?(?:\s*(BC|AD))?$`)
	intervalNumber = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)`)
)

// canonMoment reads dates and timestamps, with year 1 BC before year 1.
func (t *Type) canonMoment(text string) (string, error) {
	m := momentPattern.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return "", t.invalid(text, "")
	}
	num := func(i int) int { n, _ := strconv.Atoi(m[i]); return n }
	year, month, day := num(1), num(2), num(3)
	if m[9] == "BC" {
		year = 1 - year
	}
	if month < 1 || month > 12 || day < 1 || num(4) > 23 || num(5) > 59 || num(6) > 60 || year > 262142 {
		return "", fmt.Errorf("invalid input syntax for type %s: date/time field value out of range: \"%s\"", t.Name, text)
	}
	at := time.Date(year, time.Month(month), day, num(4), num(5), num(6), 0, time.UTC)
	if at.Day() != day && num(6) < 60 {
		return "", fmt.Errorf("invalid input syntax for type %s: date/time field value out of range: \"%s\"", t.Name, text)
	}
	at = at.Add(t.fraction(m[7]))
	if t.Class == TimestampTZ {
		at = at.Add(-offset(m[8]))
	}
	return t.formatMoment(at), nil
}

// fraction rounds ".1234567" to the type's precision.
func (t *Type) fraction(s string) time.Duration {
	if len(s) < 2 {
		return 0
	}
	f, _ := strconv.ParseFloat("0"+s, 64)
	unit := time.Microsecond
	if t.Class == Timestamp || t.Class == TimestampTZ {
		for p := t.Typmod; p >= 0 && p < 6; p++ {
			unit *= 10
		}
	}
	return time.Duration(f * 1e9).Round(unit)
}

func offset(zone string) time.Duration {
	if zone == "" || zone[0] != '+' && zone[0] != '-' {
		return 0
	}
	digits := strings.ReplaceAll(zone[1:], ":", "")
	h, m := digits, ""
	if len(digits) > 2 {
		h, m = digits[:len(digits)-2], digits[len(digits)-2:]
	}
	hours, _ := strconv.Atoi(h)
	minutes, _ := strconv.Atoi(m)
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if zone[0] == '-' {
		return -d
	}
	return d
}

// FormatTime prints a moment as timestamp with time zone.
func FormatTime(at time.Time) string {
	t := Type{Class: TimestampTZ, Typmod: -1}
	return t.formatMoment(at.UTC().Round(time.Microsecond))
}

func (t *Type) formatMoment(at time.Time) string {
	year, tail := at.Year(), ""
	if year <= 0 {
		year, tail = 1-year, " BC"
	}
	s := fmt.Sprintf("%04d-%02d-%02d", year, at.Month(), at.Day())
	if t.Class != Date {
		s += " " + clock(at)
	}
	if t.Class == TimestampTZ {
		s += "+00"
	}
	return s + tail
}

func clock(at time.Time) string {
	return at.Format("15:04:05") + micros(at.Nanosecond()/1000)
}

func micros(us int) string {
	if us == 0 {
		return ""
	}
	return "." + strings.TrimRight(fmt.Sprintf("%06d", us), "0")
}

func (t *Type) canonTime(text string) (string, error) {
	probe := Type{Class: Timestamp, Typmod: -1, Name: t.Name}
	s, err := probe.canonMoment("2000-01-01 " + strings.TrimSpace(text))
	if err != nil || strings.ContainsAny(text, "+-Z") {
		return "", t.invalid(text, "")
	}
	_, s, _ = strings.Cut(s, " ")
	return s, nil
}

// span is an interval.
type span struct {
	months, days int
	micros       int64
}

func (t *Type) canonInterval(text string) (string, error) {
	iv, err := parseInterval(text)
	if err != nil {
		return "", t.invalid(text, err.Error())
	}
	return iv.String(), nil
}

// ParseDuration reads an interval whose length is fixed (months count 30 days).
func ParseDuration(text string) (time.Duration, error) {
	t := Must("interval")
	iv, err := parseInterval(text)
	if err != nil {
		return 0, t.invalid(text, err.Error())
	}
	return time.Duration(iv.months)*30*24*time.Hour + time.Duration(iv.days)*24*time.Hour + time.Duration(iv.micros)*time.Microsecond, nil
}

func parseInterval(text string) (span, error) {
	var iv span
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return iv, errors.New("empty interval")
	}
	for i := 0; i < len(fields); i++ {
		f := fields[i]
		if strings.Contains(f, ":") {
			us, err := clockSpan(f)
			if err != nil {
				return iv, err
			}
			iv.micros += us
			continue
		}
		if y, mo, ok := strings.Cut(strings.TrimLeft(f, "+-"), "-"); ok {
			years, err1 := strconv.Atoi(y)
			months, err2 := strconv.Atoi(mo)
			if err1 != nil || err2 != nil {
				return iv, fmt.Errorf("unexpected %s", f)
			}
			n := years*12 + months
			if f[0] == '-' {
				n = -n
			}
			iv.months += n
			continue
		}
		digits := intervalNumber.FindString(f)
		if digits == "" {
			return iv, fmt.Errorf("unexpected %s", f)
		}
		v, err := strconv.ParseFloat(digits, 64)
		if err != nil || v > 1e9 || v < -1e9 {
			return iv, fmt.Errorf("%s is out of range", f)
		}
		unit := f[len(digits):]
		if unit == "" && i+1 < len(fields) && !strings.ContainsAny(fields[i+1], "0123456789") {
			i++
			unit = fields[i]
		} else if unit == "" && i+1 < len(fields) {
			unit = "day" // "3 4:05:06"
		}
		if err := iv.add(v, strings.ToLower(unit)); err != nil {
			return iv, err
		}
	}
	return iv, nil
}

func (iv *span) add(v float64, unit string) error {
	const second = 1e6
	switch unit { // not several m or u
	case "ms":
		unit = "msec"
	case "us":
		unit = "usec"
	}
	switch strings.TrimSuffix(unit, "s") {
	case "year", "y", "yr":
		iv.months += int(v * 12)
	case "month", "mon":
		iv.months += int(v)
	case "week", "w":
		iv.days += int(v * 7)
	case "day", "d":
		whole := int(v)
		iv.days += whole
		iv.micros += int64((v - float64(whole)) * 86400 * second)
	case "hour", "h", "hr":
		iv.micros += int64(v * 3600 * second)
	case "minute", "m", "min":
		iv.micros += int64(v * 60 * second)
	case "", "second", "sec":
		iv.micros += int64(v * second)
	case "millisecond", "msec":
		iv.micros += int64(v * 1000)
	case "microsecond", "usec":
		iv.micros += int64(v)
	default:
		return fmt.Errorf("unknown units %s", unit)
	}
	return nil
}

func clockSpan(s string) (int64, error) {
	neg := s[0] == '-'
	parts := strings.Split(strings.TrimLeft(s, "+-"), ":")
	if len(parts) > 3 {
		return 0, fmt.Errorf("unexpected %s", s)
	}
	us, unit := 0.0, 3600e6
	for _, p := range parts {
		v, err := strconv.ParseFloat(p, 64)
		if err != nil || v > 1e9 {
			return 0, fmt.Errorf("unexpected %s", s)
		}
		us += v * unit
		unit /= 60
	}
	if neg {
		us = -us
	}
	return int64(us + 0.5*sign(us)), nil
}

func sign(f float64) float64 {
	if f < 0 {
		return -1
	}
	return 1
}

// String prints the interval in the server's style.
func (iv span) String() string {
	var parts []string
	negative := false
	add := func(n int, unit string) {
		if n == 0 {
			return
		}
		plus := ""
		if negative && n > 0 {
			plus = "+"
		}
		if n != 1 {
			unit += "s"
		}
		parts = append(parts, plus+strconv.Itoa(n)+" "+unit)
		negative = n < 0
	}
	add(iv.months/12, "year")
	add(iv.months%12, "month")
	add(iv.days, "day")
	if iv.micros != 0 || len(parts) == 0 {
		us, mark := iv.micros, ""
		switch {
		case us < 0:
			us, mark = -us, "-"
		case negative:
			mark = "+"
		}
		s := us / 1e6
		parts = append(parts, fmt.Sprintf("%s%02d:%02d:%02d%s", mark, s/3600, s/60%60, s%60, micros(int(us%1e6))))
	}
	return strings.Join(parts, " ")
}

// FormatDuration prints a duration as an interval.
func FormatDuration(d time.Duration) string { return span{micros: d.Microseconds()}.String() }
