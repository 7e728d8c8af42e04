package webhook

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"120":                           2 * time.Minute,
		"99999999":                      maxRetryAfter,
		"-5":                            0,
		"soon":                          0,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute,
		"Fri, 02 Jan 2026 03:03:05 GMT": 0,
	} {
		t.Run(text, func(t *testing.T) {
			if got := retryAfter(text, now); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add("plain")
	f.Add("a\x00\x1b[31m\r\n\t b \u202e ü\xff")
	f.Add(strings.Repeat("ü ", 2*ExcerptBytes))
	f.Fuzz(func(t *testing.T, text string) {
		got := Excerpt(text)
		if len(got) > ExcerptBytes || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\x1b\r\n\t\u202e") || strings.Contains(got, "  ") {
			t.Errorf("%q", got)
		}
		if again := Excerpt(got); again != got {
			t.Errorf("%q is %q the second time", got, again)
		}
	})
}

func TestOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"https://A.example:8443/x?y": "https://a.example:8443",
		"http://a.example":           "http://a.example",
		"%zz":                        "%zz",
	} {
		if got := originOf(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
