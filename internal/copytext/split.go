package copytext

import "bytes"

// MaxLine is the longest line that a Splitter accepts unless told otherwise: no
// row of a database comes near it, garbage without a line end does.
const MaxLine = 1 << 28

// Splitter cuts a stream of bytes, given in pieces of any size, into lines.
// The zero Splitter is ready for use.
type Splitter struct {
	// Limit is the longest accepted line in bytes; 0 means MaxLine.
	Limit int

	in    []byte // rest of the last piece, not yet returned
	carry []byte // start of a line whose end has not been seen
	used  bool   // carry was returned as a line and can be overwritten
}

// Push gives the next piece. It must not be called before Next has returned
// false for the piece before. The Splitter keeps data until then and copies
// only a line that goes on in the next piece.
func (s *Splitter) Push(data []byte) { s.in = data }

// Next returns the next whole line without its line end, and false when the
// piece is used up. The line is valid until the next call of Next or Push.
func (s *Splitter) Next() (line []byte, ok bool, err error) {
	if s.used {
		s.carry, s.used = s.carry[:0], false
	}
	i := bytes.IndexByte(s.in, '\n')
	if i < 0 {
		limit := s.Limit
		if limit == 0 {
			limit = MaxLine
		}
		if len(s.carry)+len(s.in) > limit {
			return nil, false, malformed("a line without an end", s.carry)
		}
		s.carry = append(s.carry, s.in...)
		s.in = nil
		return nil, false, nil
	}
	line, s.in = s.in[:i], s.in[i+1:]
	if len(s.carry) > 0 {
		s.carry = append(s.carry, line...)
		line, s.used = s.carry, true
	}
	return line, true, nil
}

// Rest returns the start of the line whose end has not come: at the end of a
// stream it must be empty.
func (s *Splitter) Rest() []byte {
	if s.used {
		return nil
	}
	return s.carry
}

// Reset forgets everything pushed so far.
func (s *Splitter) Reset() { s.in, s.carry, s.used = nil, s.carry[:0], false }
