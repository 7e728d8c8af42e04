package graph

import (
	"context"
	"strconv"
	"strings"
	"testing"
)

func TestLRU(t *testing.T) {
	ctx := context.Background()
	c := newLRU(3, 100, func(s string) int { return len(s) })
	has := func(keys string) {
		t.Helper()
		for key := range strings.SplitSeq("a b c d e", " ") {
			if _, ok := c.index[key]; ok != strings.Contains(keys, key) {
				t.Errorf("%s is in the cache: %v; want exactly %q", key, ok, keys)
			}
		}
	}
	for _, key := range []string{"a", "b", "c"} {
		c.Add(ctx, key, "x")
	}
	if v, ok := c.Get(ctx, "a"); !ok || v != "x" {
		t.Errorf("a is %q, %v", v, ok)
	}
	c.Add(ctx, "d", "x")
	has("acd")
	c.Add(ctx, "e", strings.Repeat("x", 97))
	has("de")
	c.Add(ctx, "e", strings.Repeat("x", 98))
	has("e")
	c.Add(ctx, "e", strings.Repeat("x", 100))
	has("")
	if c.used != 0 || c.order.Len() != 0 {
		t.Errorf("an empty cache uses %d bytes and has %d entries", c.used, c.order.Len())
	}
	c.Add(ctx, "a", "1")
	c.Add(ctx, "a", "22")
	if v, _ := c.Get(ctx, "a"); v != "22" || c.used != 3 {
		t.Errorf("a is %q in %d bytes", v, c.used)
	}
}

func TestLRUStaysBounded(t *testing.T) {
	c := newLRU(100, 1000, func(s string) int { return len(s) })
	for i := range 10_000 {
		c.Add(t.Context(), strconv.Itoa(i), strings.Repeat("x", i%50))
		if len(c.index) > 100 || c.used > 1000 {
			t.Fatalf("%d entries in %d bytes", len(c.index), c.used)
		}
	}
}
