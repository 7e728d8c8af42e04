package sqlparse

// Statement is one of the statement types below.
type Statement interface{ statement() }

// Statements.
type (
	// Select is a query as a statement.
	Select struct{ Query *Query }
	// Subscribe is SUBSCRIBE.
	Subscribe struct {
		Object   Ident // when Query is nil
		Query    *Query
		Envelope Envelope
		Key      []string // of UPSERT and DEBEZIUM
		Within   []OrderBy
		Progress bool
		Snapshot bool
		AsOf     Expr // or nil
		AtLeast  bool
		UpTo     Expr // or nil
	}
	// Copy is COPY (...) TO STDOUT.
	Copy struct {
		Query     *Query
		Subscribe *Subscribe
		Options   map[string]string
	}
	// Declare is DECLARE name CURSOR FOR.
	Declare struct {
		Name string
		Stmt Statement // Select, Subscribe or Show
	}
	// Fetch is FETCH.
	Fetch struct {
		Name    string
		Count   int64 // -1: ALL
		Timeout *string
	}
	// Close is CLOSE name; an empty name is ALL.
	Close struct{ Name string }
	// Begin starts a transaction.
	Begin struct{}
	// Commit ends one.
	Commit struct{}
	// Rollback ends one.
	Rollback struct{}
	// Set is SET name = value; nil Value is DEFAULT. Reset is the same.
	Set struct {
		Name  string
		Value *string
	}
	// Show is SHOW name.
	Show struct{ Name string }
	// ShowColumns is SHOW COLUMNS FROM object.
	ShowColumns struct{ Object Ident }
	// ShowObjects is SHOW TABLES, VIEWS, SOURCES, OBJECTS, SCHEMAS and so on.
	ShowObjects struct{ What string }
	// ShowCreate is SHOW CREATE <type> object.
	ShowCreate struct {
		Type   string
		Object Ident
	}
	// Discard is DISCARD ALL and its like; Deallocate forgets a prepared
	// statement, all with an empty name.
	Discard struct{ What string }
	// Deallocate forgets a prepared statement.
	Deallocate struct{ Name string }
)

func (*Select) statement()      {}
func (*Subscribe) statement()   {}
func (*Copy) statement()        {}
func (*Declare) statement()     {}
func (*Fetch) statement()       {}
func (*Close) statement()       {}
func (*Begin) statement()       {}
func (*Commit) statement()      {}
func (*Rollback) statement()    {}
func (*Set) statement()         {}
func (*Show) statement()        {}
func (*ShowColumns) statement() {}
func (*ShowObjects) statement() {}
func (*ShowCreate) statement()  {}
func (*Discard) statement()     {}
func (*Deallocate) statement()  {}

// Envelope is the form of SUBSCRIBE's output.
type Envelope uint8

// The envelopes.
const (
	EnvelopeNone Envelope = iota
	EnvelopeUpsert
	EnvelopeDebezium
	EnvelopeWithin // WITHIN TIMESTAMP ORDER BY
)

// Ident is a possibly qualified name.
type Ident []string

// Query is a SELECT or VALUES with its tail.
type Query struct {
	With    []CTE
	Body    *Body
	OrderBy []OrderBy
	Limit   Expr
	Offset  Expr
}

// CTE is one WITH query.
type CTE struct {
	Name    string
	Columns []string
	Query   *Query
}

// Body is what a query computes before order and limit. Exactly one of Values,
// Nested, Set and the SELECT parts is used.
type Body struct {
	Values   [][]Expr
	Nested   *Query
	Op       string // "union all", "except all", "union", "except": of Left and Right
	Left     *Body
	Right    *Body
	Distinct bool
	Items    []Item
	From     []Table
	Where    Expr
	GroupBy  []Expr
	Having   Expr
}

// Item is one output column; Expr nil is a star, of Table if that is set.
type Item struct {
	Expr  Expr
	Alias string
	Table string
}

// OrderBy is one key of an order.
type OrderBy struct {
	Expr       Expr
	Desc       bool
	NullsFirst *bool
}

// Table is one table of FROM, joined with those before it.
type Table struct {
	Name    Ident  // a relation,
	Query   *Query // a query,
	Func    *Call  // or a table function
	Alias   string
	Columns []string
	Join    string // "" or "cross": product; "inner", "left"
	On      Expr
	Using   []string
}

// Expr is one of the expression types below.
type Expr interface{ expr() }

// Expressions.
type (
	// Column names a column, qualified or not.
	Column struct{ Name Ident }
	// Literal is a constant: Kind is "string", "number", "bool" or "null".
	Literal struct{ Kind, Text string }
	// Param is $n.
	Param struct{ N int }
	// Unary is -x, NOT x, x IS NULL and the like.
	Unary struct {
		Op string // "-", "+", "not", "is null", "is not null", "is true", ...
		X  Expr
	}
	// Binary is x op y.
	Binary struct {
		Op   string // comparison, arithmetic, "and", "or", "like", "ilike", ...
		X, Y Expr
	}
	// In is x IN (list or query).
	In struct {
		X     Expr
		List  []Expr
		Query *Query
		Not   bool
	}
	// Call is f(args).
	Call struct {
		Name     string
		Args     []Expr
		Star     bool
		Distinct bool
		Filter   Expr
	}
	// Cast is x::type.
	Cast struct {
		X    Expr
		Type string
	}
	// Case is CASE.
	Case struct {
		Operand Expr
		Whens   []When
		Else    Expr
	}
	// Collection is ARRAY[...], LIST[...] or MAP[...] (keys and values in turn).
	Collection struct {
		Kind  string
		Elems []Expr
	}
	// Subquery is a query as a value; Exists is EXISTS (query).
	Subquery struct {
		Query  *Query
		Exists bool
	}
)

// When is one branch of CASE.
type When struct{ If, Then Expr }

func (*Column) expr()     {}
func (*Literal) expr()    {}
func (*Param) expr()      {}
func (*Unary) expr()      {}
func (*Binary) expr()     {}
func (*In) expr()         {}
func (*Call) expr()       {}
func (*Cast) expr()       {}
func (*Case) expr()       {}
func (*Collection) expr() {}
func (*Subquery) expr()   {}
