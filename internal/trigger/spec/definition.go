package spec

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tycostream/tycostream/internal/trigger/machine"
)

// Origin says who owns a trigger.
type Origin string

// The origins.
const (
	API  Origin = "api"
	File Origin = "file" // schema.yaml; the API cannot change it
)

// Secret signs deliveries. It prints as stars, and as itself only in the
// document that the store keeps.
type Secret string

const stars = "***"

func (Secret) String() string { return stars }

// GoString keeps %#v from printing it.
func (Secret) GoString() string { return stars }

// LogValue keeps it out of logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(stars) }

// Duration is a duration that is written as 1m30s.
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes it as 1m30s.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads 1m30s.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

func (d Duration) micros() int64 { return time.Duration(d).Microseconds() }

// Definition is a trigger as its owner wants it, and as the store keeps it.
type Definition struct {
	Source   string            `json:"source"` // as schema.yaml names it
	Name     string            `json:"name"`
	Webhook  string            `json:"webhook"`
	Fire     string            `json:"fire"`               // canonical JSON text
	Clear    string            `json:"clear,omitempty"`    // the same; empty: as soon as fire is not true
	Snapshot bool              `json:"snapshot,omitempty"` // rows that match when the trigger begins fire
	For      Duration          `json:"for,omitempty"`      // how long fire must be true without a break
	Cooldown Duration          `json:"cooldown,omitempty"` // how long there is no FIRE after a CLEAR
	Fields   []string          `json:"fields,omitempty"`   // columns of the payload, by their names in the API; nil: all
	Header   map[string]string `json:"header,omitempty"`   // sent with every delivery
	Secrets  []Secret          `json:"secrets,omitempty"`  // newest first; every one signs
	Timeout  Duration          `json:"timeout,omitempty"`  // of an attempt; 0: as the settings say
	Delays   []Duration        `json:"delays,omitempty"`   // before the second and later attempts; nil: as the settings say
	Paused   bool              `json:"paused,omitempty"`
	Stopped  string            `json:"stopped,omitempty"` // why the gateway itself paused it; empty: it did not
	Origin   Origin            `json:"origin"`

	Generation string    `json:"generation"` // another for each trigger that was ever created
	Created    time.Time `json:"created"`
}

// ID names the trigger in the store: a trigger that is deleted and created
// again is another one.
func (d *Definition) ID() string {
	h := sha256.Sum256([]byte(d.Source + "\x00" + d.Name + "\x00" + d.Generation))
	return base64.RawURLEncoding.EncodeToString(h[:15])
}

// Mark names what decides when rows fire: a trigger in which it is the
// same goes on with the state of its rows, whatever else changed.
func (d *Definition) Mark() string {
	h := sha256.Sum256([]byte(d.Fire + "\x00" + d.Clear + "\x00" + d.For.String()))
	return base64.RawURLEncoding.EncodeToString(h[:9])
}

// Rule returns what the machine needs.
func (d *Definition) Rule() machine.Rule {
	return machine.Rule{For: d.For.micros(), Cooldown: d.Cooldown.micros()}
}

// Watched names all that decides how rows are looked at, and what is said of
// them.
func (d *Definition) Watched() string {
	return fmt.Sprint(d.Mark(), d.Snapshot, d.Cooldown, strings.Join(d.Fields, "\x00"), d.Fields == nil, d.Off())
}

// Off reports whether rows are not watched.
func (d *Definition) Off() bool { return d.Paused || d.Stopped != "" }

// Clone returns a copy that shares nothing.
func (d *Definition) Clone() *Definition {
	c := *d
	c.Fields, c.Secrets, c.Delays = slices.Clone(d.Fields), slices.Clone(d.Secrets), slices.Clone(d.Delays)
	c.Header = maps.Clone(d.Header)
	return &c
}

// Settings returns the definition without what the gateway itself notes in it,
// for comparison.
func (d *Definition) Settings() string {
	c := *d
	c.Generation, c.Created, c.Stopped = "", time.Time{}, ""
	return string(c.Encode())
}

// docVersion is the version of the document. A newer gateway may write others.
const docVersion = 1

type document struct {
	Version int `json:"version"`
	*Definition
}

// Encode returns the document for the store, secrets included.
func (d *Definition) Encode() []byte {
	b, err := json.Marshal(document{docVersion, d})
	if err != nil {
		panic(fmt.Sprintf("trigger: a definition that is no JSON: %v", err)) // it has nothing but text, times and numbers
	}
	return b
}

// Decode reads what Encode wrote.
func Decode(doc []byte) (*Definition, error) {
	v := document{Definition: &Definition{}}
	dec := json.NewDecoder(bytes.NewReader(doc))
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("read the definition of a trigger: %w", err)
	}
	switch d := v.Definition; {
	case v.Version != docVersion:
		return nil, fmt.Errorf("the definition of a trigger is of version %d, this gateway knows %d", v.Version, docVersion)
	case d == nil || d.Source == "" || d.Name == "" || d.Generation == "":
		return nil, errors.New("the definition of a trigger lacks its name")
	default:
		return d, nil
	}
}

// Compare orders definitions for listings.
func Compare(a, b *Definition) int {
	return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.Name, b.Name))
}
