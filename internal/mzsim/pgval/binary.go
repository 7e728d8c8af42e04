package pgval

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgtype"
)

// Binary returns the binary wire form of a canonical text. Lists and maps have
// none.
func (t *Type) Binary(text string) ([]byte, error) {
	switch {
	case t.Class == List || t.Class == Map:
		return nil, fmt.Errorf("binary encoding of %s is not supported", t.Name)
	case t.Class == Text || t.Class == Char || t.Class == Opaque || t.Name == "mz_timestamp":
		return []byte(text), nil
	case t.Class == Int && t.OID >= 16000 || t.Name == "oid" || t.OID == 24 || t.OID == 2205 || t.OID == 2206:
		v, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, err
		}
		b := binary.BigEndian.AppendUint64(nil, v)
		return b[8-t.Size:], nil
	case t.Class == Interval:
		iv, err := parseInterval(text)
		if err != nil {
			return nil, err
		}
		b := binary.BigEndian.AppendUint64(nil, uint64(iv.micros))                                                      //nolint:gosec // two's complement
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, uint32(iv.days)), uint32(iv.months)), nil //nolint:gosec // likewise
	case t.Class == Numeric:
		if b, ok := specialNumeric(text); ok {
			return b, nil
		}
	}
	m := pgtype.NewMap()
	typ, ok := m.TypeForOID(t.OID)
	if !ok {
		return nil, fmt.Errorf("binary encoding of %s is not supported", t.Name)
	}
	v, err := typ.Codec.DecodeValue(m, t.OID, pgtype.TextFormatCode, []byte(text))
	if err != nil {
		return nil, err
	}
	if t.Class == JSONB {
		return append([]byte{1}, text...), nil
	}
	return m.Encode(t.OID, pgtype.BinaryFormatCode, v, nil)
}

// specialNumeric encodes what Materialize writes differently from others.
func specialNumeric(text string) ([]byte, bool) {
	switch text {
	case "0":
		return make([]byte, 8), true
	case "NaN":
		return []byte{0, 0, 0xff, 0xff, 0xc0, 0, 0, 0}, true
	case "Infinity":
		return []byte{0, 0, 0xff, 0xff, 0xd0, 0, 0, 0}, true
	case "-Infinity":
		return []byte{0, 0, 0xff, 0xff, 0xf0, 0, 0, 0}, true
	}
	return nil, false
}

// FromBinary returns the text of a value in binary form.
func (t *Type) FromBinary(b []byte) (string, error) {
	switch t.Class { //nolint:exhaustive // the others go through the type map
	case Text, Char, Opaque:
		return string(b), nil
	case JSONB:
		if len(b) == 0 || b[0] != 1 {
			return "", errors.New("unknown jsonb version")
		}
		return string(b[1:]), nil
	}
	m := pgtype.NewMap()
	typ, ok := m.TypeForOID(t.OID)
	if !ok {
		return "", fmt.Errorf("binary parameters of type %s are not supported", t.Name)
	}
	v, err := typ.Codec.DecodeValue(m, t.OID, pgtype.BinaryFormatCode, b)
	if err != nil {
		return "", err
	}
	text, err := m.Encode(t.OID, pgtype.TextFormatCode, v, nil)
	return string(text), err
}
