package accept

import (
	"mime"
	"strconv"
	"strings"
)

// Ranges is what a client takes, in its order.
type Ranges []Range

// Range is a media type, or several by wild cards.
type Range struct {
	Media  string
	Params map[string]string
	Q      float64 // how much it is wanted: 0 (not at all) to 1
}

// most bounds what is read of a header that anybody can send.
const most = 32

// Parse reads the values of a request's Accept headers. What does not parse is
// ignored.
func Parse(values []string) Ranges {
	var a Ranges
	for _, v := range values {
		for part := range splitOutsideQuotes(v) {
			media, params, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			q := 1.0
			if text, ok := params["q"]; ok {
				if q, err = strconv.ParseFloat(text, 64); err != nil || q < 0 || q > 1 {
					continue
				}
			}
			if a = append(a, Range{media, params, q}); len(a) == most {
				return a
			}
		}
	}
	return a
}

// splitOutsideQuotes splits at commas; subscriptionSpec="1.0, x" is one part.
func splitOutsideQuotes(s string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := range len(s) {
			switch s[i] {
			case '"':
				quoted = !quoted
			case ',':
				if !quoted {
					if !yield(s[start:i]) {
						return
					}
					start = i + 1
				}
			}
		}
		yield(s[start:])
	}
}

// Quality returns how much the header wants a type; named says that wild
// cards do not count.
func (a Ranges) Quality(media string, named bool) float64 {
	best, rank := 0.0, 0
	group, _, _ := strings.Cut(media, "/")
	for _, r := range a {
		this := 0
		switch r.Media {
		case media:
			this = 3
		case group + "/*":
			this = 2
		case "*/*":
			this = 1
		}
		if named && this != 3 || this == 0 || this < rank {
			continue
		}
		if this > rank || r.Q > best {
			best, rank = r.Q, this
		}
	}
	return best
}
