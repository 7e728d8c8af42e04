package transport

import (
	"errors"
	"testing"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/feed"
)

// Errors are counted by code; codes that clients could make up share a counter.
func TestSubscriptionErrorsAreCounted(t *testing.T) {
	t.Parallel()
	var h Handler
	for _, err := range []error{&feed.Error{Code: feed.CodeResync, Text: "too slow"}, errors.New("something else")} {
		if got := h.subscriptionError(err); got.Message == "" {
			t.Errorf("%v has no text", err)
		}
	}
	h.stats.failed(gqlerror.List{coded("BAD_USER_INPUT", "a"), coded("BAD_USER_INPUT", "b"), coded("MADE_UP", "c"), {Message: "no code"}})
	want := map[string]uint64{
		"BAD_USER_INPUT": 2, "validation-failed": 0, feed.CodeNotReady: 0, feed.CodeResync: 1, feed.CodeClosed: 0, codeInternal: 1, "other": 2,
	}
	got := h.stats.errorCounts()
	for code, n := range want {
		if got[code] != n {
			t.Errorf("%s: %d, want %d", code, got[code], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("codes %v", got)
	}
}
