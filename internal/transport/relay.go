package transport

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/jsontext"
)

// RelaySource is a source as the relay and row channels serve it.
type RelaySource struct {
	Name          string           // in schema.yaml
	Field         string           // of one row per message, in GraphQL
	Table         string           // in the database
	Schema        *relation.Schema // nil while the columns are not known
	Feed          *feed.Feed       // nil with Schema
	StringScalars bool             // schema.yaml's scalars: string, for JSON lines
	Anomalies     *codec.Anomalies // counts the cells that had to be written as null; may be nil
}

func (s *RelaySource) shape() codec.Shape {
	return codec.Shape{Schema: s.Schema, StringScalars: s.StringScalars, Anomalies: s.Anomalies}
}

// columnsUnknown refuses who comes before the database has answered.
const columnsUnknown = "the source's columns are not known yet: try again"

// thereAre lists what clients can ask for.
func thereAre(sources []RelaySource) string {
	if len(sources) == 0 {
		return "there are no sources"
	}
	names := make([]string, len(sources))
	for i := range sources {
		names[i] = sources[i].Name
	}
	return "there are: " + strings.Join(names, ", ")
}

// compile compiles a client's filter of a source whose columns are known.
// Clients see rows under the database's names, and may use them.
func (h *Handler) compile(s *RelaySource, where map[string]any) (*filter.Predicate, error) {
	if n := filter.Size(where); n > h.opts.FilterSize {
		return nil, fmt.Errorf("where: the filter holds %d operators and values: the limit is %d, the setting limits.filter_size", n, h.opts.FilterSize)
	}
	options := []filter.Option{filter.DatabaseNames()}
	if s.StringScalars {
		options = append(options, filter.JSONText())
	}
	return filter.Compile(s.Schema, where, options...)
}

// The relay's formats.
const (
	tsvType   = "text/tab-separated-values; charset=utf-8"
	jsonlType = "application/x-ndjson; charset=utf-8"
)

// kindLines is the relay's kind of subscription in Stats.
const kindLines = "stream"

// relayed is a request of the relay, understood.
type relayed struct {
	source RelaySource
	media  string
	header []byte // what goes before the rows
	enc    feed.Encoder
	where  *filter.Predicate
}

func (q *relayed) open(wake func()) delivery.Source {
	return q.source.Feed.Subscribe(feed.Options{Where: q.where, Encoder: q.enc}, wake)
}

// Relay returns the handler of /stream/{source}: the source's rows as lines, a
// snapshot first and then every change. It takes a GET or a WebSocket, and the
// parameters format (tsv or jsonl) and where (a filter as JSON). The source's
// name is the path's last part.
func (h *Handler) Relay() http.Handler { return http.HandlerFunc(h.serveRelay) }

func (h *Handler) serveRelay(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "the relay takes GET", http.StatusMethodNotAllowed)
		return
	}
	q, bad := h.understand(r)
	if bad != nil {
		if bad.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "5")
		}
		http.Error(w, bad.text, bad.status)
		return
	}
	if isUpgrade(r) {
		h.relayWebSocket(w, r, q)
		return
	}
	s, ctx, done := h.openStream(w, r, KindRelay, q.media, q.header)
	if s == nil {
		return
	}
	defer done()
	out := h.stats.subscribed(q.source.Name, kindLines)
	defer out()
	add := func(dst, line []byte) []byte { return append(dst, line...) }
	_ = s.pump(ctx, q.open, add, nil) // lines have no word for why it ended
	s.finish()
}

func (h *Handler) understand(r *http.Request) (*relayed, *httpError) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	q := &relayed{media: tsvType}
	all := h.opts.Relay()
	i := slices.IndexFunc(all, func(s RelaySource) bool { return s.Name == name })
	if i < 0 {
		return nil, &httpError{http.StatusNotFound, fmt.Sprintf("there is no source %.80q; %s", name, thereAre(all))}
	}
	q.source = all[i]
	if q.source.Schema == nil {
		return nil, &httpError{http.StatusServiceUnavailable, columnsUnknown}
	}
	params := r.URL.Query()
	switch params.Get("format") {
	case "", "tsv":
		q.enc, q.header = codec.TSV(q.source.Schema), codec.TSVHeader(q.source.Schema)
	case "jsonl":
		q.media = jsonlType
		q.enc = codec.JSONLines(q.source.shape())
	default:
		return nil, &httpError{http.StatusBadRequest, fmt.Sprintf("format must be tsv or jsonl, and not %.80q", params.Get("format"))}
	}
	if text := params.Get("where"); text != "" {
		var where map[string]any
		err := jsontext.Decode([]byte(text), &where)
		if err == nil {
			q.where, err = h.compile(&q.source, where)
		}
		if err != nil {
			return nil, &httpError{http.StatusBadRequest, "where: " + err.Error()}
		}
	}
	return q, nil
}

// lines is a WebSocket that carries a relay's lines, one text frame each.
type lines struct{ *peer }

func (h *Handler) relayWebSocket(w http.ResponseWriter, r *http.Request, q *relayed) {
	nc, _, ok := h.upgrade(w, r)
	if !ok {
		return
	}
	l := &lines{newPeer(h, nc, KindRelayWS)}
	if err := h.accept(l, KindRelayWS); err != nil {
		l.Refuse(codeTryLater, err.Error())
		return
	}
	h.shutLate(l)
	go l.run(q) // see serveWebSocket
}

// run starts the stream and reads, for the sake of pings and of the end; what
// a client says is ignored.
func (l *lines) run(q *relayed) {
	l.Arm(l.h.opts.PingInterval)
	if len(q.header) > 0 {
		l.Send(trimLine(q.header))
	}
	s := l.NewStream(delivery.Envelope{}, func(err error) []byte {
		text := "the stream ended: connect again"
		if e, ok := errors.AsType[*feed.Error](err); ok {
			text = e.Text
		}
		l.shut(codeTryLater, text)
		return nil
	})
	s.Attach(&counted{trimmed{q.open(s.Wake)}, l.h.stats.subscribed(q.source.Name, kindLines)})
	for ok := true; ok; {
		_, ok = l.Read(func() bool { return false }, l.shut)
	}
	l.abort()
	s.Close()
	l.h.release(l, KindRelayWS, l.Code())
}

// trimmed takes the line ends off: frames separate the lines.
type trimmed struct{ delivery.Source }

func (t trimmed) Pull(limit int, emit func([]byte)) (bool, error) {
	return t.Source.Pull(limit, func(line []byte) { emit(trimLine(line)) })
}

func trimLine(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		return line[:n-1]
	}
	return line
}
