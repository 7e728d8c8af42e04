package graph

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// variablesKey is where CreateOperationContext leaves the raw variables for
// the rewriting: gqlgen coerces its own copy, and numbers lose precision in it.
const variablesKey = "tycostream.variables"

func rawVariables(op *graphql.OperationContext) map[string]any {
	raw, _ := op.Stats.GetExtension(variablesKey).(map[string]any)
	return raw
}

// exactValues compiles arguments from the document and the raw variables into
// plain values: nil, bool, string, json.Number, []any and map[string]any.
type exactValues struct {
	raw map[string]any
}

// value returns v's value; ok is false for a variable that is absent and has
// no default.
func (c *exactValues) value(v *ast.Value) (val any, ok bool) {
	if v == nil {
		return nil, false
	}
	switch v.Kind {
	case ast.Variable:
		return c.variable(v)
	case ast.IntValue, ast.FloatValue:
		return json.Number(v.Raw), true
	case ast.BooleanValue:
		return v.Raw == "true", true
	case ast.StringValue, ast.BlockValue, ast.EnumValue:
		return v.Raw, true
	case ast.ListValue:
		list := make([]any, 0, len(v.Children))
		for _, child := range v.Children {
			val, _ := c.value(child.Value) // an absent variable in a list is null, as everywhere in GraphQL
			list = append(list, val)
		}
		return list, true
	case ast.ObjectValue:
		object := make(map[string]any, len(v.Children))
		for _, child := range v.Children {
			if val, ok := c.value(child.Value); ok {
				object[child.Name] = val
			}
		}
		return object, true
	case ast.NullValue:
	}
	return nil, true
}

func (c *exactValues) variable(v *ast.Value) (any, bool) {
	if val, ok := c.raw[v.Raw]; ok {
		return val, true
	}
	if d := v.VariableDefinition; d != nil && d.DefaultValue != nil {
		return c.value(d.DefaultValue)
	}
	return nil, false
}

// argument returns the value of a core field's argument.
func (c *exactValues) argument(name string, v *ast.Value) (any, bool) {
	if name == "orderBy" {
		v = splitTerms(v)
	}
	return c.value(v)
}

// splitTerms gives each term of an order its own object, [{a: asc, b: desc}]
// becoming [{a: asc}, {b: desc}]: the order in which a document lists fields
// has meaning to its author, and would be lost in a map.
func splitTerms(v *ast.Value) *ast.Value {
	if v == nil {
		return v
	}
	terms := ast.ChildValueList{{Value: v}}
	switch v.Kind {
	case ast.ListValue:
		terms = v.Children
	case ast.ObjectValue:
	default:
		return v
	}
	list := &ast.Value{Kind: ast.ListValue, Position: v.Position}
	for _, t := range terms {
		if t.Value.Kind != ast.ObjectValue || len(t.Value.Children) < 2 {
			list.Children = append(list.Children, t)
			continue
		}
		for _, field := range t.Value.Children {
			list.Children = append(list.Children, &ast.ChildValue{
				Value: &ast.Value{Kind: ast.ObjectValue, Children: ast.ChildValueList{field}, Position: field.Position},
			})
		}
	}
	return list
}

// copyValue copies a variable's value: validation coerces lists and numbers in
// place, and what was sent must survive that. Numbers become json.Number,
// whatever the transport's decoder made of them.
func copyValue(v any, b *budget, depth int) (any, error) {
	if err := b.spend(depth); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			c, err := copyValue(e, b, depth+1)
			if err != nil {
				return nil, err
			}
			out[k] = c
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			c, err := copyValue(e, b, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = c
		}
		return out, nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return json.Number(strconv.FormatInt(int64(v), 10)), nil
		}
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64)), nil
	case int:
		return json.Number(strconv.Itoa(v)), nil
	case int64:
		return json.Number(strconv.FormatInt(v, 10)), nil
	}
	return v, nil
}

func asList(v any) any {
	switch v.(type) {
	case nil, []any:
		return v
	}
	return []any{v}
}
