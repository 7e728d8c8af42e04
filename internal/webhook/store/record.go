package store

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/tycostream/tycostream/internal/webhook"
)

// Subjects. A row's messages have the subject
//
//	row.<trigger>.k<base64url of the key>     or, for long keys,
//	row.<trigger>.h<base64url of its SHA-256>
//
// and deliveries beside the rows (tests, what is resent) the same under
// "once". mark.<row or once>.<trigger>.<token> has a lane's progress,
// dead.<trigger>.k<base64url of the id> a dead letter, def.k<base64url of the
// name> a definition.
const (
	rowSpace  = "row"
	onceSpace = "once"

	// maxPlainKey keeps subjects far below what one line of the protocol holds.
	maxPlainKey = 1024
)

var errBadRecord = errors.New("not a record of this version")

// token encodes any text as one token of a subject. What is too long for a
// subject is hashed: the record has the text then.
func token(text string) (tok string, hashed bool) {
	if len(text) > maxPlainKey {
		sum := sha256.Sum256([]byte(text))
		return "h" + base64.RawURLEncoding.EncodeToString(sum[:]), true
	}
	return "k" + base64.RawURLEncoding.EncodeToString([]byte(text)), false
}

// untoken is the inverse of token for what was not hashed.
func untoken(tok string) (string, bool) {
	enc, ok := strings.CutPrefix(tok, "k")
	if !ok {
		return "", false
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(enc)
	return string(text), err == nil
}

// checkTrigger refuses ids that are not one token of a subject.
func checkTrigger(id string) error {
	if id == "" || len(id) > 128 {
		return fmt.Errorf("trigger id %q: 1 to 128 letters, digits, - and _", id)
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return fmt.Errorf("trigger id %q: letters, digits, - and _ only", id)
		}
	}
	return nil
}

// record is what a message of the outbox holds besides its subject.
type record struct {
	kind   webhook.Kind
	silent bool
	resent bool
	time   time.Time
	id     string
	key    string // only of hashed keys
	state  []byte
	body   []byte
}

// The first byte of a record or mark is its version.
const version = 1

const (
	flagSilent = 1 << iota
	flagResent
	flagsKnown = flagSilent | flagResent
)

// encode appends the record to b:
// version, kind, flags, time, id, key, state, body.
func (r *record) encode(b []byte) []byte {
	var flags byte
	if r.silent {
		flags |= flagSilent
	}
	if r.resent {
		flags |= flagResent
	}
	b = append(b, version, byte(r.kind), flags)
	b = binary.AppendVarint(b, r.time.UnixNano())
	b = appendText(b, r.id)
	b = appendText(b, r.key)
	b = appendText(b, r.state)
	return append(b, r.body...)
}

// decodeRecord reads what encode wrote. State and body alias b.
func decodeRecord(b []byte) (record, error) {
	if len(b) < 3 || b[0] != version || b[2]&^flagsKnown != 0 {
		return record{}, errBadRecord
	}
	r := record{kind: webhook.Kind(b[1]), silent: b[2]&flagSilent != 0, resent: b[2]&flagResent != 0}
	d := decoder{b: b[3:]}
	r.time = time.Unix(0, d.varint())
	r.id = string(d.text())
	r.key = string(d.text())
	r.state = d.text()
	r.body = d.b
	if d.bad {
		return record{}, errBadRecord
	}
	return r, nil
}

// mark is a lane's progress, kept apart from its messages and never synced:
// losing one repeats a delivery. It counts only where the stream still has
// the very message that it names, so that sequences which are used again
// after a loss of power cannot make a mark skip a delivery.
type mark struct {
	done     uint64 // all up to this sequence is delivered
	doneSum  uint32 // checksum of that message's id
	head     uint64 // the delivery that attempts are of; 0: none
	headSum  uint32
	attempts webhook.Attempts
}

func (m *mark) encode() []byte {
	b := []byte{version}
	b = binary.AppendUvarint(b, m.done)
	b = binary.BigEndian.AppendUint32(b, m.doneSum)
	b = binary.AppendUvarint(b, m.head)
	b = binary.BigEndian.AppendUint32(b, m.headSum)
	return appendAttempts(b, m.attempts)
}

func decodeMark(b []byte) (mark, error) {
	if len(b) < 1 || b[0] != version {
		return mark{}, errBadRecord
	}
	d := decoder{b: b[1:]}
	m := mark{done: d.uvarint(), doneSum: d.uint32(), head: d.uvarint(), headSum: d.uint32(), attempts: d.attempts()}
	if d.bad || len(d.b) > 0 {
		return mark{}, errBadRecord
	}
	return m, nil
}

// encodeDead writes a dead letter: version, the key, what was tried, and the
// record as it was.
func encodeDead(key string, a webhook.Attempts, r *record) []byte {
	b := appendText([]byte{version}, key)
	return r.encode(appendAttempts(b, a))
}

func decodeDead(b []byte) (string, webhook.Attempts, record, error) {
	if len(b) < 1 || b[0] != version {
		return "", webhook.Attempts{}, record{}, errBadRecord
	}
	d := decoder{b: b[1:]}
	key, a := string(d.text()), d.attempts()
	if d.bad {
		return "", webhook.Attempts{}, record{}, errBadRecord
	}
	r, err := decodeRecord(d.b)
	return key, a, r, err
}

// sum recognises an id.
func sum(id string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return h.Sum32()
}

func appendText[T string | []byte](b []byte, text T) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

func appendAttempts(b []byte, a webhook.Attempts) []byte {
	b = binary.AppendUvarint(b, uint64(max(a.Count, 0)))
	b = binary.AppendVarint(b, nanos(a.Last))
	b = binary.AppendVarint(b, nanos(a.Next))
	b = binary.AppendUvarint(b, uint64(max(a.Status, 0)))
	return appendText(b, a.Excerpt)
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

// decoder reads from b; bad is set, for good, by the first thing amiss.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	d.skip(n)
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	d.skip(n)
	return v
}

func (d *decoder) skip(n int) {
	if n <= 0 {
		d.bad, d.b = true, nil
		return
	}
	d.b = d.b[n:]
}

func (d *decoder) uint32() uint32 {
	if len(d.b) < 4 {
		d.bad, d.b = true, nil
		return 0
	}
	v := binary.BigEndian.Uint32(d.b)
	d.b = d.b[4:]
	return v
}

func (d *decoder) text() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	text := d.b[:n:n]
	d.b = d.b[n:]
	return text
}

func (d *decoder) attempts() webhook.Attempts {
	return webhook.Attempts{
		Count: int(d.uvarint() & 0x7fffffff), Last: fromNanos(d.varint()), Next: fromNanos(d.varint()),
		Status: int(d.uvarint() & 0xffff), Excerpt: string(d.text()),
	}
}
