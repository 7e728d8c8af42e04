// Package tycostream holds the repository's own schema file, for the demo. The
// program is cmd/tycostream.
package tycostream

import _ "embed"

// Schema is the text of schema.yaml.
//
//go:embed schema.yaml
var Schema []byte
