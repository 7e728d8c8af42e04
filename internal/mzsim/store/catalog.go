package store

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/relation"
)

// Errors of name resolution, wrapped with the name.
var (
	ErrUnknown = errors.New("unknown catalog item")
	ErrExists  = errors.New("catalog item already exists")
)

// The names a session starts with.
const (
	DefaultDatabase = "materialize"
	DefaultSchema   = "public"
)

// Column is one column of a collection.
type Column struct {
	Name     string
	Type     pgval.Type
	Nullable bool
}

// Columns reads column declarations such as "id integer not null". It panics
// on a mistake: it is for declarations in code.
func Columns(declarations ...string) []Column {
	cols := make([]Column, len(declarations))
	for i, d := range declarations {
		name, rest, ok := strings.Cut(strings.TrimSpace(d), " ")
		if !ok {
			panic(fmt.Sprintf("store: column %q has no type", d))
		}
		typ, notNull := strings.CutSuffix(strings.TrimSpace(rest), " not null")
		cols[i] = Column{Name: name, Type: pgval.Must(typ), Nullable: !notNull}
	}
	return cols
}

// Name is a fully qualified name.
type Name struct{ Database, Schema, Name string }

// ParseName reads "name", "schema.name" or "database.schema.name".
func ParseName(s string) Name {
	n := Name{Database: DefaultDatabase, Schema: DefaultSchema}
	parts := strings.Split(s, ".")
	n.Name = parts[len(parts)-1]
	if len(parts) > 1 {
		n.Schema = parts[len(parts)-2]
	}
	if len(parts) > 2 {
		n.Database = parts[len(parts)-3]
	}
	return n
}

// String joins the parts with dots.
func (n Name) String() string { return n.Database + "." + n.Schema + "." + n.Name }

// Options say what a collection is. The zero value is an ordinary one with the
// default history of one second.
type Options struct {
	// Type is the catalog's object type: "table", "view", "materialized
	// view", "source". CreateTable and CreateView set it when it is empty.
	Type string
	// Retain is the history that stays readable (RETAIN HISTORY); zero: 1 s.
	Retain time.Duration
	// Indexed says that an index of the cluster serves the collection, so
	// that only the index's own second of history can be read.
	Indexed bool
	// Constant collections never change: their rows are stamped
	// [MaxTime] and a subscription to them completes.
	Constant bool
	// Cold collections are not hydrated: reads wait until Hydrate.
	Cold bool
	// Denied collections refuse to be read (42501).
	Denied bool
	// Rows are there from the start.
	Rows []relation.Row
}

// Info describes a collection as it is now.
type Info struct {
	ID       string
	Name     Name
	Type     string
	Columns  []Column
	Retain   time.Duration
	Indexed  bool
	Constant bool
	Denied   bool
	Hydrated bool
	Since    uint64
	Upper    uint64
}

// CreateTable adds an empty table, or one with opts.Rows.
func (s *Store) CreateTable(name string, cols []Column, opts Options) error {
	if opts.Type == "" {
		opts.Type = "table"
	}
	return s.create(name, cols, opts)
}

// CreateView adds a materialized view. Its rows are written like a table's:
// who creates it keeps it right.
func (s *Store) CreateView(name string, cols []Column, opts Options) error {
	if opts.Type == "" {
		opts.Type = "materialized view"
	}
	return s.create(name, cols, opts)
}

func (s *Store) create(name string, cols []Column, opts Options) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.createLocked("u"+strconv.Itoa(s.nextID), ParseName(name), cols, opts)
}

func (s *Store) createLocked(id string, name Name, cols []Column, opts Options) error {
	if s.byName[name] != nil {
		return fmt.Errorf("%w: '%s'", ErrExists, name)
	}
	if opts.Retain == 0 {
		opts.Retain = time.Second
	}
	c := &Collection{
		id: id, name: name, cols: slices.Clone(cols), opts: opts, hydrated: !opts.Cold,
		born: s.upper, base: make(map[relation.Row]int64, len(opts.Rows)), holds: make(map[*Hold]struct{}),
	}
	for _, r := range opts.Rows {
		if r.Len() != len(cols) {
			return fmt.Errorf("a row of %s has %d cells, not %d", name, r.Len(), len(cols))
		}
		c.base[r]++
	}
	c.since = c.born
	c.folded = c.born
	c.opts.Rows = nil
	if id == "u"+strconv.Itoa(s.nextID) {
		s.nextID++
	}
	s.byName[name] = c
	s.objs = append(s.objs, c)
	s.upper++ // what was created can be read at once, at the time it was born
	s.showLocked()
	return nil
}

// Drop removes a collection. Subscriptions to it end with an error.
func (s *Store) Drop(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.findLocked(name)
	if err != nil {
		return err
	}
	s.dropLocked(c)
	return nil
}

func (s *Store) dropLocked(c *Collection) {
	c.dropped = true
	delete(s.byName, c.name)
	s.objs = slices.DeleteFunc(s.objs, func(o *Collection) bool { return o == c })
	s.signalLocked()
}

// Alter gives a collection other columns and keeps its id. convert makes the
// new row from the old one. History starts anew; subscriptions to the old form
// end as if it had been dropped.
func (s *Store) Alter(name string, cols []Column, convert func(relation.Row) relation.Row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.findLocked(name)
	if err != nil {
		return err
	}
	opts := c.opts
	for r, n := range c.atLocked(s.upper - 1) {
		for range n {
			opts.Rows = append(opts.Rows, convert(r))
		}
	}
	s.dropLocked(c)
	return s.createLocked(c.id, c.name, cols, opts)
}

// Replace puts another collection, with a new id, in the place of name, as a
// blue/green deployment does.
func (s *Store) Replace(name string, cols []Column, opts Options) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.findLocked(name)
	if err != nil {
		return err
	}
	if opts.Type == "" {
		opts.Type = c.opts.Type
	}
	s.dropLocked(c)
	return s.createLocked("u"+strconv.Itoa(s.nextID), c.name, cols, opts)
}

func (s *Store) findLocked(name string) (*Collection, error) {
	if c := s.byName[ParseName(name)]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("%w '%s'", ErrUnknown, name)
}

// Lookup returns the collection of that name.
func (s *Store) Lookup(name Name) (*Collection, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.byName[name]
	return c, ok
}

// List describes all collections in the order of their creation.
func (s *Store) List() []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	infos := make([]Info, len(s.objs))
	for i, c := range s.objs {
		infos[i] = s.infoLocked(c)
	}
	return infos
}

// Info describes c.
func (s *Store) Info(c *Collection) Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.infoLocked(c)
}

func (s *Store) infoLocked(c *Collection) Info {
	i := Info{
		ID: c.id, Name: c.name, Type: c.opts.Type, Columns: c.cols, Retain: c.opts.Retain, Indexed: c.opts.Indexed,
		Constant: c.opts.Constant, Denied: c.opts.Denied, Hydrated: c.hydrated, Since: c.sinceLocked(s), Upper: s.shown,
	}
	if c.opts.Constant {
		i.Since, i.Upper = 0, MaxTime
	}
	return i
}

// Set changes what a collection is: retained history, index, refusal.
func (s *Store) Set(name string, change func(*Options)) error {
	return s.modify(name, func(c *Collection) {
		o := c.opts
		change(&o)
		c.opts.Retain, c.opts.Indexed, c.opts.Denied = o.Retain, o.Indexed, o.Denied
	})
}

// Hydrate lets the readers of a cold collection go on.
func (s *Store) Hydrate(name string) error {
	return s.modify(name, func(c *Collection) { c.hydrated = true })
}

// Poison makes every read of a collection fail with "Evaluation error: why",
// from now on; an empty why heals it.
func (s *Store) Poison(name, why string) error {
	return s.modify(name, func(c *Collection) { c.poison = why })
}

// Compact forgets the history before since: reads below it fail.
func (s *Store) Compact(name string, since uint64) error {
	return s.modify(name, func(c *Collection) { c.since = max(c.since, min(since, s.upper-1)) })
}

func (s *Store) modify(name string, change func(*Collection)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.findLocked(name)
	if err != nil {
		return err
	}
	change(c)
	s.signalLocked()
	return nil
}
