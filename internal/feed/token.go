package feed

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
)

// token is what a cursor's text holds: the source's epoch, an upstream time
// and the filter's hash. It says nothing about this gateway, so any gateway
// over the same database can read it.
type token struct {
	epoch, time, filter uint64
}

const tokenVersion = 1

// String returns the opaque text that clients get.
func (t token) String() string {
	b := make([]byte, 0, 25)
	b = append(b, tokenVersion)
	b = binary.BigEndian.AppendUint64(b, t.epoch)
	b = binary.BigEndian.AppendUint64(b, t.time)
	b = binary.BigEndian.AppendUint64(b, t.filter)
	return base64.RawURLEncoding.EncodeToString(b)
}

// hashText hashes text the same way in every process.
func hashText(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}
