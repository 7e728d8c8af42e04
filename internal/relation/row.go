package relation

import (
	"encoding/binary"
	"hash/maphash"
	"strconv"
	"strings"
)

// Row is one row, packed into a single immutable string, so that a row costs
// one allocation and may be shared freely. The empty Row means "no row".
//
// Layout: a little-endian uint16 with the number of cells in its lower 15 bits
// and in its top bit the form; then one end offset per cell, relative to the
// first byte of cell text, uint16 in the narrow form and uint32 in the wide
// one, whose own top bit marks NULL; then the cells' text, one after the other.
type Row string

const (
	wideForm   = 1 << 15
	narrowNull = 1 << 15
	wideNull   = 1 << 31
	narrowMax  = 1<<15 - 1 // bytes of text that the narrow form can address

	// MaxColumns is the largest number of cells that a Row can hold.
	MaxColumns = 1<<15 - 1
)

// Len returns the number of cells.
func (r Row) Len() int {
	if r == "" {
		return 0
	}
	return int(uint16At(r, 0) &^ wideForm)
}

func uint16At(r Row, i int) uint16 {
	_ = r[i+1] // one bounds check instead of two
	return uint16(r[i]) | uint16(r[i+1])<<8
}

func uint32At(r Row, i int) uint32 {
	return uint32(r[i]) | uint32(r[i+1])<<8 | uint32(r[i+2])<<16 | uint32(r[i+3])<<24
}

// end returns the end offset of cell i and whether the cell is NULL.
func (r Row) end(i int, wide bool) (int, bool) {
	if wide {
		v := uint32At(r, 2+4*i)
		return int(v &^ wideNull), v&wideNull != 0
	}
	v := uint16At(r, 2+2*i)
	return int(v &^ narrowNull), v&narrowNull != 0
}

// Cell returns the text of cell i, and false when the cell is NULL. It panics
// when i is out of range. The text shares the row's memory.
func (r Row) Cell(i int) (string, bool) {
	head := uint16At(r, 0)
	if head&wideForm != 0 {
		return r.wideCell(i, int(head&^wideForm))
	}
	// Written out for the narrow form, which nearly all rows have: encoders and
	// filters spend a quarter of their time here.
	at, base, start := 2+2*i, 2+2*int(head), 0
	end := uint16At(r, at)
	if end&narrowNull != 0 {
		return "", false
	}
	if i > 0 {
		start = int(uint16At(r, at-2) &^ narrowNull)
	}
	return string(r[base+start : base+int(end)]), true
}

func (r Row) wideCell(i, n int) (string, bool) {
	start, base := 0, 2+4*n
	if i > 0 {
		start, _ = r.end(i-1, true)
	}
	end, null := r.end(i, true)
	if null {
		return "", false
	}
	return string(r[base+start : base+end]), true
}

// Text returns the text of cell i, empty for NULL.
func (r Row) Text(i int) string {
	t, _ := r.Cell(i)
	return t
}

// Null reports whether cell i is NULL.
func (r Row) Null(i int) bool {
	_, null := r.end(i, uint16At(r, 0)&wideForm != 0)
	return null
}

// Builder packs cells into rows. It may be used again after Row. Not safe for
// concurrent use.
type Builder struct {
	text []byte
	ends []uint32
	out  []byte
}

// Append adds a cell. The bytes are copied.
func (b *Builder) Append(text []byte) {
	b.text = append(b.text, text...)
	b.ends = append(b.ends, uint32(len(b.text))) //nolint:gosec // rows over 2 GiB do not occur: upstream limits messages to 1 GiB
}

// AppendString adds a cell.
func (b *Builder) AppendString(text string) {
	b.text = append(b.text, text...)
	b.ends = append(b.ends, uint32(len(b.text))) //nolint:gosec // see Append
}

// AppendNull adds a NULL cell.
func (b *Builder) AppendNull() {
	b.ends = append(b.ends, uint32(len(b.text))|wideNull) //nolint:gosec // see Append
}

// AppendCell adds a cell as Row.Cell returned it.
func (b *Builder) AppendCell(text string, ok bool) {
	if ok {
		b.AppendString(text)
	} else {
		b.AppendNull()
	}
}

// Len returns the number of cells added since the last Row or Reset.
func (b *Builder) Len() int { return len(b.ends) }

// Reset forgets the cells added so far.
func (b *Builder) Reset() { b.text, b.ends = b.text[:0], b.ends[:0] }

// Row returns the cells as a row and resets the builder.
func (b *Builder) Row() Row {
	out := b.out[:0]
	if len(b.text) <= narrowMax {
		out = binary.LittleEndian.AppendUint16(out, uint16(len(b.ends))) //nolint:gosec // at most MaxColumns
		for _, e := range b.ends {
			v := uint16(e &^ wideNull) //nolint:gosec // at most narrowMax
			if e&wideNull != 0 {
				v |= narrowNull
			}
			out = binary.LittleEndian.AppendUint16(out, v)
		}
	} else {
		out = binary.LittleEndian.AppendUint16(out, uint16(len(b.ends))|wideForm) //nolint:gosec // at most MaxColumns
		for _, e := range b.ends {
			out = binary.LittleEndian.AppendUint32(out, e)
		}
	}
	out = append(out, b.text...)
	b.out = out
	r := Row(b.out)
	b.Reset()
	return r
}

// Cells packs texts into a row; a nil pointer is NULL. For tests and small
// jobs: hot paths use a Builder.
func Cells(texts ...*string) Row {
	var b Builder
	for _, t := range texts {
		if t == nil {
			b.AppendNull()
		} else {
			b.AppendString(*t)
		}
	}
	return b.Row()
}

// Texts packs texts, none of them NULL, into a row.
func Texts(texts ...string) Row {
	var b Builder
	for _, t := range texts {
		b.AppendString(t)
	}
	return b.Row()
}

// ColumnSet is a set of column positions.
type ColumnSet []uint64

// NewColumnSet returns an empty set with room for n columns.
func NewColumnSet(n int) ColumnSet { return make(ColumnSet, (n+63)/64) }

// Add puts i into the set.
func (s ColumnSet) Add(i int) { s[i/64] |= 1 << (i % 64) }

// Has reports whether i is in the set.
func (s ColumnSet) Has(i int) bool { return i/64 < len(s) && s[i/64]&(1<<(i%64)) != 0 }

// Empty reports whether the set has no member.
func (s ColumnSet) Empty() bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

// Diff adds to set the columns whose cells differ between a and b, and
// returns it. Both rows must have the same number of cells.
func Diff(a, b Row, set ColumnSet) ColumnSet {
	head := uint16At(a, 0)
	if head&wideForm != 0 || head != uint16At(b, 0) {
		for i := range a.Len() {
			at, aok := a.Cell(i)
			bt, bok := b.Cell(i)
			if at != bt || aok != bok {
				set.Add(i)
			}
		}
		return set
	}
	base := 2 + 2*int(head)
	at, bt := a[base:], b[base:] // the texts of the cells to come
	aDone, bDone := 0, 0
	for i := range int(head) {
		aEnd, bEnd := uint16At(a, 2+2*i), uint16At(b, 2+2*i)
		an, bn := int(aEnd&^narrowNull)-aDone, int(bEnd&^narrowNull)-bDone
		if (aEnd^bEnd)&narrowNull != 0 || at[:an] != bt[:bn] {
			set.Add(i)
		}
		at, bt = at[an:], bt[bn:]
		aDone, bDone = aDone+an, bDone+bn
	}
	return set
}

// hashSeed makes key hashes unpredictable between processes, so that chosen
// keys cannot degrade the key index.
var hashSeed = maphash.MakeSeed()

// HashKey returns a hash of the row's key cells, equal for rows with equal
// keys within this process.
func (s *Schema) HashKey(r Row) uint64 {
	if len(s.Key) == 1 {
		return maphash.String(hashSeed, s.keyText(r, s.Key[0]))
	}
	var h maphash.Hash
	h.SetSeed(hashSeed)
	for _, k := range s.Key {
		_, _ = h.WriteString(s.keyText(r, k))
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// KeyEqual reports whether both rows have the same key. Decimals that differ
// only in trailing zeros are the same key, as in the database.
func (s *Schema) KeyEqual(a, b Row) bool {
	for _, k := range s.Key {
		if s.keyText(a, k) != s.keyText(b, k) {
			return false
		}
	}
	return true
}

func (s *Schema) keyText(r Row, i int) string {
	t := r.Text(i)
	if s.Columns[i].Kind == Decimal && strings.IndexByte(t, '.') >= 0 {
		t = strings.TrimSuffix(strings.TrimRight(t, "0"), ".")
	}
	return t
}

// NullKey returns the position of the first key column that is NULL in r, or -1.
func (s *Schema) NullKey(r Row) int {
	for _, k := range s.Key {
		if r.Null(k) {
			return k
		}
	}
	return -1
}

// AppendKey appends the text of the row's key, the `_key` of GraphQL: the
// cell's text for a one-column key, a compact JSON array for a composite one
// (Integer cells as numbers, Boolean as true and false, all others as strings).
func (s *Schema) AppendKey(dst []byte, r Row) []byte {
	if len(s.Key) == 1 {
		return append(dst, s.keyText(r, s.Key[0])...)
	}
	dst = append(dst, '[')
	for i, k := range s.Key {
		if i > 0 {
			dst = append(dst, ',')
		}
		t := s.keyText(r, k)
		switch s.Columns[k].Kind {
		case Integer:
			dst = append(dst, t...)
		case Boolean:
			dst = strconv.AppendBool(dst, t == "t")
		default:
			dst = AppendJSONString(dst, t)
		}
	}
	return append(dst, ']')
}

// KeyRow returns a row of the schema's width that holds only r's key cells;
// all others are NULL.
func (s *Schema) KeyRow(r Row) Row {
	var b Builder
	for i := range s.Columns {
		if s.IsKey(i) {
			b.AppendCell(r.Cell(i))
		} else {
			b.AppendNull()
		}
	}
	return b.Row()
}
