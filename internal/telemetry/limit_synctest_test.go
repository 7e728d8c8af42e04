package telemetry_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/telemetry"
)

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := telemetry.NewLimiter(time.Second)
		if held, ok := l.Allow("a"); !ok || held != 0 {
			t.Error("the first line is held back")
		}
		for range 5 {
			if _, ok := l.Allow("a"); ok {
				t.Error("a second line within the interval")
			}
		}
		if _, ok := l.Allow("b"); !ok {
			t.Error("keys share an interval")
		}
		time.Sleep(time.Second)
		if held, ok := l.Allow("a"); !ok || held != 5 {
			t.Errorf("held %d, %v", held, ok)
		}
		if _, ok := l.Allow("a"); ok {
			t.Error("the interval does not start anew")
		}
		for i := range 5000 {
			l.Allow(strconv.Itoa(i))
		}
		if _, ok := l.Allow("c"); !ok {
			t.Error("many keys hold back new ones")
		}
	})
}
