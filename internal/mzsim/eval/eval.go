package eval

import (
	"fmt"

	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/sqlparse"
)

// Error is an error with its SQLSTATE.
type Error struct {
	Code   string
	Text   string
	Detail string
	Hint   string
}

func (e *Error) Error() string { return e.Text }

// Errorf makes an error of code XX000, Materialize's code for most mistakes.
func Errorf(format string, args ...any) error {
	return &Error{Code: "XX000", Text: fmt.Sprintf(format, args...)}
}

// Cell is one value; the zero Cell is NULL.
type Cell struct {
	Text string
	OK   bool // false: NULL
}

// Row is one row.
type Row []Cell

// Of returns a cell that is not NULL.
func Of(text string) Cell { return Cell{Text: text, OK: true} }

// Bool returns a boolean cell.
func Bool(b bool) Cell {
	if b {
		return Of("t")
	}
	return Of("f")
}

// True reports whether the cell is a true boolean.
func (c Cell) True() bool { return c.OK && c.Text == "t" }

// Column is one column of a relation or result.
type Column struct {
	Table    string // alias of the table it belongs to; empty in results
	Name     string
	Type     pgval.Type
	Nullable bool
}

// Source is a relation that queries read.
type Source struct {
	Columns []Column
	Rows    func(rt *Runtime) ([]Row, error)
	Ref     any // what the caller wants to know it by
}

// Runtime is what one run of a plan needs.
type Runtime struct {
	Params []Cell
	At     any // handed to Source.Rows: the time to read at, say
}

// Function is a function that the caller provides.
type Function struct {
	Type pgval.Type
	Call func(args []Cell) (Cell, error)
}

// Env connects queries with the world.
type Env struct {
	// Table finds a relation by its name as written.
	Table func(name sqlparse.Ident) (*Source, error)
	// Func finds a function; nil results fall back to the built-in ones.
	Func func(name string) *Function
	// ParamTypes are the declared types of parameters; Planner.Params has
	// what was found out about the others.
	ParamTypes []*pgval.Type
}

// Plan is a query that is ready to run.
type Plan struct {
	Columns []Column
	// Inputs are the relations that it reads, subqueries included.
	Inputs []*Source
	// Single is set when the query maps the rows of one input one by one;
	// Map then does that for one row: ok is false when it is filtered out.
	Single *Source
	Map    func(rt *Runtime, r Row) (out Row, ok bool, err error)
	run    func(f *frame) ([]Row, error)
}

// Run computes the result.
func (p *Plan) Run(rt *Runtime) ([]Row, error) { return p.run(&frame{rt: rt}) }

// frame is one level of rows during a run; outer is that of the query around.
type frame struct {
	rt    *Runtime
	row   Row
	outer *frame
}

// scope is one level of names during planning.
type scope struct {
	cols  []Column
	outer *scope
	aggs  *aggregates // non-nil where aggregates may stand
}

// Planner plans the queries of one statement.
type Planner struct {
	env    *Env
	ctes   []map[string]*Source
	params []*pgval.Type
	inputs []*Source
}

// New returns a planner.
func New(env *Env) *Planner {
	return &Planner{env: env, params: append([]*pgval.Type(nil), env.ParamTypes...)}
}

// Params returns the types of the parameters $1, $2, ...; text if unknown.
func (p *Planner) Params() []pgval.Type {
	types := make([]pgval.Type, len(p.params))
	for i, t := range p.params {
		types[i] = pgval.Must("text")
		if t != nil {
			types[i] = *t
		}
	}
	return types
}

// Query plans a query.
func (p *Planner) Query(q *sqlparse.Query) (*Plan, error) {
	plan, err := p.query(q, nil)
	if err != nil {
		return nil, err
	}
	plan.Inputs = p.inputs
	return plan, nil
}

// Scalar plans an expression without columns, and returns its value at once.
func (p *Planner) Scalar(x sqlparse.Expr, params []Cell) (Cell, pgval.Type, error) {
	c, err := p.expr(x, &scope{})
	if err != nil {
		return Cell{}, pgval.Type{}, err
	}
	v, err := c.fn(&frame{rt: &Runtime{Params: params}})
	return v, c.typ, err
}

// Check plans an expression without columns and throws the result away.
func (p *Planner) Check(x sqlparse.Expr) error {
	_, err := p.expr(x, &scope{})
	return err
}

// Fixed returns a plan whose result is known.
func Fixed(cols []Column, rows []Row) *Plan {
	return &Plan{Columns: cols, run: func(*frame) ([]Row, error) { return rows, nil }}
}
