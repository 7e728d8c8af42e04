package accept_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/transport/accept"
)

func TestQuality(t *testing.T) {
	for _, c := range []struct {
		header, media string
		any, named    float64
	}{
		{"", "application/json", 0, 0},
		{"*/*", "application/json", 1, 0},
		{"application/*;q=0.5", "application/json", 0.5, 0},
		{"application/json;q=0.3, */*", "application/json", 0.3, 0.3}, // the closest range counts
		{"application/json;q=0, */*", "application/json", 0, 0},
		{"application/json;q=0.2, application/json;q=0.7", "application/json", 0.7, 0.7},
		{"APPLICATION/JSON", "application/json", 1, 1},
		{"text/html", "application/json", 0, 0},
		{"application/json;q=2, ;;, text/plain;q=x", "application/json", 0, 0},
	} {
		a := accept.Parse([]string{c.header})
		if got := a.Quality(c.media, false); got != c.any {
			t.Errorf("%q: %v, want %v", c.header, got, c.any)
		}
		if got := a.Quality(c.media, true); got != c.named {
			t.Errorf("%q, by name: %v, want %v", c.header, got, c.named)
		}
	}
}

func TestParse(t *testing.T) {
	a := accept.Parse([]string{`a/b;x="1, 2";q=0.5, c/d`, "e/f"})
	var media []string
	for _, r := range a {
		media = append(media, r.Media)
	}
	if !slices.Equal(media, []string{"a/b", "c/d", "e/f"}) || a[0].Params["x"] != "1, 2" || a[0].Q != 0.5 || a[1].Q != 1 {
		t.Errorf("%+v", a)
	}
	if n := len(accept.Parse([]string{strings.Repeat("a/b,", 1000)})); n != 32 {
		t.Errorf("%d ranges are read", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	f.Add(`multipart/mixed;boundary="graphql";subscriptionSpec="1.0",application/json`)
	f.Fuzz(func(t *testing.T, header string) {
		for _, r := range accept.Parse([]string{header}) {
			if r.Media == "" || !(r.Q >= 0 && r.Q <= 1) {
				t.Errorf("%q: %+v", header, r)
			}
		}
	})
}
