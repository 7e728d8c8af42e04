package transport

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/auth"
	"github.com/tycostream/tycostream/internal/transport/jsontext"
)

const (
	browserAccept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	urqlAccept    = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
	apolloAccept  = `multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json`
)

func TestHTTP(t *testing.T) {
	g := newGateway(t, Options{Guard: auth.New("s3cret"), Playground: "/playground", MessageBytes: 2000}).live(2)
	const (
		jsonBody  = `{"query":"{ trades(where: {id: {_eq: 2}}) { id price } }"}`
		answer    = `{"data":{"trades":[{"id":2,"price":"9007199254740993"}]}}`
		subscribe = `{"query":"subscription { trades { operation } }"}`
		response  = "application/graphql-response+json"
	)
	get := func(query string) string { return "/graphql?query=" + url.QueryEscape(query) }
	g.set(2, "S2", "9007199254740993") // must not be less than itself
	tests := []struct {
		name, method, path, body string
		header                   []string
		status                   int
		contains                 string
	}{
		{"POST", "POST", "/graphql", jsonBody, []string{"Content-Type", "application/json"}, 200, answer},
		{"POST with charset", "POST", "/graphql", jsonBody, []string{"Content-Type", "application/json; charset=utf-8"}, 200, answer},
		{"POST for response+json", "POST", "/graphql", jsonBody, []string{"Content-Type", "application/json", "Accept", response}, 200, answer},
		{"curl", "POST", "/graphql", jsonBody, []string{"Content-Type", "application/json", "Accept", "*/*"}, 200, answer},
		{"variables keep their digits", "POST", "/graphql", `{"query":"query($p: BigInt) { trades(where: {price: {_lt: $p}}) { id } }","variables":{"p":9007199254740993}}`, []string{"Content-Type", "application/json"}, 200, `[{"id":1}]`},
		{"GET", "GET", get("{ trades(where: {id: {_eq: 2}}) { id price } }"), "", nil, 200, answer},
		{"GET with variables", "GET", get("query Q($i: Int) { trades(where: {id: {_eq: $i}}) { id price } }") + "&operationName=Q&variables=" + url.QueryEscape(`{"i":2}`), "", nil, 200, answer},
		{"urql's query is JSON, not events", "GET", get("{ trades(where: {id: {_eq: 2}}) { id price } }"), "", []string{"Accept", urqlAccept}, 200, answer},
		{"browser with a query", "GET", get("{ __typename }"), "", []string{"Accept", browserAccept}, 200, `"__typename"`},
		{"browser", "GET", "/graphql", "", []string{"Accept", browserAccept}, 302, ""},
		{"GET without query", "GET", "/graphql", "", nil, 400, "query is missing"},
		{"GET with bad variables", "GET", get("{ __typename }") + "&variables=7", "", nil, 400, "variables in the URL must be a JSON object"},
		{"mutation by GET", "GET", get("mutation { a }"), "", nil, 200, "errors"},
		{"subscription without a stream", "POST", "/graphql", subscribe, []string{"Content-Type", "application/json"}, 400, "graphql-transport-ws"},
		{"multipart of another kind", "POST", "/graphql", subscribe, []string{"Content-Type", "application/json", "Accept", "multipart/mixed;deferSpec=20220824, application/json"}, 400, `multipart/mixed;subscriptionSpec=\"1.0\"`},
		{"Apollo's query is JSON, no part", "POST", "/graphql", jsonBody, []string{"Content-Type", "application/json", "Accept", apolloAccept}, 200, answer},
		{"Apollo's mistake is JSON, no part", "POST", "/graphql", `{"query":"subscription { nothing }"}`, []string{"Content-Type", "application/json", "Accept", apolloAccept}, 200, `{"errors":[{"message":`},
		{"not acceptable", "POST", "/graphql", jsonBody, []string{"Content-Type", "application/json", "Accept", "image/png"}, 406, "Accept"},
		{"refused by q=0", "POST", "/graphql", jsonBody, []string{"Content-Type", "application/json", "Accept", "application/json;q=0, image/*"}, 406, "Accept"},
		{"no content type", "POST", "/graphql", jsonBody, nil, 415, "application/json"},
		{"form", "POST", "/graphql", "query=x", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "application/json"},
		{"text", "POST", "/graphql", jsonBody, []string{"Content-Type", "text/plain"}, 415, "application/json"},
		{"other charset", "POST", "/graphql", jsonBody, []string{"Content-Type", "application/json; charset=latin1"}, 415, "application/json"},
		{"zipped", "POST", "/graphql", jsonBody, []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, 415, "Content-Encoding"},
		{"not JSON", "POST", "/graphql", `{"query":`, []string{"Content-Type", "application/json"}, 400, "ends too early"},
		{"a list", "POST", "/graphql", ` [` + jsonBody + `]`, []string{"Content-Type", "application/json"}, 400, "batches"},
		{"a number", "POST", "/graphql", `7`, []string{"Content-Type", "application/json"}, 400, "not a JSON object"},
		{"nothing", "POST", "/graphql", ``, []string{"Content-Type", "application/json"}, 400, "ends too early"},
		{"query is a list", "POST", "/graphql", `{"query":[]}`, []string{"Content-Type", "application/json"}, 400, "query must be a string"},
		{"variables are text", "POST", "/graphql", `{"query":"{a}","variables":"{}"}`, []string{"Content-Type", "application/json"}, 400, "variables must be an object"},
		{"no query", "POST", "/graphql", `{}`, []string{"Content-Type", "application/json"}, 400, "query is missing"},
		{"too long", "POST", "/graphql", `{"query":"` + strings.Repeat("x", 2000), []string{"Content-Type", "application/json"}, 413, "limits.message_bytes"},
		{"URL too long", "GET", get(strings.Repeat("x", 2000)), "", nil, 414, "use POST"},
		{"does not parse", "POST", "/graphql", `{"query":"{"}`, []string{"Content-Type", "application/json"}, 200, `{"errors":[{"message":`},
		{"does not parse, response+json", "POST", "/graphql", `{"query":"{"}`, []string{"Content-Type", "application/json", "Accept", response}, 400, `{"errors":[{"message":`},
		{"does not validate, response+json", "POST", "/graphql", `{"query":"{ nothing }"}`, []string{"Content-Type", "application/json", "Accept", response}, 400, "nothing"},
		{"unknown operation, response+json", "POST", "/graphql", `{"query":"query A { __typename }","operationName":"B"}`, []string{"Content-Type", "application/json", "Accept", response}, 400, "B"},
		{"PATCH", "PATCH", "/graphql", jsonBody, []string{"Content-Type", "application/json"}, 405, "POST"},
		{"wrong secret", "POST", "/graphql", jsonBody, []string{"Content-Type", "application/json", "Authorization", "Bearer x"}, 401, "access-denied"},
		{"right secret", "POST", "/graphql", jsonBody, []string{"Content-Type", "application/json", "Authorization", "Bearer s3cret"}, 200, answer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := g.do(tt.method, tt.path, tt.body, tt.header...)
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.contains) {
				t.Errorf("%d %s\nwant %d with %s", resp.StatusCode, body, tt.status, tt.contains)
			}
			if tt.status == http.StatusOK && strings.Contains(body, `"errors"`) && strings.Contains(body, `"data"`) {
				t.Errorf("a refused request has data: %s", body)
			}
			if tt.status == http.StatusMethodNotAllowed && resp.Header.Get("Allow") == "" {
				t.Error("no Allow header")
			}
			media, wantMedia := resp.Header.Get("Content-Type"), "application/json; charset=utf-8"
			if len(tt.header) == 4 && tt.header[3] == response || strings.Contains(tt.name, "urql") {
				wantMedia = response + "; charset=utf-8"
			}
			if tt.status != http.StatusFound && media != wantMedia {
				t.Errorf("Content-Type %q, want %q", media, wantMedia)
			}
		})
	}
}

func TestPersistedQuery(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	const query = "{ trades { id } }"
	sum := sha256.Sum256([]byte(query))
	extension := `"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + hex.EncodeToString(sum[:]) + `"}}`
	post := func(body, accept string) (int, string) {
		resp, text := g.do("POST", "/graphql", body, "Content-Type", "application/json", "Accept", accept)
		return resp.StatusCode, text
	}
	status, text := post("{"+extension+"}", typeResponse)
	if status != 200 || !strings.Contains(text, `"message":"PersistedQueryNotFound"`) || !strings.Contains(text, "PERSISTED_QUERY_NOT_FOUND") {
		t.Fatalf("%d %s", status, text)
	}
	if status, text = post(`{"query":"`+query+`",`+extension+"}", typeJSON); status != 200 || text != `{"data":{"trades":[{"id":1}]}}` {
		t.Fatalf("%d %s", status, text)
	}
	if status, text = post("{"+extension+"}", typeJSON); status != 200 || text != `{"data":{"trades":[{"id":1}]}}` {
		t.Fatalf("%d %s", status, text)
	}
	resp, text := g.do("GET", "/graphql?extensions="+url.QueryEscape(strings.TrimPrefix(extension, `"extensions":`)), "")
	if resp.StatusCode != http.StatusOK || text != `{"data":{"trades":[{"id":1}]}}` {
		t.Fatalf("%d %s", resp.StatusCode, text)
	}
	c := g.modern()
	c.say(`{"id":"1","type":"subscribe","payload":{` + extension + `}}`)
	c.want(`{"id":"1","type":"next","payload":{"data":{"trades":[{"id":1}]}}}`)
}

func TestFormatOf(t *testing.T) {
	tests := []struct {
		accept string
		want   format
	}{
		{"", format{media: typeJSON}},
		{"*/*", format{media: typeJSON}},
		{"application/*", format{media: typeJSON}},
		{"application/json", format{media: typeJSON}},
		{"application/graphql-response+json", format{media: typeResponse}},
		{"application/graphql-response+json, application/json;q=0.9", format{media: typeResponse}},
		{"application/graphql-response+json;q=0.8, application/json", format{media: typeJSON}},
		{"application/json, application/graphql-response+json", format{media: typeResponse}},
		{"application/graphql-response+json;q=0, */*", format{media: typeJSON}},
		{"application/json;q=0, */*;q=0.1", format{}},
		{"text/event-stream", format{stream: &events}},
		{"text/event-stream, multipart/mixed", format{stream: &events}},
		{"text/event-stream, */*", format{media: typeJSON, stream: &events}},
		{urqlAccept, format{media: typeResponse, stream: &events}},
		{apolloAccept, format{media: typeJSON, stream: &multipart}},
		{`multipart/mixed;boundary="graphql";subscriptionSpec="1.0",application/graphql-response+json,application/json`, format{media: typeResponse, stream: &multipart}},
		{`Multipart/Mixed; SubscriptionSpec=1.0`, format{stream: &multipart}},
		{`multipart/mixed;deferSpec=20220824, application/json`, format{media: typeJSON}},
		{`multipart/mixed;deferSpec=20220824, multipart/mixed;subscriptionSpec=1.0;q=0.1, application/json`, format{media: typeJSON, stream: &multipart}},
		{`multipart/mixed;subscriptionSpec=2.0, application/json`, format{media: typeJSON}},
		{`multipart/mixed;subscriptionSpec=1.0;q=0, application/json`, format{media: typeJSON}},
		{`multipart/mixed;x="a, b";subscriptionSpec="1.0", application/json`, format{media: typeJSON, stream: &multipart}},
		{`multipart/mixed;subscriptionSpec=1.0;q=0.5, text/event-stream`, format{stream: &events}},
		{`text/event-stream;q=0.5, multipart/mixed;subscriptionSpec=1.0;q=0.6`, format{stream: &multipart}},
		{`multipart/mixed;subscriptionSpec=1.0, text/event-stream`, format{stream: &multipart}},
		{`text/event-stream, multipart/mixed;subscriptionSpec=1.0`, format{stream: &events}},
		{"text/html", format{}},
		{"application/json;q=2, text/html", format{}},
		{"application/json;q=2", format{media: typeJSON}},
		{"junk, ;;, application/json", format{media: typeJSON}},
	}
	for _, tt := range tests {
		r := &http.Request{Header: http.Header{}}
		if tt.accept != "" {
			r.Header.Set("Accept", tt.accept)
		}
		if got := formatOf(r); got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.accept, got, tt.want)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"query":"{a}","variables":{"a":1e400},"extensions":{"persistedQuery":null}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var r request
		if jsontext.Decode(body, &r) != nil {
			return
		}
		if p, err := r.params(); err == nil && p.Query == "" && r.Query == nil && r.Extensions["persistedQuery"] == nil {
			t.Fatalf("neither query nor hash: %q", body)
		}
	})
}
