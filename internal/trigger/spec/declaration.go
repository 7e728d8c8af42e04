package spec

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Mistake is one thing wrong with a declaration. Path leads to it from the
// trigger's own node: "webhook", or "delays", "2".
type Mistake struct {
	Path []string
	Text string
}

// DeclarationKeys are the keys of a trigger in schema.yaml, beside `name` in
// lists, for suggestions.
var DeclarationKeys = []string{ //nolint:gochecknoglobals // a constant list
	"webhook", "fire", "clear", "snapshot", "for", "cooldown", "fields", "headers", "secret", "secrets", "timeout", "delays", "paused",
}

// Declare reads one trigger of schema.yaml: node is its mapping as plain values
// (map[string]any, []any, string, bool, and json.Number for numbers, so that
// conditions keep every digit). All mistakes are returned that can be found
// without the rows' shape; columns and types are checked by the engine.
//
//	triggers:
//	  big_winner:                      # or a list, each with a name
//	    webhook: https://example.com/hook
//	    fire: {net_pnl: {_gt: 10000}}  # the names of the API
//	    clear: {net_pnl: {_lt: 9500}}
//	    snapshot: true
//	    for: 30s
//	    cooldown: 5m
//	    fields: [instrument_id, net_pnl]
//	    headers: {X-Team: risk}
//	    secret: whsec_...              # or secrets: [new, old]
//	    timeout: 5s
//	    delays: [5s, 1m, 10m]
//	    paused: true
func Declare(name string, node map[string]any) (Input, []Mistake) {
	r := declaration{in: Input{Name: name}, node: node}
	if err := checkName(name); err != nil {
		r.wrong(err.Error())
	}
	for _, key := range slices.Sorted(maps.Keys(node)) {
		if !slices.Contains(DeclarationKeys, key) && key != "name" {
			r.wrong("unknown key "+strconv.Quote(key)+" in a trigger; there are "+strings.Join(DeclarationKeys, ", "), key)
		}
	}
	r.read()
	return r.in, r.mistakes
}

// declaration is a trigger's node being read.
type declaration struct {
	in       Input
	node     map[string]any
	mistakes []Mistake
}

func (r *declaration) wrong(text string, path ...string) {
	r.mistakes = append(r.mistakes, Mistake{path, text})
}

func (r *declaration) read() {
	in := &r.in
	in.Webhook = r.text("webhook", r.node["webhook"])
	if in.Webhook != "" {
		r.refused(checkURL(in.Webhook), "webhook")
	} else if r.node["webhook"] == nil {
		r.wrong("a trigger needs a webhook, an address such as https://example.com/hook")
	}
	in.Fire, in.Clear = r.condition("fire"), r.condition("clear")
	if r.node["fire"] == nil {
		r.wrong("a trigger needs fire, a condition such as {column: {_gt: 1}}")
	}
	in.Snapshot, in.Paused = r.boolean("snapshot"), r.boolean("paused")
	in.For, in.Cooldown = r.span(r.node["for"], "for"), r.span(r.node["cooldown"], "cooldown")
	r.list("fields", func(v any, path ...string) { in.Fields = append(in.Fields, r.text("a field", v, path...)) })
	r.list("delays", func(v any, path ...string) { in.Delays = append(in.Delays, r.span(v, path...)) })
	r.list("secrets", func(v any, path ...string) { in.Secrets = append(in.Secrets, r.secret("a secret", v, path...)) })
	if v := r.node["secret"]; v != nil {
		in.Secrets = append([]string{r.secret("secret", v, "secret")}, in.Secrets...)
	}
	if in.Timeout = r.span(r.node["timeout"], "timeout"); in.Timeout != 0 {
		r.refused(checkTimeout(Duration(in.Timeout)), "timeout")
	}
	r.headers()
}

func (r *declaration) refused(err error, path ...string) {
	if err != nil {
		_, text, _ := strings.Cut(err.Error(), ": ")
		r.wrong(path[0]+": "+text, path...)
	}
}

// text reads a text, empty when there is none; path is what unless it is given.
func (r *declaration) text(what string, v any, path ...string) string {
	if path == nil {
		path = []string{what}
	}
	switch x := v.(type) {
	case nil:
		if len(path) < 2 {
			return ""
		}
	case string:
		if x != "" {
			return x
		}
	case json.Number:
		return x.String()
	}
	r.wrong(what+" must be a text", path...)
	return ""
}

func (r *declaration) secret(what string, v any, path ...string) string {
	text := r.text(what, v, path...)
	if text != "" {
		r.refused(checkSecret(text), path...)
	}
	return text
}

func (r *declaration) condition(key string) any {
	switch x := r.node[key].(type) {
	case nil:
		return nil
	case map[string]any:
		return x
	default:
		r.wrong(key+" must be a condition such as {column: {_gt: 1}}", key)
		return nil
	}
}

func (r *declaration) boolean(key string) bool {
	switch x := r.node[key].(type) {
	case nil:
	case bool:
		return x
	default:
		r.wrong(key+" must be true or false", key)
	}
	return false
}

func (r *declaration) span(v any, path ...string) time.Duration {
	if v == nil && len(path) == 1 {
		return 0
	}
	text, _ := v.(string)
	d, err := time.ParseDuration(text)
	if err != nil {
		r.wrong(path[0]+" must be a duration such as 30s or 5m", path...)
		return 0
	}
	r.refused(checkSpan(path[0], Duration(d)), path...)
	return d
}

// list reads a list, or one value in its place.
func (r *declaration) list(key string, each func(v any, path ...string)) {
	switch x := r.node[key].(type) {
	case nil:
	case []any:
		if len(x) == 0 {
			r.wrong(key+" is an empty list: leave it out", key)
		}
		for i, v := range x {
			each(v, key, strconv.Itoa(i))
		}
	default:
		each(x, key, "0")
	}
}

func (r *declaration) headers() {
	v := r.node["headers"]
	if v == nil {
		return
	}
	m, ok := v.(map[string]any)
	if !ok {
		r.wrong("headers must hold names and values", "headers")
		return
	}
	r.in.Header = make(map[string]string, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		r.in.Header[name] = r.text("a header", m[name], "headers", name)
	}
	r.refused((&Definition{Header: r.in.Header}).checkHeader(), "headers")
}
