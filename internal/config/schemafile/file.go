package schemafile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tycostream/tycostream/internal/config/expand"
	"github.com/tycostream/tycostream/internal/config/mistake"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
	"github.com/tycostream/tycostream/internal/trigger/spec"
)

// MaxBytes bounds a schema file. The largest sensible one, a thousand sources
// with a hundred columns each, has about 3 MB.
const MaxBytes = 16 << 20

// DefaultLinger is how long a lazy source stays connected when neither the
// file nor the caller says otherwise.
const DefaultLinger = 5 * time.Minute

// ErrMissing says that there is no schema file.
var ErrMissing = errors.New("there is no schema file")

// File is a schema file, read and checked.
type File struct {
	Path          string
	CamelCase     bool // naming: camelCase
	StringScalars bool // scalars: string
	Enums         []*relation.Enum
	Sources       []*source.Definition
	Triggers      map[string][]spec.Input // by source
	Warnings      mistake.List            // what works, but perhaps not as meant

	places  map[string]mistake.Mistake
	secrets []string
}

// Secrets returns what variables put into the file, and the secrets in it: texts
// that must never be printed.
func (f *File) Secrets() []string { return f.secrets }

// Options are the defaults that stand outside the file.
type Options struct {
	Linger   time.Duration // 0: DefaultLinger
	Variable expand.Lookup // for ${NAME} in triggers; nil: no variable is set
}

// Load reads the file at path. The error is ErrMissing, wrapped, when there is
// none.
func Load(path string, o Options) (*File, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, ErrMissing)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return Parse(path, text, o)
}

// Parse reads the text of a schema file; path is its name in messages. The
// error is a mistake.List.
func Parse(path string, text []byte, o Options) (*File, error) {
	if o.Linger == 0 {
		o.Linger = DefaultLinger
	}
	if o.Variable == nil {
		o.Variable = func(string) (string, error) { return "", nil }
	}
	p := &parser{
		file: &File{Path: path, places: map[string]mistake.Mistake{}}, options: o,
		enums: map[string]*relation.Enum{},
	}
	if root := p.document(text); root != nil {
		p.top(root)
	}
	if err := p.mistakes.Err(); err != nil {
		return nil, err
	}
	p.file.Warnings.Sort()
	return p.file, nil
}

// Place returns where in the file a path of keys stands, such as
// ("sources", "trades", "columns", "id"), falling back to the nearest key above
// it. Its Text is empty: fill it in.
func (f *File) Place(keys ...string) mistake.Mistake {
	for n := len(keys); n > 0; n-- {
		if m, ok := f.places[joinPath(keys[:n])]; ok {
			return m
		}
	}
	return mistake.Mistake{File: f.Path, Line: 1}
}

// document returns the root node of the only document in text, or nil.
func (p *parser) document(text []byte) *yaml.Node {
	if len(text) > MaxBytes {
		p.at(1, 0, "the file is longer than %d MiB", MaxBytes>>20)
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	err := decode(dec, &first)
	if err != nil && !errors.Is(err, io.EOF) {
		p.syntax(err)
		return nil
	}
	if err != nil || len(first.Content) == 0 || first.Content[0].Tag == "!!null" {
		p.at(1, 1, "the file is empty: it needs sources, as \"tycostream introspect\" prints them")
		return nil
	}
	switch err := decode(dec, &second); {
	case err == nil:
		p.at(max(second.Line, 1), 1, "a second YAML document starts here: keep to one")
	case !errors.Is(err, io.EOF):
		p.syntax(err)
	}
	return first.Content[0]
}

// decode shields from panics of the YAML library on hopeless input: a bad file
// must not take the process down.
func decode(dec *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return dec.Decode(into)
}
