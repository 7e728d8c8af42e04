package channel

import "github.com/tycostream/tycostream/internal/feed"

// Marks are messages beside the rows', which begin with a brace.
const (
	markReset = 'R' // before rows that take the place of all there were
	markWhole = 'W' // behind the last of them, or of a snapshot
)

// Encoder returns what encodes a channel's frames: rows, an encoder of one JSON
// object per event, with marks for a [Subscription] between them. Readers of
// one channel share its bytes, with a snapshot or without.
func Encoder(rows feed.Encoder) feed.Encoder { return marked{rows} }

type marked struct{ feed.Encoder }

func (m marked) ID() string { return "channel:" + m.Encoder.ID() }

// Frames is true: a subscriber that is too slow for the history there is shall
// be told to begin anew, not be sent away.
func (m marked) Frames() bool { return true }

func (m marked) Encode(dst []byte, ends []int, f *feed.Frame) ([]byte, []int) {
	if f.Kind == feed.Reset {
		dst = append(dst, markReset)
		ends = append(ends, len(dst))
	}
	dst, ends = m.Encoder.Encode(dst, ends, f)
	if f.Last && f.Kind != feed.LiveFrame {
		dst = append(dst, markWhole)
		ends = append(ends, len(dst))
	}
	return dst, ends
}
