package graph

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/transport"
)

// serve answers with one of gqlgen's own transports.
func (w *world) serve(tr graphql.Transport) string {
	w.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { tr.Do(rw, r, w.exec) }))
	w.Cleanup(s.Close)
	return s.URL
}

func (w *world) post(ctx context.Context, url, accept, body string) io.ReadCloser {
	w.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		_ = resp.Body.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return resp.Body
}

// TestStockTransports: an executor is no less than what gqlgen's own
// transports expect.
func TestStockTransports(t *testing.T) {
	w := newWorld(t, nil)
	answer, err := io.ReadAll(w.post(t.Context(), w.serve(transport.POST{}), "application/json",
		`{"query": "query ($b: BigInt!) { wide_one(where: {big_one: {_eq: $b}}) { text_ } }", "variables": {"b": 9007199254740993}}`))
	if err != nil {
		t.Fatal(err)
	}
	w.equal("POST", string(answer), `{"data":{"wide_one":[{"text_":"one"}]}}`)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := bufio.NewScanner(w.post(ctx, w.serve(transport.SSE{}), "text/event-stream",
		`{"query": "subscription { trades(where: {id: {_gt: 2}}) { operation data { id } } }"}`))
	var data []string
	for len(data) < 2 && events.Scan() {
		if line, ok := strings.CutPrefix(events.Text(), "data: "); ok {
			data = append(data, line)
		}
	}
	w.equal("SSE", strings.Join(data, "\n"), `{"data":{"trades":{"operation":"INSERT","data":{"id":3}}}}`+"\n"+
		`{"data":{"trades":{"operation":"INSERT","data":{"id":4}}}}`)
}
