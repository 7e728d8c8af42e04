// Package copytext reads and writes the text format of COPY.
//
// Reading goes in two steps, neither of which allocates: a [Splitter] cuts the
// bytes of CopyData messages into lines, wherever the messages begin and end,
// and a [Record] cuts a line into fields.
//
//	split.Push(msg.Data)
//	for {
//		line, ok, err := split.Next()
//		if !ok {
//			break // wait for the next message
//		}
//		if err := rec.Parse(line, columns); err != nil { ... }
//		text, notNull := rec.Field(0)
//	}
//
// Fields are unescaped only in lines that hold a backslash, which few do.
// Nothing is ever trimmed: a line may end in an empty field. What is read is
// the text format as PostgreSQL and Materialize write it, every escape that
// PostgreSQL reads included; what is written is Materialize's form, which
// escapes four bytes only.
//
// Bytes that a Splitter or Record returns are valid until its next call. None
// of the types may be used by two goroutines at a time; the functions may.
package copytext
