package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed dist
var dist embed.FS

// The pages' paths.
const (
	live       = "/"
	playground = "/playground"
)

// policies are the pages' content policies. GraphiQL's style sheet draws three
// of its marks by data: images. Perspective compiles WebAssembly, starts its
// worker and loads its columns' renderer from blob: URLs, and writes styles
// into its elements; nothing of that is from elsewhere.
var policies = map[string]string{ //nolint:gochecknoglobals // a table that nobody writes
	live: "default-src 'none'; script-src 'self' blob: 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; " +
		"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; " + common,
	playground: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " + common,
}

const common = "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

const (
	cachePage  = "no-cache"                            // keep it, but ask each time
	cacheAsset = "public, max-age=31536000, immutable" // the name changes with the content
)

// contentTypes are ours and not the machine's: mime.TypeByExtension reads
// files of the system that may say otherwise.
var contentTypes = map[string]string{ //nolint:gochecknoglobals // a table that nobody writes
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".md":   "text/markdown; charset=utf-8",
	".svg":  "image/svg+xml",
	".wasm": "application/wasm", // or browsers do not compile it while it comes
}

// encodings are the content codings that files come in, the preferred first,
// with the suffix of the files that hold them.
var encodings = [...]struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}} //nolint:gochecknoglobals // as above

// file is one answer: a path's content in each of its codings.
type file struct {
	contentType string
	cache       string
	policy      string // of a page
	plain       body
	encoded     [len(encodings)]body // empty where there is none
}

// body is what a file holds. It stays where it is embedded: reading it all would
// have it in memory twice.
type body struct {
	root fs.FS
	name string
	size int64
	etag string
}

type handler struct{ files map[string]*file }

// Handler returns the handler of the live page at /, of /playground, and of
// what the two are made of.
func Handler() http.Handler {
	files, err := load(dist)
	if err != nil {
		panic("web: the embedded files cannot be read: " + err.Error()) // they are part of the program
	}
	return &handler{files}
}

// load reads a build: *.html files at its top are pages, found without their
// suffix, all others are assets.
func load(build fs.FS) (map[string]*file, error) {
	files := make(map[string]*file)
	root, err := fs.Sub(build, "dist")
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		kind, known := contentTypes[path.Ext(name)]
		if !known {
			return nil // a compressed form, read with the file that it belongs to
		}
		f := &file{contentType: kind, cache: cachePage}
		at := "/" + name
		switch {
		case path.Ext(name) == ".html":
			at = strings.TrimSuffix(strings.TrimSuffix(at, ".html"), "index")
			if f.policy = policies[at]; f.policy == "" {
				return fmt.Errorf("the page %s has no content policy", name)
			}
		case path.Base(path.Dir(name)) == "assets":
			f.cache = cacheAsset
		}
		if f.plain, err = read(root, name); err != nil {
			return err
		}
		for i, e := range encodings {
			b, err := read(root, name+e.suffix)
			if err == nil && b.size < f.plain.size {
				f.encoded[i] = b
			}
		}
		files[at] = f
		return nil
	})
	return files, err
}

func read(root fs.FS, name string) (body, error) {
	sum := sha256.New()
	b := body{root: root, name: name}
	var err error
	if b.size, err = b.writeTo(sum); err != nil {
		return body{}, err
	}
	b.etag = `"` + base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:12]) + `"`
	return b, nil
}

func (b *body) writeTo(w io.Writer) (int64, error) {
	f, err := b.root.Open(b.name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	return io.Copy(w, f)
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	if r.URL.Path == playground+"/" {
		header.Set("Cache-Control", cachePage)
		http.Redirect(w, r, playground, http.StatusFound)
		return
	}
	f, ok := h.files[r.URL.Path]
	if !ok {
		header.Set("Cache-Control", "no-store") // the next version may have it
		http.Error(w, "no such page", http.StatusNotFound)
		return
	}
	f.serve(w, r)
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	chosen := f.plain
	header.Add("Vary", "Accept-Encoding")
	for i, b := range f.encoded {
		if b.name != "" && accepts(r.Header.Values("Accept-Encoding"), encodings[i].name) {
			chosen = b
			header.Set("Content-Encoding", encodings[i].name)
			break
		}
	}
	header.Set("Cache-Control", f.cache)
	header.Set("ETag", chosen.etag)
	if f.policy != "" {
		header.Set("Content-Security-Policy", f.policy)
	}
	if matches(r.Header.Get("If-None-Match"), chosen.etag) {
		header.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", f.contentType)
	header.Set("Content-Length", strconv.FormatInt(chosen.size, 10))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = chosen.writeTo(w) // a client that has gone is nobody's fault
}

// accepts reports whether the values of Accept-Encoding allow a coding. Its
// own entry beats that of "*".
func accepts(values []string, coding string) bool {
	allowed := false
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			switch name = strings.TrimSpace(name); {
			case strings.EqualFold(name, coding):
				return !refused(parameters)
			case name == "*":
				allowed = !refused(parameters)
			}
		}
	}
	return allowed
}

// refused reports whether an entry's parameters say q=0.
func refused(parameters string) bool {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "q") {
			q, err := strconv.ParseFloat(value, 64)
			return err != nil || q <= 0
		}
	}
	return false
}

// matches reports whether a list of If-None-Match holds the tag. Proxies that
// compress make tags weak.
func matches(list, etag string) bool {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
		if item == etag || item == "*" {
			return true
		}
	}
	return false
}
