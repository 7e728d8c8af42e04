package graph

import (
	"context"
	"sync"
	"testing"
)

// TestConcurrentUse runs the same documents, variables aside, from many
// goroutines: they share the parsed document and the encoders.
func TestConcurrentUse(t *testing.T) {
	w := newWorld(t, nil)
	const query = `query ($i: Int!, $no: Boolean = false) { ...R s: sources { name } }
		fragment R on Query { a: trades(where: {id: {_eq: $i}}) { ...F } b: trades_by_pk(id: $i) { ...F side @include(if: $no) } }
		fragment F on trades { id }`
	const live = `subscription ($i: Int!) { trades(where: {id: {_eq: $i}}) { data { id } } }`
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			id := string(rune('1' + g%4))
			for range 50 {
				in := *w
				data, errs := in.ask(query, `{"i": `+id+`}`)
				want := `{"a":[{"id":` + id + `}],"b":{"id":` + id + `},"s":[{"name":"trades"},{"name":"wide_one"}]}`
				if errs != nil || data != want {
					t.Errorf("got %s %v, want %s", data, errs, want)
				}
				ctx, cancel := context.WithCancel(t.Context())
				handler, errs := in.start(ctx, live, `{"i": `+id+`}`)
				if errs != nil {
					t.Error(errs)
				} else if r := handler(ctx); string(r.Data) != `{"trades":{"data":{"id":`+id+`}}}` {
					t.Errorf("got %s", r.Data)
				}
				cancel()
			}
		})
	}
	wg.Wait()
}
