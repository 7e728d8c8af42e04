package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
	"github.com/tycostream/tycostream/internal/mzsim/pgval"
)

// Map holds a session's variables, by name in lower case.
type Map map[string]string

// Reported are the variables that clients are told about, in start-up order.
func Reported() []string {
	return []string{
		"application_name", "client_encoding", "DateStyle", "integer_datetimes", "server_version",
		"standard_conforming_strings", "TimeZone", "IntervalStyle", "cluster", "cluster_replica",
		"default_cluster_replication_factor", "database", "search_path",
	}
}

func defaults() Map {
	return Map{
		"application_name": "", "client_encoding": "UTF8", "datestyle": "ISO, MDY", "integer_datetimes": "on",
		"server_version": "9.5.0", "server_version_num": "90500", "standard_conforming_strings": "on", "timezone": "UTC",
		"intervalstyle": "postgres", "cluster": "quickstart", "cluster_replica": "",
		"default_cluster_replication_factor": "1", "database": "materialize", "search_path": "public",
		"welcome_message": "on", "client_min_messages": "notice", "transaction_isolation": "strict serializable",
		"statement_timeout": "60 s", "idle_in_transaction_session_timeout": "2 min", "extra_float_digits": "3",
		"emit_timestamp_notice": "off", "auto_route_catalog_queries": "on", "real_time_recency": "off",
		"statement_logging_sample_rate": "0.01", "current_object_missing_warnings": "on", "max_result_size": "1GB",
		"bytea_output": "hex", "row_security": "off", "is_superuser": "off", "oidc_auth_enabled": "off",
		"max_query_result_size": "1GB", "default_transaction_isolation": "strict serializable",
	}
}

// New returns the variables that a session starts with.
func New() Map { return defaults() }

// Get returns a variable, empty if there is none.
func (s Map) Get(name string) string { return s[strings.ToLower(name)] }

// Set changes a variable; fixed ones accept only the value they have.
func (s Map) Set(name, value string) error {
	name = strings.ToLower(name)
	old, ok := s[name]
	if !ok {
		return pgerr.Errorf("42704", "unrecognized configuration parameter \"%s\"", name)
	}
	switch name {
	case "integer_datetimes", "server_version", "server_version_num", "standard_conforming_strings", "is_superuser":
		if !strings.EqualFold(value, old) {
			return pgerr.Errorf("55P02", "parameter \"%s\" cannot be changed", name)
		}
		return nil
	case "client_encoding":
		if !slices.Contains([]string{"utf8", "utf-8", "unicode"}, strings.ToLower(value)) {
			return pgerr.Errorf("22023", "parameter \"client_encoding\" can only be set to \"UTF8\"")
		}
		value = "UTF8"
	case "welcome_message":
		value = onOff(value)
	case "idle_in_transaction_session_timeout", "statement_timeout":
		if _, err := ParseTimeout(value); err != nil {
			return pgerr.Errorf("22023", "parameter \"%s\" requires a \"duration\" value", name)
		}
	case "datestyle", "intervalstyle", "timezone":
		value = old // fixed in practice
	}
	s[name] = value
	return nil
}

// Reset gives a variable its default back.
func (s Map) Reset(name string) error {
	v, ok := defaults()[strings.ToLower(name)]
	if !ok {
		return pgerr.Errorf("42704", "unrecognized configuration parameter \"%s\"", name)
	}
	s[strings.ToLower(name)] = v
	return nil
}

// ResetAll does so with all of them.
func (s Map) ResetAll() { maps.Copy(s, defaults()) }

func onOff(v string) string {
	switch strings.ToLower(v) {
	case "off", "false", "f", "no", "0":
		return "off"
	}
	return "on"
}

// ParseTimeout reads a duration; a number alone is milliseconds, 0 is off.
func ParseTimeout(v string) (time.Duration, error) {
	if strings.Trim(v, "0123456789") == "" && v != "" {
		v += " ms"
	}
	d, err := pgval.ParseDuration(v)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("bad duration %q", v)
	}
	return d, nil
}

// Shows reports whether client_min_messages lets a notice through.
func (s Map) Shows(severity string) bool {
	levels := []string{"debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error", "fatal", "panic"}
	rank := func(l string) int { return slices.Index(levels, strings.ToLower(l)) }
	return rank(severity) >= rank(s.Get("client_min_messages"))
}
