package pgval

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// canonJSON prints jsonb: compact, keys sorted by bytes, the last of equal
// keys, numbers as numeric.
func (t *Type) canonJSON(text string) (string, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("trailing characters")
		}
	}
	var b bytes.Buffer
	if err == nil {
		err = writeJSON(&b, v)
	}
	if err != nil {
		return "", t.invalid(text, err.Error())
	}
	return b.String(), nil
}

func writeJSON(b *bytes.Buffer, v any) error {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		b.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSONString(b, k)
			b.WriteByte(':')
			if err := writeJSON(b, v[k]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, e); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case json.Number:
		return writeJSONNumber(b, v.String())
	case string:
		writeJSONString(b, v)
	case bool:
		if v {
			b.WriteString("true")
		} else {
			b.WriteString("false")
		}
	default:
		b.WriteString("null")
	}
	return nil
}

// writeJSONNumber refuses what numeric cannot hold exactly.
func writeJSONNumber(b *bytes.Buffer, text string) error {
	r, ok := parseDecimal(text)
	if !ok {
		return errors.New("number out of range")
	}
	s, err := FormatNumeric(r)
	if err != nil {
		return err
	}
	if back, _ := parseDecimal(s); back == nil || back.Cmp(r) != 0 {
		return errors.New("number has too many digits")
	}
	b.WriteString(s)
	return nil
}

func writeJSONString(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)         // a bytes.Buffer takes everything
	b.Truncate(b.Len() - 1) // Encode's line end
}
