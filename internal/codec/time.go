package codec

import (
	"strconv"
	"strings"
)

// stamp is a parsed timestamp text.
type stamp struct {
	year, month, day     int
	hour, minute, second int
	dateLen, clockEnd    int // text[:dateLen] is the date, text[dateLen+1:clockEnd] the time
	secondEnd            int // text[secondEnd:clockEnd] is the fraction with its point
	offset               int // seconds east of UTC
	zoned                bool
	bc                   bool
}

// appendTimestamp appends a timestamp as ISO 8601. A text with an offset, as
// PostgreSQL prints in sessions outside UTC, is converted to UTC.
func appendTimestamp(dst []byte, text string, zoned bool) ([]byte, bool) {
	if isInfinity(text) {
		return appendPlain(dst, text, true)
	}
	var t stamp
	if !t.parse(text) {
		return dst, false
	}
	if t.bc {
		return appendPlain(dst, text, true)
	}
	dst = append(dst, '"')
	if t.offset == 0 {
		dst = append(dst, text[:t.dateLen]...)
		dst = append(dst, 'T')
		dst = append(dst, text[t.dateLen+1:t.clockEnd]...)
		if zoned || t.zoned {
			dst = append(dst, 'Z')
		}
	} else {
		dst = t.appendUTC(dst, text[t.secondEnd:t.clockEnd])
	}
	return append(dst, '"'), true
}

// appendUTC appends the instant in UTC; before the year 1 in the form in which
// a database in UTC writes it.
func (t *stamp) appendUTC(dst []byte, fraction string) []byte {
	s := daysOf(t.year, t.month, t.day)*86400 + t.hour*3600 + t.minute*60 + t.second - t.offset
	days := s / 86400
	if s -= days * 86400; s < 0 {
		s += 86400
		days--
	}
	year, month, day := dateOf(days)
	sep, end := byte('T'), "Z"
	if year <= 0 {
		year, sep, end = 1-year, ' ', "+00 BC"
	}
	dst = appendPadded(dst, year, 4)
	dst = appendPadded(append(dst, '-'), month, 2)
	dst = appendPadded(append(dst, '-'), day, 2)
	dst = appendPadded(append(dst, sep), s/3600, 2)
	dst = appendPadded(append(dst, ':'), s/60%60, 2)
	dst = appendPadded(append(dst, ':'), s%60, 2)
	dst = append(dst, fraction...)
	return append(dst, end...)
}

// appendWall appends a wall clock in microseconds since the Unix epoch, always
// with six digits of fraction.
func appendWall(dst []byte, wall int64) []byte {
	second, micro := wall/1e6, wall%1e6
	if micro < 0 {
		second--
		micro += 1e6
	}
	var buf [7]byte
	fraction := appendPadded(append(buf[:0], '.'), int(micro), 6)
	t := stamp{year: 1970, month: 1, day: 1, second: int(second)}
	dst = t.appendUTC(append(dst, '"'), string(fraction))
	return append(dst, '"')
}

func appendPadded(dst []byte, n, width int) []byte {
	for limit := 10; width > 1; width-- {
		if n < limit {
			dst = append(dst, "00000"[:width-1]...)
			break
		}
		limit *= 10
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

func isInfinity(s string) bool { return s == "infinity" || s == "-infinity" }

// isDate accepts "YYYY-MM-DD[ BC]" with four to seven digits of year, and
// infinity.
func isDate(s string) bool {
	if isInfinity(s) {
		return true
	}
	var t stamp
	return t.date(strings.TrimSuffix(s, " BC")) && t.dateLen == len(strings.TrimSuffix(s, " BC"))
}

// isTime accepts "HH:MM:SS[.ffffff]", with an offset when the column is timetz.
func isTime(s string) bool {
	var t stamp
	n := t.clock(s)
	if n == 0 {
		return false
	}
	_, ok := parseOffset(s[n:])
	return n == len(s) || ok
}

func (t *stamp) parse(s string) (ok bool) {
	if !t.date(s) || t.dateLen == len(s) || s[t.dateLen] != ' ' && s[t.dateLen] != 'T' {
		return false
	}
	n := t.clock(s[t.dateLen+1:])
	if n == 0 {
		return false
	}
	t.clockEnd = t.dateLen + 1 + n
	t.secondEnd = t.dateLen + 1 + len("HH:MM:SS")
	rest := s[t.clockEnd:]
	if strings.HasSuffix(rest, " BC") {
		t.bc, rest = true, rest[:len(rest)-3]
	}
	if rest == "" {
		return true
	}
	t.zoned = true
	if rest == "+00" { // all that Materialize prints, and PostgreSQL in UTC
		return true
	}
	t.offset, ok = parseOffset(rest)
	return ok
}

// date parses the date that s begins with.
func (t *stamp) date(s string) bool {
	n := digitsLen(s)
	if n < 4 || n > 7 || len(s) < n+6 || s[n] != '-' || s[n+3] != '-' {
		return false
	}
	for _, b := range []byte(s[:n]) {
		t.year = t.year*10 + int(b-'0')
	}
	t.month, t.day, t.dateLen = twoDigits(s[n+1:]), twoDigits(s[n+4:]), n+6
	return t.month >= 1 && t.month <= 12 && t.day >= 1 && t.day <= 31
}

// clock parses the time of day that s begins with and returns its length, or 0.
// Seconds of 60 and 24:00:00 exist.
func (t *stamp) clock(s string) int {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return 0
	}
	t.hour, t.minute, t.second = twoDigits(s), twoDigits(s[3:]), twoDigits(s[6:])
	if uint(t.hour) > 24 || uint(t.minute) > 59 || uint(t.second) > 60 { // -1 too
		return 0
	}
	if len(s) == 8 || s[8] != '.' {
		return 8
	}
	n := digitsLen(s[9:])
	if n == 0 {
		return 0
	}
	return 9 + n
}

// parseOffset parses "Z" or "+HH[:MM[:SS]]" into seconds east of UTC. Seconds
// occur in local mean times before time zones were introduced.
func parseOffset(s string) (int, bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) != 3 && len(s) != 6 && len(s) != 9 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	sum, unit := 0, 3600
	for i := 1; i < len(s); i += 3 {
		n := twoDigits(s[i:])
		if n < 0 || n > 59 || i > 1 && s[i-1] != ':' {
			return 0, false
		}
		sum += n * unit
		unit /= 60
	}
	if s[0] == '-' {
		sum = -sum
	}
	return sum, true
}

// twoDigits returns the number that s begins with, or -1.
func twoDigits(s string) int {
	if len(s) < 2 || s[0]-'0' > 9 || s[1]-'0' > 9 {
		return -1
	}
	return int(s[0]-'0')*10 + int(s[1]-'0')
}

// Days are counted from 1970-01-01 in the proleptic Gregorian calendar, in
// cycles of 400 years of which each year begins in March, so that the leap day
// comes last.
const (
	cycleYears = 400
	cycleDays  = 146097
	epochDays  = 719468 // from 0000-03-01 to 1970-01-01
)

func daysOf(year, month, day int) int {
	if month <= 2 {
		year--
		month += 12
	}
	cycle := year / cycleYears
	if year < 0 {
		cycle = (year - cycleYears + 1) / cycleYears
	}
	y := year - cycle*cycleYears
	inYear := (153*(month-3)+2)/5 + day - 1
	return cycle*cycleDays + y*365 + y/4 - y/100 + inYear - epochDays
}

func dateOf(days int) (year, month, day int) {
	days += epochDays
	cycle := days / cycleDays
	if days < 0 {
		cycle = (days - cycleDays + 1) / cycleDays
	}
	d := days - cycle*cycleDays
	y := (d - d/1460 + d/36524 - d/146096) / 365
	inYear := d - (365*y + y/4 - y/100)
	m := (5*inYear + 2) / 153
	day = inYear - (153*m+2)/5 + 1
	year, month = cycle*cycleYears+y, m+3
	if month > 12 {
		year++
		month -= 12
	}
	return year, month, day
}
