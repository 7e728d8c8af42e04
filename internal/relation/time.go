package relation

import (
	"cmp"
	"strconv"
	"time"
)

// moment is a point on the axis of its kind: seconds since the Unix epoch of a
// Timestamp (of its wall clock, when it has no zone), days since the epoch of a
// Date, seconds since midnight of a Time. Microseconds in one int64 would end
// before PostgreSQL's last year does.
type moment struct {
	class class
	count int64
	nanos uint32
}

func (m moment) compare(o moment) int {
	if m.class != finite || o.class != finite {
		return cmp.Compare(m.class, o.class)
	}
	if m.count != o.count {
		return cmp.Compare(m.count, o.count)
	}
	return cmp.Compare(m.nanos, o.nanos)
}

const (
	secondsPerDay = 24 * 60 * 60
	maxYearDigits = 7 // PostgreSQL's dates end in the year 5874897
	malformed     = "malformed"
)

// parseMoment reads what PostgreSQL and Materialize print and what clients
// write in ISO 8601. why is empty on success. A Timestamp without zone in the
// text is taken as UTC, one with a zone is brought to UTC; so is a Time.
func parseMoment(text string, kind Kind) (m moment, why string) {
	s := clock{rest: text}
	if kind == Time {
		m.count, m.nanos = s.timeOfDay()
		if east := s.offset(); east != 0 {
			m.count = (m.count - east + 2*secondsPerDay) % secondsPerDay
		}
		if s.rest != "" {
			s.fail(malformed)
		}
		return m, s.why
	}
	if text == "" || text[0] > '9' || text[0] == '-' || text[0] == '+' {
		if c, ok := parseClass(text); ok && c != nan {
			return moment{class: c}, ""
		}
	}
	year, month, day := s.date()
	var seconds int64
	var offset int64
	if kind == Timestamp && s.rest != "" && (s.rest[0] == ' ' && !s.era() || s.rest[0] == 'T' || s.rest[0] == 't') {
		s.rest = s.rest[1:]
		seconds, m.nanos = s.timeOfDay()
		offset = s.offset()
	}
	if s.era() {
		if s.rest == " BC" {
			if year < 1 {
				s.fail("no such day")
			}
			year = 1 - year
		}
		s.rest = ""
	}
	if s.rest != "" {
		s.fail(malformed)
	}
	if s.why != "" {
		return moment{}, s.why
	}
	if day > daysIn(year, month) {
		return moment{}, "no such day"
	}
	m.count = daysSinceEpoch(year, month, day)
	if kind == Timestamp {
		m.count = m.count*secondsPerDay + seconds - offset
	}
	return m, ""
}

// clock scans a date or time. The first failure sticks in why.
type clock struct {
	rest string
	why  string
}

func (s *clock) fail(why string) {
	if s.why == "" {
		s.why = why
	}
}

// era reports whether all that is left is an era.
func (s *clock) era() bool { return s.rest == " BC" || s.rest == " AD" }

// number reads between least and most digits.
func (s *clock) number(least, most int) int64 {
	n, i := int64(0), 0
	for i < len(s.rest) && i < most && s.rest[i]-'0' <= 9 {
		n = n*10 + int64(s.rest[i]-'0')
		i++
	}
	if i < least {
		s.fail(malformed)
	}
	s.rest = s.rest[i:]
	return n
}

func (s *clock) skip(c byte) bool {
	if s.rest != "" && s.rest[0] == c {
		s.rest = s.rest[1:]
		return true
	}
	return false
}

func (s *clock) date() (year, month, day int64) {
	neg := s.skip('-')
	if !neg {
		s.skip('+')
	}
	year = s.number(4, maxYearDigits)
	if neg {
		year = -year // ISO 8601: the year 0 is 1 BC
	}
	if !s.skip('-') {
		s.fail(malformed)
	}
	month = s.number(2, 2)
	if !s.skip('-') {
		s.fail(malformed)
	}
	day = s.number(2, 2)
	if month < 1 || month > 12 || day < 1 {
		s.fail("no such day")
		month = 1
	}
	return year, month, day
}

// timeOfDay reads HH:MM[:SS[.fraction]]; 24:00:00 and second 60 exist, as in
// the database.
func (s *clock) timeOfDay() (seconds int64, nanos uint32) {
	h := s.number(2, 2)
	if !s.skip(':') {
		s.fail(malformed)
	}
	m := s.number(2, 2)
	var sec int64
	if s.skip(':') {
		sec = s.number(2, 2)
		if s.skip('.') {
			nanos = s.fraction()
		}
	}
	seconds = h*3600 + m*60 + sec
	if m > 59 || sec > 60 || seconds > secondsPerDay || seconds == secondsPerDay && nanos > 0 {
		s.fail("no such time")
	}
	return seconds, nanos
}

func (s *clock) fraction() uint32 {
	n, i := uint32(0), 0
	for ; i < len(s.rest) && s.rest[i]-'0' <= 9; i++ {
		d := s.rest[i] - '0'
		if i < 9 {
			n = n*10 + uint32(d)
		} else if d != 0 {
			s.fail("more than nine digits of fraction")
		}
	}
	if i == 0 {
		s.fail(malformed)
	}
	s.rest = s.rest[i:]
	for ; i < 9; i++ {
		n *= 10
	}
	return n
}

// offset reads an optional zone, in seconds east of UTC.
func (s *clock) offset() int64 {
	if len(s.rest) > 1 && s.rest[0] == ' ' && (s.rest[1] == '+' || s.rest[1] == '-') {
		s.rest = s.rest[1:]
	}
	if s.skip('Z') || s.skip('z') {
		return 0
	}
	sign := int64(1)
	switch {
	case s.skip('+'):
	case s.skip('-'):
		sign = -1
	default:
		return 0
	}
	o := s.number(2, 2) * 3600
	if s.skip(':') || s.rest != "" && s.rest[0]-'0' <= 9 {
		o += s.number(2, 2) * 60
		if s.skip(':') {
			o += s.number(2, 2)
		}
	}
	if o >= secondsPerDay {
		s.fail("no such offset")
	}
	return sign * o
}

func leap(year int64) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

// daysBefore holds the days of a common year before each month.
var daysBefore = [...]int64{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}

func daysIn(year, month int64) int64 {
	if month == 2 && leap(year) {
		return 29
	}
	return daysBefore[month] - daysBefore[month-1]
}

// daysSinceEpoch counts days in the proleptic Gregorian calendar.
func daysSinceEpoch(year, month, day int64) int64 {
	const epoch = 719162 // days from 0001-01-01 to 1970-01-01
	y := year - 1
	// Shifted by whole 400-year cycles, so that the divisions never see a
	// negative number.
	const cycles, daysPerCycle = 25_000, 146_097
	y += cycles * 400
	days := y*365 + y/4 - y/100 + y/400 - cycles*daysPerCycle
	days += daysBefore[month-1] + day - 1
	if month > 2 && leap(year) {
		days++
	}
	return days - epoch
}

// append writes the canonical text: ISO 8601, but infinities and years before
// the first as the database writes them.
func (m moment) append(dst []byte, kind Kind, zoned bool) []byte {
	switch m.class {
	case lowest:
		return append(dst, "-infinity"...)
	case highest:
		return append(dst, "infinity"...)
	case finite, nan:
	}
	if kind == Time {
		return appendTimeOfDay(dst, m.count, m.nanos)
	}
	seconds := m.count
	if kind == Date {
		seconds *= secondsPerDay
	}
	t := time.Unix(seconds, 0).UTC()
	year, separator, zone, era := t.Year(), byte('T'), "Z", ""
	if year < 1 {
		year, separator, zone, era = 1-year, ' ', "+00", " BC"
	}
	dst = appendPadded(dst, int64(year), 4)
	dst = appendPadded(append(dst, '-'), int64(t.Month()), 2)
	dst = appendPadded(append(dst, '-'), int64(t.Day()), 2)
	if kind == Timestamp {
		dst = append(dst, separator)
		dst = appendTimeOfDay(dst, int64(t.Hour()*3600+t.Minute()*60+t.Second()), m.nanos)
		if zoned {
			dst = append(dst, zone...)
		}
	}
	return append(dst, era...)
}

func appendTimeOfDay(dst []byte, seconds int64, nanos uint32) []byte {
	dst = appendPadded(dst, seconds/3600, 2)
	dst = appendPadded(append(dst, ':'), seconds/60%60, 2)
	dst = appendPadded(append(dst, ':'), seconds%60, 2)
	if nanos == 0 {
		return dst
	}
	dst = appendPadded(append(dst, '.'), int64(nanos), 9)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

func appendPadded(dst []byte, n int64, width int) []byte {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits); i < width; i++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}
