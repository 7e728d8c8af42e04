// Package codec turns rows and frames into the bytes that clients receive:
// GraphQL response bodies in JSON, the relay's TSV and JSON lines, and the row
// images of row channels.
//
// A selection is compiled once, by [CompileUpdates], [CompileChanges],
// [CompileColumns] or [CompileRow], into a flat list of small steps: a constant
// fragment such as `,"symbol":` followed by one variable part. Encoding an event
// or a frame walks that list and appends; nothing is looked up, reflected or allocated on the way, apart
// from the growth of the caller's buffer (and one string for each escaped
// element of an array of JSON values).
//
//	enc, err := codec.CompileUpdates(shape, "livePnL", []codec.Field{
//		{Alias: "operation", Name: "operation"},
//		{Alias: "data", Name: "data", Fields: []codec.Field{{Alias: "sym", Name: "symbol"}}},
//	})
//	buf, ends = enc.Encode(buf[:0], ends[:0], &frame)
//	// {"data":{"livePnL":{"operation":"INSERT","data":{"sym":"ACME"}}}}
//
// # Cells
//
// Cells are the database's text (see package relation). How each kind is
// written is product behavior:
//
//	Integer      number; null outside int32 ("5.00" of a numeric is 5)
//	BigInt       string of digits
//	Float        number, the digits as they came; NaN and infinities are null
//	Decimal      string, exact; NaN, Infinity and -Infinity as those words
//	String       string
//	UUID         string in lower case; other text as is
//	Boolean      true, false
//	Timestamp    "2026-01-02T03:04:05.678Z" for zoned columns, in UTC whatever
//	             offset the text has; no Z without zone; infinity and BC as is
//	Date, Time   string, as is
//	JSON         the value, compacted; a string of its text in string style
//	Array        array, elements by their kind; a string of that array's JSON
//	             text in string style, where the GraphQL type is String
//	Enumeration  string; null when the text is not one of the values
//
// Text that its kind cannot hold is null: no input makes an encoder panic or
// write invalid JSON, raw control bytes or invalid UTF-8. Every null that
// stands for something is counted in [Anomalies]; the caller logs them.
//
// # Frames
//
// A frame's message is its header (kind, last, timestamp, cursor, from, asOf,
// sentAt, state) and its rows, in one of two shapes:
//
//	"changes":[{"operation":"INSERT","data":{"id":7,"symbol":"ACME"}}, ...]
//	"upserts":{"id":[7],"symbol":["ACME"]},"deletes":{"_key":["9"]}
//
// In column shape upserts are the rows of INSERT and UPDATE events, whole, and
// deletes the keys of DELETE events, each in the order of the events; all lists
// of one object have equal length. A client may apply the two objects in any
// order because a frame names a key once; the encoder itself neither needs nor
// checks that. Cells are written as above, Decimal and BigInt cells as numbers
// when the client chose [Number].
//
// # Relay lines
//
// [TSV] and [JSONLines] write one line, newline included, for each event:
//
//	1700000000000\t1\t7\tACME\t\N
//	{"timestamp":"1700000000000","diff":1,"row":{"id":7,"symbol":"ACME","price":null}}
//
// diff 1 puts the row in place of any with its key, -1 removes it. TSV cells
// are the database's text escaped as in COPY; JSON values are written as above.
// [Images] write the row before and after an event instead, without line ends:
//
//	{"op":"UPDATE","table":"t","new":{"id":7,"symbol":"ACME"},"old":{"id":7,"symbol":null}}
//
// All of them name columns as the database does.
//
// # Concurrency
//
// Encoders are immutable and safe for concurrent use. They never block, log or
// keep what they are given. Anomalies are atomic counters.
package codec
