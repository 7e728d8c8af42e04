package robustness

import (
	"fmt"
	"strings"
	"time"
)

// The kinds of subscription.
const (
	kindRows    = "rows"    // accounts: one row per message
	kindChanges = "changes" // accountsChanges: frames
	kindColumns = "columns" // accountsColumns: frames, column-shaped
	kindRelay   = "relay"   // /stream/accounts
	kindQuery   = "query"   // polls the list
	kindPoll    = "poll"    // polls frames
)

// event is one row of a message. Op UPSERT stands for INSERT or UPDATE where
// the format does not tell them apart.
type event struct {
	Op     string   `json:"op"`
	Key    string   `json:"key"`
	Row    []string `json:"row,omitempty"` // of the selected columns
	Fields []string `json:"fields,omitempty"`
	Time   uint64   `json:"time,omitempty"` // its own timestamp, in frames
}

// message is what a client was told at once. Kind, Last, Cursor, From and State
// belong to frames.
type message struct {
	Kind   string  `json:"kind,omitempty"`
	Last   bool    `json:"last,omitempty"`
	Time   uint64  `json:"time"`
	Cursor string  `json:"cursor,omitempty"`
	From   string  `json:"from,omitempty"`
	State  string  `json:"state,omitempty"`
	Events []event `json:"events,omitempty"`

	sent time.Time // of a frame: when the gateway wrote it
}

// The steps of a history.
const (
	stepOpen    = "open"    // a subscription begins
	stepMessage = "message" // the client was told something
	stepError   = "error"   // the gateway ended the subscription with an error
	stepEnd     = "end"     // the connection ended: Note says how
	stepStall   = "stall"   // the client stops reading for a while
	stepQuiet   = "quiet"   // writers rest, and the client has been given time to arrive
)

// step is one entry of a client's history.
type step struct {
	At      time.Duration `json:"at"`
	Sent    time.Duration `json:"sent,omitempty"` // when the gateway wrote the message, where it says so
	What    string        `json:"what"`
	Gateway int           `json:"gateway,omitempty"`
	Resume  string        `json:"resume,omitempty"` // open: the cursor; the rows are kept
	State   int           `json:"state,omitempty"`  // quiet: the number of the state; a query: the newest one when it was answered
	Calm    bool          `json:"calm,omitempty"`   // nothing was broken then
	Note    string        `json:"note,omitempty"`
	Message *message      `json:"message,omitempty"`
}

// sent is when a message was written, or heard where that is not known: a busy
// machine brings messages late.
func (s *step) sent() time.Duration {
	if s.Sent > 0 {
		return s.Sent
	}
	return s.At
}

func (s *step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%8.3fs %-7s", s.At.Seconds(), s.What)
	switch s.What {
	case stepOpen:
		fmt.Fprintf(&b, " gateway %d", s.Gateway)
		if s.Resume != "" {
			fmt.Fprintf(&b, " resumeFrom %s", s.Resume)
		}
	case stepQuiet:
		fmt.Fprintf(&b, " state %d", s.State)
	}
	if s.Note != "" {
		fmt.Fprintf(&b, " %.200s", s.Note)
	}
	if m := s.Message; m != nil {
		fmt.Fprintf(&b, " %s", m)
	}
	return b.String()
}

func (m *message) String() string {
	var b strings.Builder
	if m.Kind != "" {
		fmt.Fprintf(&b, "%s %s last=%v ", m.Kind, m.State, m.Last)
	}
	fmt.Fprintf(&b, "time %d", m.Time)
	if m.Cursor != "" {
		fmt.Fprintf(&b, " cursor %s", m.Cursor)
	}
	if m.From != "" {
		fmt.Fprintf(&b, " from %s", m.From)
	}
	for i, e := range m.Events {
		if i == 8 {
			fmt.Fprintf(&b, " ... %d more", len(m.Events)-i)
			break
		}
		fmt.Fprintf(&b, " %s %s %s", e.Op, e.Key, show(e.Row))
		if len(e.Fields) > 0 && len(e.Fields) < len(columns) {
			fmt.Fprintf(&b, " fields %v", e.Fields)
		}
	}
	return b.String()
}

// profile is what a client asks for and how it behaves.
type profile struct {
	Name       string    `json:"name"`
	Kind       string    `json:"kind"`
	Transport  string    `json:"transport"`
	Where      where     `json:"-"`
	Filter     string    `json:"where"` // Where as text
	Select     selection `json:"select"`
	MaxRate    float64   `json:"maxRate,omitempty"`
	MaxRows    int       `json:"maxRows,omitempty"`
	Variables  bool      `json:"variables,omitempty"`  // the filter is sent as a variable
	Resumes    bool      `json:"resumes,omitempty"`    // comes back with a cursor
	Difference bool      `json:"difference,omitempty"` // comes back with snapshot: false
	Eager      bool      `json:"eager,omitempty"`      // reads always and is shown every change
	Reaches    bool      `json:"reaches,omitempty"`    // gateways keep so much that no cursor of calm times is too old
	Apart      bool      `json:"apart,omitempty"`      // a gateway without readers is away from upstream: cursors of another may be older than its history
	Format     string    `json:"format,omitempty"`     // of the relay
	Numbers    bool      `json:"numbers,omitempty"`    // numbers: NUMBER
}

// frames says that the client gets frames.
func (p *profile) frames() bool {
	return p.Kind == kindChanges || p.Kind == kindColumns || p.Kind == kindPoll
}

// fields says that every change names its fields.
func (p *profile) fields() bool {
	return p.Kind == kindRows || p.Kind == kindChanges || p.Kind == kindPoll
}

func (p *profile) String() string {
	out := []string{fmt.Sprintf("%s: %s over %s", p.Name, p.Kind, p.Transport), "where " + p.Filter, fmt.Sprintf("columns %v", p.Select.names())}
	for _, o := range []struct {
		is   bool
		text string
	}{
		{p.MaxRate > 0, fmt.Sprintf("maxRate %v", p.MaxRate)},
		{p.MaxRows > 0, fmt.Sprintf("maxRows %d", p.MaxRows)},
		{p.Variables, "where as a variable"},
		{p.Numbers, "numbers: NUMBER"},
		{p.Format != "", p.Format},
		{p.Resumes, "resumes"},
		{p.Difference, "with snapshot: false"},
		{p.Eager, "keeps up"},
	} {
		if o.is {
			out = append(out, o.text)
		}
	}
	return strings.Join(out, ", ")
}
