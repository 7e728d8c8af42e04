package codec

import (
	"github.com/tycostream/tycostream/internal/feed"
)

var (
	_ feed.Encoder = (*updates)(nil)
	_ feed.Encoder = (*frames)(nil)
	_ feed.Encoder = (*tsv)(nil)
	_ feed.Encoder = (*jsonLines)(nil)
	_ feed.Encoder = (*images)(nil)
)

// updates writes one message per event.
type updates struct {
	plan *plan
	id   string
}

func (u *updates) ID() string   { return u.id }
func (u *updates) Frames() bool { return false }

func (u *updates) Encode(dst []byte, ends []int, f *feed.Frame) ([]byte, []int) {
	sc := newScope(f)
	for i := range f.Events {
		sc.event = &f.Events[i]
		sc.row = sc.event.Row
		dst = u.plan.append(dst, &sc)
		ends = append(ends, len(dst))
	}
	return dst, ends
}

// frames writes one message per frame, of either shape.
type frames struct {
	plan *plan
	id   string
}

func (f *frames) ID() string   { return f.id }
func (f *frames) Frames() bool { return true }

func (f *frames) Encode(dst []byte, ends []int, frame *feed.Frame) ([]byte, []int) {
	sc := newScope(frame)
	dst = f.plan.append(dst, &sc)
	return dst, append(ends, len(dst))
}
