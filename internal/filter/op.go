package filter

import (
	"slices"

	"github.com/tycostream/tycostream/internal/relation"
)

// Op is what a test does with a cell.
type Op uint8

// The operators. Those without a name in the API are negations, which only
// [Predicate.Root] shows.
const (
	Eq Op = iota + 1
	Neq
	Gt
	Gte
	Lt
	Lte
	In
	Nin
	IsNull
	NotNull
	Like
	Nlike
	Ilike
	Nilike
	Regex
	Nregex
	Iregex
	Niregex
	Contains
	NotContains
	HasKey
	NotHasKey
)

type opInfo struct {
	name   string // in the API; empty for internal negations
	negate Op     // true exactly where this one is false
}

var ops = [...]opInfo{
	Eq:          {"_eq", Neq},
	Neq:         {"_neq", Eq},
	Gt:          {"_gt", Lte},
	Gte:         {"_gte", Lt},
	Lt:          {"_lt", Gte},
	Lte:         {"_lte", Gt},
	In:          {"_in", Nin},
	Nin:         {"_nin", In},
	IsNull:      {"_is_null", NotNull},
	NotNull:     {"", IsNull},
	Like:        {"_like", Nlike},
	Nlike:       {"_nlike", Like},
	Ilike:       {"_ilike", Nilike},
	Nilike:      {"_nilike", Ilike},
	Regex:       {"_regex", Nregex},
	Nregex:      {"_nregex", Regex},
	Iregex:      {"_iregex", Niregex},
	Niregex:     {"_niregex", Iregex},
	Contains:    {"_contains", NotContains},
	NotContains: {"", Contains},
	HasKey:      {"_has_key", NotHasKey},
	NotHasKey:   {"", HasKey},
}

// String returns the operator's name in the API.
func (o Op) String() string {
	switch {
	case o == NotNull:
		return "_is_null"
	case int(o) < len(ops) && ops[o].name != "":
		return ops[o].name
	case int(o) < len(ops) && o > 0:
		return "not " + ops[o.negate()].name
	}
	return "Op(?)"
}

func (o Op) negate() Op { return ops[o].negate }

// parseOp finds the operator that the API calls name.
func parseOp(name string) (Op, bool) {
	i := slices.IndexFunc(ops[:], func(o opInfo) bool { return o.name == name })
	return Op(max(i, 0)), i > 0 && name != "" //nolint:gosec // a small index
}

// text reports whether the operator matches text against a pattern.
func (o Op) text() bool { return o >= Like && o <= Niregex }

// wants reports whether the operator is true of texts that match its pattern,
// not of those that do not.
func (o Op) wants() bool { return o == Like || o == Ilike || o == Regex || o == Iregex }

// appliesTo reports whether columns of a kind have the operator.
func (o Op) appliesTo(k relation.Kind) bool {
	switch {
	case o.text(): // on every column that the API shows as a string, in either style of scalars
		return k != relation.Integer && k != relation.Float && k != relation.Boolean && k != relation.Enumeration
	case o == Contains || o == NotContains:
		return k == relation.JSON || k == relation.Array
	case o == HasKey || o == NotHasKey:
		return k == relation.JSON
	}
	return true
}

// Operators lists the names of the operators that columns of a kind have, in
// a fixed order. Patterns apply to all kinds that are strings in the API when
// `scalars: string` is set.
func Operators(k relation.Kind) []string {
	var names []string
	for o := range ops {
		if ops[o].name != "" && Op(o).appliesTo(k) {
			names = append(names, ops[o].name)
		}
	}
	return names
}
