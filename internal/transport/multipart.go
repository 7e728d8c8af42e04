package transport

// subscriptionSpec is the version of Apollo's multipart protocol.
const subscriptionSpec = "1.0"

// boundary ends every part at once, instead of beginning the next: a client
// knows a part's end by it. Results cannot hold one: no JSON text has a line
// that begins with two dashes.
const (
	boundary   = "--graphql"
	partHeader = "\r\nContent-Type: application/json\r\n\r\n"
	partEnd    = "\r\n" + boundary
)

// multipart is Apollo's protocol for subscriptions over HTTP.
var multipart = outer{
	kind:   KindMultipart,
	media:  typeMultipart + `;boundary="graphql";subscriptionSpec=` + subscriptionSpec,
	first:  boundary,
	idle:   partHeader + "{}" + partEnd,
	last:   "--\r\n",
	result: func(dst, result []byte) []byte { return appendPart(dst, `{"payload":`, result) },
	fatal:  func(dst, errors []byte) []byte { return appendPart(dst, `{"payload":null,"errors":`, errors) },
}

func appendPart(dst []byte, before string, json []byte) []byte {
	dst = append(append(dst, partHeader...), before...)
	return append(append(append(dst, json...), '}'), partEnd...)
}
