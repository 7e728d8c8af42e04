package spec

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/webhook/sign"
)

// Input is what a client gives for a new trigger. Conditions are filters as
// [filter.Compile] takes them.
type Input struct {
	Name     string
	Webhook  string
	Fire     any
	Clear    any // nil: there is none
	Snapshot bool
	For      time.Duration
	Cooldown time.Duration
	Fields   []string // nil: all
	Header   map[string]string
	Secrets  []string
	Timeout  time.Duration
	Delays   []time.Duration
	Paused   bool
}

// Opt is a value that may not have been given.
type Opt[T any] struct {
	Given bool
	Value T
}

// Some is a value that was given.
func Some[T any](v T) Opt[T] { return Opt[T]{true, v} }

func (o Opt[T]) set(to *T) {
	if o.Given {
		*to = o.Value
	}
}

// Patch is what a client changes of a trigger; what was not given stays.
type Patch struct {
	Webhook       Opt[string]
	Fire          Opt[any]
	Clear         Opt[any] // nil: no condition any more
	Snapshot      Opt[bool]
	For, Cooldown Opt[time.Duration]
	Fields        Opt[[]string]
	Header        Opt[map[string]string]
	Secrets       Opt[[]string]
	Timeout       Opt[time.Duration]
	Delays        Opt[[]time.Duration]
}

// Bounds on what clients may give.
const (
	maxName    = 200       // bytes
	maxURL     = 4096      // bytes
	maxHeaders = 32        // and bytes in all:
	maxHeader  = 8 << 10   //
	maxSecrets = 4         // of a rotation
	maxDelays  = 64        //
	maxSpan    = 366 * day // of For, Cooldown and each delay
	maxSize    = 1000      // operators and list elements of a condition
	minTimeout = 100 * time.Millisecond
	maxTimeout = 5 * time.Minute
	day        = 24 * time.Hour
)

// Conditions are a definition's conditions, compiled.
type Conditions struct {
	Fire, Clear *filter.Predicate // Clear nil: there is none
	Payload     *Payload
}

// Compile checks a definition against the shape of its source's rows.
func (d *Definition) Compile(sh codec.Shape) (*Conditions, error) {
	c := &Conditions{}
	var err error
	if c.Fire, err = recompile(sh, "fire", d.Fire); err != nil {
		return nil, err
	}
	if d.Clear != "" {
		if c.Clear, err = recompile(sh, "clear", d.Clear); err != nil {
			return nil, err
		}
	}
	if c.Payload, err = newPayload(sh, d.Name, d.Fields); err != nil {
		return nil, Invalid("fields: %v", err)
	}
	return c, nil
}

func recompile(sh codec.Shape, argument, text string) (*filter.Predicate, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var where any
	if err := dec.Decode(&where); err != nil {
		return nil, Invalid("%s: %v", argument, err)
	}
	return condition(sh, argument, where)
}

// condition compiles one condition. One that every row meets is a mistake: the
// trigger would fire for all of them, and never clear.
func condition(sh codec.Shape, argument string, where any, options ...filter.Option) (*filter.Predicate, error) {
	if where == nil {
		return nil, Invalid("%s: it is missing: say which rows, for example {column: {_gt: 1}}", argument)
	}
	if n := filter.Size(where); n > maxSize {
		return nil, Invalid("%s: it has %d operators and values, the limit is %d", argument, n, maxSize)
	}
	p, err := filter.Compile(sh.Schema, where, append(options, filter.Argument(argument))...)
	if err != nil {
		return nil, Invalid("%v", err)
	}
	if p.IsAll() && argument == "fire" {
		return nil, Invalid("fire: it is empty, so that every row would match: say which rows, for example {column: {_gt: 1}}")
	}
	return p, nil
}

// options says how clients write conditions.
func options(sh codec.Shape) []filter.Option {
	if sh.StringScalars {
		return []filter.Option{filter.JSONText()}
	}
	return nil
}

// Define makes a definition of an input.
func (in *Input) Define(source string, origin Origin, sh codec.Shape) (*Definition, error) {
	d := &Definition{Source: source, Name: in.Name, Origin: origin, Paused: in.Paused}
	p := Patch{
		Webhook: Some(in.Webhook), Fire: Some(in.Fire), Clear: Some(in.Clear), Snapshot: Some(in.Snapshot),
		For: Some(in.For), Cooldown: Some(in.Cooldown), Fields: Some(in.Fields),
		Header: Some(in.Header), Secrets: Some(in.Secrets), Timeout: Some(in.Timeout), Delays: Some(in.Delays),
	}
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	if err := p.Apply(d, sh); err != nil {
		return nil, err
	}
	return d, nil
}

// Apply changes d, which nobody else has yet, and checks what was given.
func (p *Patch) Apply(d *Definition, sh codec.Shape) error {
	if err := p.conditions(d, sh); err != nil {
		return err
	}
	p.Webhook.set(&d.Webhook)
	p.Snapshot.set(&d.Snapshot)
	p.Header.set(&d.Header)
	p.Fields.set(&d.Fields)
	if p.For.Given {
		d.For = Duration(p.For.Value)
	}
	if p.Cooldown.Given {
		d.Cooldown = Duration(p.Cooldown.Value)
	}
	if p.Secrets.Given {
		d.Secrets = nil
		for _, s := range p.Secrets.Value {
			d.Secrets = append(d.Secrets, Secret(s))
		}
	}
	if p.Timeout.Given {
		d.Timeout = Duration(p.Timeout.Value)
	}
	if p.Delays.Given {
		d.Delays = nil
		for _, v := range p.Delays.Value {
			d.Delays = append(d.Delays, Duration(v))
		}
	}
	if err := d.check(); err != nil {
		return err
	}
	_, err := d.Compile(sh)
	return err
}

func (p *Patch) conditions(d *Definition, sh codec.Shape) error {
	if p.Fire.Given {
		c, err := condition(sh, "fire", p.Fire.Value, options(sh)...)
		if err != nil {
			return err
		}
		d.Fire = c.Canonical()
	}
	if p.Clear.Given {
		d.Clear = ""
		if p.Clear.Value == nil {
			return nil
		}
		c, err := condition(sh, "clear", p.Clear.Value, options(sh)...)
		if err != nil {
			return err
		}
		d.Clear = c.Canonical()
	}
	return nil
}

func checkName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return Invalid("name: it is empty")
	case len(name) > maxName:
		return Invalid("name: it is longer than %d bytes", maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return Invalid("name: it holds a character that cannot be printed")
	}
	return nil
}

// check looks at all that does not depend on the rows.
func (d *Definition) check() error {
	if err := checkURL(d.Webhook); err != nil {
		return err
	}
	if err := checkSpan("for", d.For); err != nil {
		return err
	}
	if err := checkSpan("cooldown", d.Cooldown); err != nil {
		return err
	}
	if len(d.Delays) > maxDelays {
		return Invalid("delays: there are more than %d", maxDelays)
	}
	for _, v := range d.Delays {
		if err := checkSpan("delays", v); err != nil {
			return err
		}
	}
	if d.Fields != nil && len(d.Fields) == 0 {
		return Invalid("fields: the list is empty: leave it out for all columns")
	}
	if len(d.Secrets) > maxSecrets {
		return Invalid("secrets: there are more than %d", maxSecrets)
	}
	for _, s := range d.Secrets {
		if err := checkSecret(string(s)); err != nil {
			return err
		}
	}
	if err := checkTimeout(d.Timeout); err != nil {
		return err
	}
	return d.checkHeader()
}

func checkSecret(secret string) error {
	if _, err := sign.Parse(secret); err != nil {
		return Invalid("secrets: %v", err)
	}
	return nil
}

func checkTimeout(d Duration) error {
	if d != 0 && (time.Duration(d) < minTimeout || time.Duration(d) > maxTimeout) {
		return Invalid("timeout: %v is not between %v and %v", d, minTimeout, maxTimeout)
	}
	return nil
}

func checkSpan(what string, d Duration) error {
	if d < 0 || time.Duration(d) > maxSpan {
		return Invalid("%s: %v is not between 0 and a year", what, d)
	}
	return nil
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return Invalid("webhook: it is empty: give an address such as https://example.com/hook")
	case len(text) > maxURL:
		return Invalid("webhook: it is longer than %d bytes", maxURL)
	case err != nil:
		return Invalid("webhook: it is no URL: %v", errors.Unwrap(err)) // without the address, which may hold a password
	case u.Scheme != "http" && u.Scheme != "https":
		return Invalid("webhook: it must begin with https:// or http://")
	case u.Hostname() == "":
		return Invalid("webhook: it names no host")
	case u.User != nil:
		return Invalid("webhook: it has a user or password, which everybody could see: use a header")
	case u.Fragment != "":
		return Invalid("webhook: it has a fragment (#), which no server gets to see")
	}
	return nil
}

// ours are headers that deliveries set by themselves.
var ours = []string{
	"host", "content-length", "content-type", "transfer-encoding", "connection", "user-agent",
	"webhook-id", "webhook-timestamp", "webhook-signature",
}

func (d *Definition) checkHeader() error {
	if len(d.Header) > maxHeaders {
		return Invalid("headers: there are more than %d", maxHeaders)
	}
	size := 0
	for name, value := range d.Header {
		size += len(name) + len(value)
		switch {
		case name == "" || strings.ContainsFunc(name, notInToken):
			return Invalid("headers: %q is no name of a header", name)
		case slices.Contains(ours, strings.ToLower(name)):
			return Invalid("headers: %s is set by the gateway itself", name)
		case strings.ContainsFunc(value, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }):
			return Invalid("headers: the value of %s holds a control character", name)
		}
	}
	if size > maxHeader {
		return Invalid("headers: they are longer than %d bytes", maxHeader)
	}
	return nil
}

// notInToken reports whether r does not belong into the name of a header.
func notInToken(r rune) bool {
	return r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}
