package graph

import (
	"fmt"

	"github.com/tycostream/tycostream/graph/model"
	"github.com/tycostream/tycostream/graph/order"
	"github.com/tycostream/tycostream/internal/relation"
)

// order compiles an orderBy argument.
func (r *Resolver) order(s *live, by *model.Exact) ([]order.Term, error) {
	if by == nil || by.Value == nil {
		return nil, nil
	}
	name := r.args.OrderBy
	list, _ := asList(by.Value).([]any)
	var terms []order.Term
	for i, e := range list {
		object, ok := e.(map[string]any)
		if !ok {
			return nil, badInput(fmt.Sprintf("%s.%d", name, i), "needs an object such as {column: asc}")
		}
		if len(object) > 1 {
			return nil, badInput(fmt.Sprintf("%s.%d", name, i),
				"holds several columns, whose order JSON does not keep: give each its own object in the list")
		}
		for field, direction := range object {
			t, err := orderTerm(s.Schema, field, direction)
			if err != nil {
				return nil, badInput(fmt.Sprintf("%s.%d.%s", name, i, field), err.Error())
			}
			terms = append(terms, t)
		}
	}
	return terms, nil
}

func orderTerm(schema *relation.Schema, field string, direction any) (order.Term, error) {
	text, _ := direction.(string)
	t, ok := order.Direction(text)
	if !ok {
		return t, fmt.Errorf("%v is no direction: use asc or desc, with _nulls_first or _nulls_last", direction)
	}
	if t.Column = schema.Field(field); t.Column < 0 {
		return t, fmt.Errorf("there is no column %s", field)
	}
	return t, nil
}
