package predindex

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/relation"
)

// BenchmarkLong looks for needles in a text of 10 kB.
func BenchmarkLong(b *testing.B) {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog, 123456 times. ", 170)
	row, next := relation.Texts(text+"!"), relation.Texts(text+"?")
	for _, size := range []int{1, 10, 10_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			x := New[int](oneText)
			for i := range size {
				x.Add(compile(b, oneText, fmt.Sprintf(`{"c0":{"_like":"%%%06d%%"}}`, i*7919%1_000_000)), i)
			}
			for b.Loop() {
				x.Visit(row, next, func(int, bool, bool) {})
			}
		})
	}
}
