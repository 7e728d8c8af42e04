package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func get(t *testing.T, h http.Handler, method, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	res := w.Result()
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func content(t *testing.T, res *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var titles = map[string]string{"/": "<title>tycostream</title>", "/playground": "<title>tycostream playground</title>"}

func TestPages(t *testing.T) {
	for path, title := range titles {
		t.Run(path, func(t *testing.T) { checkPage(t, path, title) })
	}
}

func checkPage(t *testing.T, path, title string) {
	t.Helper()
	res := get(t, Handler(), http.MethodGet, path+"?query=x")
	page := string(content(t, res))
	for name, want := range map[string]string{
		"Content-Type":            "text/html; charset=utf-8",
		"Cache-Control":           "no-cache",
		"Vary":                    "Accept-Encoding",
		"Content-Encoding":        "",
		"X-Content-Type-Options":  "nosniff",
		"Content-Security-Policy": policies[path],
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if res.StatusCode != http.StatusOK || !strings.Contains(page, title) {
		t.Errorf("%d: not the page: %.200s", res.StatusCode, page)
	}
}

// The policy forbids inline scripts and styles and other hosts; a page that
// had some would be broken in the browser only.
func TestPagesKeepTheirPolicies(t *testing.T) {
	for path := range titles {
		page := string(content(t, get(t, Handler(), http.MethodGet, path)))
		for name, bad := range map[string]*regexp.Regexp{
			"inline script": regexp.MustCompile(`(?is)<script[^>]*>\s*[^<\s]`),
			"inline style":  regexp.MustCompile(`(?i)<style|\sstyle=`),
			"inline event":  regexp.MustCompile(`(?i)\son[a-z]+=`),
			"other host":    regexp.MustCompile(`(?i)(src|href)="(https?:)?//`),
			"absolute path": regexp.MustCompile(`(?i)(src|href)="/`), // would not survive a proxy's prefix
		} {
			if found := bad.FindString(page); found != "" {
				t.Errorf("%s: %s: %s", path, name, found)
			}
		}
	}
	for path, loose := range map[string][]string{
		"/":           {"http:", "https:", "*", "'unsafe-eval'", "script-src 'self' 'unsafe-inline'"},
		"/playground": {"unsafe", "http:", "https:", "*", "blob:"},
	} {
		for _, text := range loose {
			if strings.Contains(policies[path], text) {
				t.Errorf("the policy of %s allows %s", path, text)
			}
		}
	}
}

func TestPageNamesAssetsThatExist(t *testing.T) {
	for path := range titles {
		checkAssets(t, path)
	}
}

func checkAssets(t *testing.T, page string) {
	t.Helper()
	h := Handler()
	page = string(content(t, get(t, h, http.MethodGet, page)))
	names := regexp.MustCompile(`(?:src|href)="\./([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(names) < 3 {
		t.Fatalf("only %d references in %s", len(names), page)
	}
	for _, m := range names {
		res := get(t, h, http.MethodGet, path.Join("/", m[1]))
		if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != cacheAsset {
			t.Errorf("%s: %d, Cache-Control %q", m[1], res.StatusCode, res.Header.Get("Cache-Control"))
		}
	}
}

// Every embedded file is served as itself or is a compressed form of one, and
// every compressed form holds what the plain file does.
func TestEveryFile(t *testing.T) {
	h := Handler()
	files := 0
	err := fs.WalkDir(dist, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		ext := path.Ext(name)
		if ext == ".br" || ext == ".gz" {
			if _, err := fs.Stat(dist, strings.TrimSuffix(name, ext)); err != nil {
				t.Errorf("%s has no plain file", name)
			}
			return nil
		}
		files++
		want, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		target := strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(name, "dist"), ".html"), "index")
		plain := get(t, h, http.MethodGet, target)
		if got := content(t, plain); plain.StatusCode != http.StatusOK || !bytes.Equal(got, want) {
			t.Errorf("%s: %d, %d bytes, want %d", target, plain.StatusCode, len(got), len(want))
		}
		if got := plain.Header.Get("Content-Type"); got != contentTypes[ext] {
			t.Errorf("%s: Content-Type %q", target, got)
		}
		if ext == ".md" || ext == ".wasm" {
			return nil // read by nobody often enough; compressed as it is
		}
		if len(want) > 300 { // shorter ones may not shrink
			checkEncoded(t, h, target, want)
		}
		return nil
	})
	if err != nil || files < 6 {
		t.Errorf("%d files, error %v", files, err)
	}
}

func checkEncoded(t *testing.T, h http.Handler, target string, want []byte) {
	t.Helper()
	res := get(t, h, http.MethodGet, target, "Accept-Encoding", "gzip")
	if res.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%s: no gzip form", target)
		return
	}
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Errorf("%s: %v", target, err)
		return
	}
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: the gzip form differs (%v)", target, err)
	}
	res = get(t, h, http.MethodGet, target, "Accept-Encoding", "gzip, deflate, br, zstd")
	if got := content(t, res); res.Header.Get("Content-Encoding") != "br" || len(got) >= len(want) {
		t.Errorf("%s: no brotli form", target)
	}
}

// build is a small one, with a file that compression makes longer.
func build() *handler {
	files, err := load(fstest.MapFS{
		"dist/index.html":        {Data: []byte("<!doctype html>")},
		"dist/playground.html":   {Data: []byte("<!doctype html>")},
		"dist/assets/a-1.js":     {Data: []byte("plain and long")},
		"dist/assets/a-1.js.br":  {Data: []byte("brotli")},
		"dist/assets/a-1.js.gz":  {Data: []byte("gzipped")},
		"dist/assets/b-2.svg":    {Data: []byte("svg")},
		"dist/assets/b-2.svg.br": {Data: []byte("longer")},
		"dist/assets/c-3.css":    {Data: []byte("only gzip")},
		"dist/assets/c-3.css.gz": {Data: []byte("gz")},
	})
	if err != nil {
		panic(err)
	}
	return &handler{files}
}

func TestEncodings(t *testing.T) {
	h := build()
	const js, svg, css = "/assets/a-1.js", "/assets/b-2.svg", "/assets/c-3.css"
	for _, test := range []struct{ name, target, accept, want, encoding string }{
		{"nothing said", js, "", "plain and long", ""},
		{"identity", js, "identity", "plain and long", ""},
		{"gzip", js, "gzip", "gzipped", "gzip"},
		{"brotli is preferred", js, "gzip, deflate, br", "brotli", "br"},
		{"any case", js, "BR", "brotli", "br"},
		{"brotli refused", js, "br;q=0, gzip", "gzipped", "gzip"},
		{"brotli refused with decimals", js, "br; q=0.000, gzip;q=0.5", "gzipped", "gzip"},
		{"weights", js, "br;q=0.1, gzip;q=1", "brotli", "br"},
		{"anything", js, "*", "brotli", "br"},
		{"anything but brotli", js, "*, br;q=0", "gzipped", "gzip"},
		{"nothing", js, "*;q=0", "plain and long", ""},
		{"a weight that is none", js, "br;q=x, gzip", "gzipped", "gzip"},
		{"a name that only begins so", js, "brotli, gzipped", "plain and long", ""},
		{"a longer form is not used", svg, "br", "svg", ""},
		{"a form that is missing", css, "br, gzip", "gz", "gzip"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var header []string
			if test.accept != "" {
				header = []string{"Accept-Encoding", test.accept}
			}
			res := get(t, h, http.MethodGet, test.target, header...)
			if got := string(content(t, res)); got != test.want || res.Header.Get("Content-Encoding") != test.encoding {
				t.Errorf("%q in coding %q, want %q in %q", got, res.Header.Get("Content-Encoding"), test.want, test.encoding)
			}
			if res.Header.Get("Vary") != "Accept-Encoding" {
				t.Error("Vary does not name Accept-Encoding: a shared cache would mix the forms")
			}
		})
	}
}

func TestConditional(t *testing.T) {
	h := build()
	const target = "/assets/a-1.js"
	plain := get(t, h, http.MethodGet, target).Header.Get("ETag")
	brotli := get(t, h, http.MethodGet, target, "Accept-Encoding", "br").Header.Get("ETag")
	if plain == "" || plain == brotli {
		t.Fatalf("tags %q and %q must differ", plain, brotli)
	}
	for _, test := range []struct {
		name, tag string
		want      int
	}{
		{"same", plain, 304},
		{"weak", "W/" + plain, 304},
		{"in a list", `"other", ` + plain, 304},
		{"any", "*", 304},
		{"another coding's", brotli, 200},
		{"other", `"other"`, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := get(t, h, http.MethodGet, target, "If-None-Match", test.tag)
			if res.StatusCode != test.want || res.Header.Get("ETag") != plain {
				t.Errorf("%d with tag %q", res.StatusCode, res.Header.Get("ETag"))
			}
			if n := len(content(t, res)); (n == 0) != (test.want == 304) {
				t.Errorf("%d bytes", n)
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	h := build()
	for _, test := range []struct {
		name, method, target string
		status               int
		location             string
	}{
		{"front page", http.MethodGet, "/", 200, ""},
		{"front page by its file", http.MethodGet, "/index.html", 404, ""},
		{"front page by its name", http.MethodGet, "/index", 404, ""},
		{"slash", http.MethodGet, "/playground/", 302, "/playground"},
		{"head", http.MethodHead, "/playground", 200, ""},
		{"suffix", http.MethodGet, "/playground.html", 404, ""},
		{"missing asset", http.MethodGet, "/assets/none.js", 404, ""},
		{"compressed form by name", http.MethodGet, "/assets/a-1.js.br", 404, ""},
		{"folder", http.MethodGet, "/assets/", 404, ""},
		{"way out", http.MethodGet, "/playground/../doc.go", 404, ""},
		{"post", http.MethodPost, "/playground", 405, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := get(t, h, test.method, test.target)
			if res.StatusCode != test.status || res.Header.Get("Location") != test.location {
				t.Errorf("%d %q, want %d %q", res.StatusCode, res.Header.Get("Location"), test.status, test.location)
			}
			if test.method == http.MethodHead && (len(content(t, res)) > 0 || res.Header.Get("Content-Length") != "15") {
				t.Errorf("Content-Length %q", res.Header.Get("Content-Length"))
			}
			if test.status == 404 && res.Header.Get("Cache-Control") != "no-store" {
				t.Error("a missing file may be cached")
			}
			if test.status == 405 && res.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow %q", res.Header.Get("Allow"))
			}
		})
	}
}
