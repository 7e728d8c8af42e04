//go:build tools

// Package tools names the code generators that go.mod pins.
package tools

import _ "github.com/99designs/gqlgen"
