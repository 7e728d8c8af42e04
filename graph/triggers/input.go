package triggers

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tycostream/tycostream/internal/trigger/spec"
)

// readInput reads the input of a new trigger: exact values, as the client wrote
// them.
func readInput(input any, check Check) (spec.Input, error) {
	p, err := readPatch(input, check)
	if err != nil {
		return spec.Input{}, err
	}
	in := spec.Input{
		Webhook: p.Webhook.Value, Fire: p.Fire.Value, Clear: p.Clear.Value, Snapshot: p.Snapshot.Value,
		For: p.For.Value, Cooldown: p.Cooldown.Value, Fields: p.Fields.Value, Header: p.Header.Value,
		Secrets: p.Secrets.Value, Timeout: p.Timeout.Value, Delays: p.Delays.Value,
	}
	object, _ := input.(map[string]any)
	if in.Name, err = text("input.name", object["name"]); err != nil || object["paused"] == nil {
		return in, err
	}
	in.Paused, err = flag("input.paused", object["paused"])
	return in, err
}

// readPatch reads all that both inputs have. A field with a null is given: it
// is as if a new trigger came without it.
func readPatch(input any, check Check) (spec.Patch, error) {
	var p spec.Patch
	object, ok := input.(map[string]any)
	if !ok {
		return p, invalid("input", "it needs an object")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if err := readField(&p, name, object[name], check); err != nil {
			return p, err
		}
	}
	return p, nil
}

func readField(p *spec.Patch, name string, v any, check Check) error {
	at := "input." + name
	condition := func(at string, v any) (any, error) { return v, check(at, v) }
	switch name {
	case "webhook":
		return read(at, v, &p.Webhook, text)
	case "fire":
		return read(at, v, &p.Fire, condition)
	case "clear":
		return read(at, v, &p.Clear, condition)
	case "snapshot":
		return read(at, v, &p.Snapshot, flag)
	case "for":
		return read(at, v, &p.For, span)
	case "cooldown":
		return read(at, v, &p.Cooldown, span)
	case "fields":
		return read(at, v, &p.Fields, list(text))
	case "headers":
		return read(at, v, &p.Header, headers)
	case "secrets":
		return read(at, v, &p.Secrets, list(text))
	case "timeout":
		return read(at, v, &p.Timeout, span)
	case "delays":
		return read(at, v, &p.Delays, list(span))
	}
	return nil // validation knows the fields; name and paused are read elsewhere
}

func read[T any](at string, v any, to *spec.Opt[T], as func(at string, v any) (T, error)) (err error) {
	to.Given = true
	if v != nil {
		to.Value, err = as(at, v)
	}
	return err
}

func text(at string, v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", invalid(at, "it needs a text")
	}
	return s, nil
}

func flag(at string, v any) (bool, error) {
	b, ok := v.(bool)
	if !ok {
		return false, invalid(at, "it needs true or false")
	}
	return b, nil
}

func span(at string, v any) (time.Duration, error) {
	s, _ := v.(string)
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, invalid(at, "it needs a duration such as 30s or 5m")
	}
	return d, nil
}

// list reads a list; GraphQL takes a value alone for a list of one.
func list[T any](as func(at string, v any) (T, error)) func(string, any) ([]T, error) {
	return func(at string, v any) ([]T, error) {
		values, ok := v.([]any)
		if !ok {
			values = []any{v}
		}
		out := make([]T, len(values))
		for i, v := range values {
			var err error
			if out[i], err = as(fmt.Sprintf("%s[%d]", at, i), v); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
}

type header struct{ name, value string }

func headers(at string, v any) (map[string]string, error) {
	lines, err := list(func(at string, v any) (h header, err error) {
		object, _ := v.(map[string]any)
		if h.name, err = text(at+".name", object["name"]); err == nil {
			h.value, err = text(at+".value", object["value"])
		}
		return h, err
	})(at, v)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(lines))
	for i, h := range lines {
		if _, twice := out[h.name]; twice {
			return nil, invalid(fmt.Sprintf("%s[%d]", at, i), h.name+" stands there twice")
		}
		out[h.name] = h.value
	}
	return out, nil
}
