package filter

import (
	"strconv"
	"strings"
	"sync"
	"testing"
)

var benchRow = map[string]string{
	"id": "123456", "bigCount": "9007199254740993", "ratio": "1234.5678", "price": "101.2575", "name": "ACME Industries 2031",
	"ref": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "live": "t", "at": "2026-01-02 03:04:05.678+00", "wall": "2026-01-02 03:04:05",
	"day": "2026-01-02", "clock": "03:04:05", "doc": `{"a":1,"b":[1,2]}`, "tags": "{1,2,3}", "side": "sell",
}

// hundred is a list of 100 constants.
func hundred(quote string) string {
	list := make([]string, 100)
	for i := range list {
		list[i] = quote + strconv.Itoa(i*1000) + quote
	}
	return "[" + strings.Join(list, ",") + "]"
}

var benchFilters = []struct{ name, where string }{
	{"eq integer", `{"id":{"_eq":123456}}`},
	{"eq string", `{"name":{"_eq":"ACME Industries 2031"}}`},
	{"eq enum", `{"side":{"_eq":"buy"}}`},
	{"eq uuid", `{"ref":{"_eq":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}}`},
	{"eq boolean", `{"live":{"_eq":true}}`},
	{"range integer", `{"id":{"_gt":1000,"_lt":200000}}`},
	{"gt bigint", `{"bigCount":{"_gt":9007199254740992}}`},
	{"gt decimal", `{"price":{"_gt":100.5}}`},
	{"gt float", `{"ratio":{"_gt":100.5}}`},
	{"gt timestamp", `{"at":{"_gt":"2026-01-01T00:00:00Z"}}`},
	{"gt date", `{"day":{"_gt":"2026-01-01"}}`},
	{"in 100 integers", `{"id":{"_in":` + hundred("") + `}}`},
	{"in 100 strings", `{"name":{"_in":` + hundred(`"`) + `}}`},
	{"like prefix", `{"name":{"_like":"ACME%"}}`},
	{"like contains", `{"name":{"_like":"%dust%"}}`},
	{"like general", `{"name":{"_like":"A_ME%In%1"}}`},
	{"ilike contains", `{"name":{"_ilike":"%DUST%"}}`},
	{"regex", `{"name":{"_regex":"Ind.*20[0-9]+"}}`},
	{"and 3", `{"id":{"_gt":5},"side":{"_eq":"sell"},"price":{"_lt":500}}`},
	{"or 3", `{"_or":[{"id":{"_eq":5}},{"side":{"_eq":"buy"}},{"price":{"_lt":500}}]}`},
	{"not or", `{"_not":{"_or":[{"id":{"_eq":5}},{"side":{"_eq":"buy"}}]}}`},
	{"json contains", `{"doc":{"_contains":{"a":1}}}`},
}

func BenchmarkMatch(b *testing.B) {
	r := row(b, benchRow)
	for _, f := range benchFilters {
		p := mustCompile(b, f.where)
		b.Run(f.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Match(r)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	where := decode(b, `{"id":{"_gt":5},"side":{"_in":["sell","buy"]},"_or":[{"price":{"_lt":500}},{"name":{"_like":"A%"}}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(everything, where); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMatchAllocates: only JSON and arrays cost garbage.
func TestMatchAllocates(t *testing.T) {
	r := row(t, benchRow)
	for _, f := range benchFilters {
		if strings.HasPrefix(f.name, "json") {
			continue
		}
		p := mustCompile(t, f.where)
		allowed := 0.0
		if strings.HasPrefix(f.name, "regex") {
			allowed = 4 // its state comes from a pool, which the collector and the race detector empty at times
		}
		if n := testing.AllocsPerRun(100, func() { p.Match(r) }); n > allowed {
			t.Errorf("%s: %v allocations", f.name, n)
		}
	}
}

// TestMatchConcurrently lets the race detector look at shared predicates.
func TestMatchConcurrently(t *testing.T) {
	r := row(t, benchRow)
	predicates := make([]*Predicate, len(benchFilters))
	want := make([]bool, len(benchFilters))
	for i, f := range benchFilters {
		predicates[i] = mustCompile(t, f.where)
		want[i] = predicates[i].Match(r)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				for i, p := range predicates {
					if p.Match(r) != want[i] {
						t.Errorf("%s changed its mind", benchFilters[i].name)
					}
				}
			}
		})
	}
	wg.Wait()
}
