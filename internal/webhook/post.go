package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tycostream/tycostream/internal/webhook/sign"
)

const (
	// maxRetryAfter bounds what a receiver may ask for.
	maxRetryAfter = 24 * time.Hour

	// drainBytes of an answer are read, so that the connection can be used
	// again; one with more is closed.
	drainBytes = 16 << 10

	maxHeaderBytes = 64 << 10
)

// newClient returns a client that dials through the guard, follows no redirect
// and keeps no cookies. Endpoints with another policy have a client of their
// own: a connection to a private address is not for those that may not have
// one.
func newClient(o *Options, set Settings, private bool) *http.Client {
	t := &http.Transport{
		Proxy: o.Proxy, DialContext: o.Dial(private), ForceAttemptHTTP2: true, DisableCompression: true,
		MaxIdleConns: 2 * set.InFlight, MaxIdleConnsPerHost: set.PerEndpoint, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: maxHeaderBytes,
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// originOf returns scheme, host and port, or for what is no URL the text.
func originOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// answer is what came back.
type answer struct {
	status     int // 0: nothing
	excerpt    string
	retryAfter time.Duration
	ours       bool // the request could not be made: nobody was asked
	connected  bool
}

// verdict says what the answer tells of the endpoint. What is wrong with one
// request, any other 4xx or a redirect, says that the endpoint is alive.
func (a *answer) verdict() verdict {
	switch {
	case a.ours:
		return verdict{}
	case a.status == http.StatusTooManyRequests, a.status == http.StatusBadGateway, a.status == http.StatusGatewayTimeout,
		a.status == http.StatusServiceUnavailable && a.retryAfter > 0:
		return verdict{failed: true, connected: true, throttled: true, wait: a.retryAfter}
	case a.status == 0, a.status >= 500:
		return verdict{failed: true, connected: a.connected, wait: a.retryAfter}
	}
	return verdict{alive: true}
}

// post makes one request.
func (d *Deliverer) post(ctx context.Context, end Endpoint, del *Delivery) answer {
	limit := or(end.Timeout, d.set.Timeout)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var connected atomic.Bool // the transport may go on dialing when it has given up
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	req, err := d.request(ctx, end, del)
	if err != nil {
		return answer{excerpt: Excerpt(err.Error()), ours: true}
	}
	i := 0
	if end.Private {
		i = 1
	}
	resp, err := d.clients[i].Do(req)
	if err != nil {
		return answer{excerpt: Excerpt(reason(err, limit)), connected: connected.Load()}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, drainBytes))
	if err != nil && resp.StatusCode/100 != 2 {
		return answer{excerpt: Excerpt(reason(err, limit)), connected: true}
	}
	return answer{connected: true, status: resp.StatusCode, excerpt: Excerpt(string(body)), retryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
}

// request builds the request; the endpoint's own headers cannot replace ours.
func (d *Deliverer) request(ctx context.Context, end Endpoint, del *Delivery) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, end.URL, bytes.NewReader(del.Body))
	if err != nil {
		return nil, errors.New("the webhook is no URL")
	}
	for name, value := range end.Header {
		req.Header.Set(name, value)
	}
	now := time.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "tycostream/"+d.opts.Version)
	req.Header.Set(sign.HeaderID, del.ID)
	req.Header.Set(sign.HeaderTimestamp, sign.Timestamp(now))
	req.Header.Del(sign.HeaderSignature)
	if len(end.Secrets) == 0 {
		return req, nil
	}
	keys := make([]sign.Key, len(end.Secrets))
	for i, secret := range end.Secrets {
		if keys[i], err = sign.Parse(secret); err != nil {
			return nil, err
		}
	}
	req.Header.Set(sign.HeaderSignature, sign.Signature(keys, del.ID, now, del.Body))
	return req, nil
}

// reason says why there was no answer, without the URL: it may hold a secret.
func reason(err error, limit time.Duration) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", limit)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return err.Error()
}

// retryAfter reads the header: seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if text == "" {
		return 0
	}
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// Excerpt cleans a text for storing and showing: valid UTF-8 without control
// characters, runs of space as one, at most [ExcerptBytes].
func Excerpt(text string) string {
	if len(text) > 4*ExcerptBytes {
		text = text[:4*ExcerptBytes]
	}
	var b strings.Builder
	space := false
	for _, r := range text {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			space = b.Len() > 0
			continue
		}
		if !unicode.IsPrint(r) {
			r = utf8.RuneError
		}
		n := utf8.RuneLen(r)
		if space {
			n++
		}
		if b.Len()+n > ExcerptBytes {
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
