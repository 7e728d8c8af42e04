package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tycostream/tycostream/internal/config/mistake"
)

// parse turns a setting's text into its value. Errors say what is wrong with
// the text, never the text of a secret.
func (s *Setting) parse(text string) (any, error) {
	if text == "" {
		return s.empty(), nil
	}
	switch s.Kind {
	case Integer, Port:
		return s.parseInteger(text)
	case Size:
		n, err := ParseSize(text)
		if err != nil {
			return nil, err
		}
		return int(n), s.inRange(n)
	case Duration:
		return parseDuration(text)
	case Boolean:
		return parseBoolean(text)
	case Choice:
		if v := strings.ToLower(text); slices.Contains(s.Values, v) {
			return v, nil
		}
		return nil, fmt.Errorf("%q is not a choice%s", text, mistake.OneOf(text, s.Values))
	case Level:
		return parseLevel(text)
	case Origins:
		return parseOrigins(text)
	case URL:
		return text, checkURL(text)
	case List:
		return splitList(text), nil
	case Durations:
		return parseDurations(text)
	case Text:
	}
	return text, nil
}

// empty is the value of a setting without text and without default.
func (s *Setting) empty() any {
	switch s.Kind {
	case Integer, Port, Size:
		return 0
	case Duration:
		return time.Duration(0)
	case Boolean:
		return false
	case Level:
		return slog.LevelInfo
	case Origins, List:
		return []string(nil)
	case Durations:
		return []time.Duration(nil)
	case Text, Choice, URL:
	}
	return ""
}

func splitList(text string) []string {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

func (s *Setting) parseInteger(text string) (any, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is not a whole number", text)
	}
	if s.Kind == Port && (n > math.MaxUint16 || n < s.Min) {
		return nil, fmt.Errorf("%d is not a port: use %d to 65535", n, s.Min)
	}
	return int(n), s.inRange(n)
}

func (s *Setting) inRange(n int64) error {
	top := s.Max
	if top == 0 {
		top = math.MaxInt32
	}
	switch {
	case n < s.Min:
		return fmt.Errorf("%d is too small: at least %d", n, s.Min)
	case n > top:
		return fmt.Errorf("%d is too large: at most %d", n, top)
	}
	return nil
}

// ParseSize reads a number of bytes: 512, 64KiB, 1MB, 2GiB.
func ParseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit := strings.ToLower(strings.TrimSpace(text[len(digits):]))
	factors := map[string]int64{
		"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9,
		"k": 1 << 10, "m": 1 << 20, "g": 1 << 30,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
	}
	factor, known := factors[unit]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n < 0 || n > math.MaxInt64/factor {
		return 0, fmt.Errorf("%q is not a size: write 512, 64KiB or 1MB", text)
	}
	return n * factor, nil
}

func parseDuration(text string) (any, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		if _, e := strconv.ParseFloat(text, 64); e == nil {
			return nil, fmt.Errorf("%q has no unit: write %ss or %sms", text, text, text)
		}
		return nil, fmt.Errorf("%q is not a duration: write 250ms, 30s or 5m", text)
	}
	if d < 0 {
		return nil, fmt.Errorf("%q is negative", text)
	}
	return d, nil
}

func parseDurations(text string) (any, error) {
	var list []time.Duration
	for _, part := range splitList(text) {
		d, err := parseDuration(part)
		if err != nil {
			return nil, err
		}
		list = append(list, d.(time.Duration)) //nolint:forcetypeassert // it is nothing else
	}
	return list, nil
}

func parseBoolean(text string) (any, error) {
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on", "t", "y":
		return true, nil
	case "false", "0", "no", "off", "f", "n":
		return false, nil
	}
	return nil, fmt.Errorf("%q is neither true nor false", text)
}

// parseLevel also knows the levels of other loggers, which setups of the
// predecessor may name.
func parseLevel(text string) (any, error) {
	switch strings.ToLower(text) {
	case "trace", "verbose", "silly", "debug":
		return slog.LevelDebug, nil
	case "info", "log", "http":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error", "fatal":
		return slog.LevelError, nil
	}
	return nil, fmt.Errorf("%q is not a log level%s", text,
		mistake.OneOf(text, []string{"debug", "info", "warn", "error"}))
}

func parseOrigins(text string) (any, error) {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSuffix(strings.TrimSpace(part), "/")
		if part == "" {
			continue
		}
		if err := checkOrigin(part); err != nil {
			return nil, err
		}
		list = append(list, strings.ToLower(part))
	}
	return list, nil
}

func checkOrigin(text string) error {
	if text == "*" {
		return nil
	}
	u, err := url.Parse(strings.Replace(text, "*", "wildcard", 1))
	switch {
	case err != nil || u.Scheme == "" || u.Host == "":
		return fmt.Errorf("%q is not an origin: write https://app.example.com, with scheme and without path", text)
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return fmt.Errorf("%q is more than an origin: write %s://%s", text, u.Scheme, strings.Replace(u.Host, "wildcard", "*", 1))
	case strings.Contains(text, "*") && !strings.Contains(text, "://*."):
		return fmt.Errorf("%q: a star stands for the first part of the host, as in https://*.example.com", text)
	}
	return nil
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil { // the error of url.Parse repeats the text, which may hold a password
		return errors.New("is not a URL: write postgres://user:password@host:port/name, special characters of the password as %XX")
	}
	switch u.Scheme {
	case "postgres", "postgresql", "materialize":
		return nil
	case "":
		return errors.New("is not a URL: write postgres://user:password@host:port/name")
	}
	return fmt.Errorf("scheme %q is not known: write postgres://user:password@host:port/name", u.Scheme)
}
