package source

import "errors"

// What a backend's error may wrap, beside its class.
var (
	// ErrMalformed: upstream sent what cannot be read. Everything since the
	// last whole time was dropped.
	ErrMalformed = errors.New("malformed data from upstream")

	// ErrStalled: upstream has been silent for too long.
	ErrStalled = errors.New("upstream is silent")

	// ErrComplete: the input is finite and has been delivered whole. The
	// source stays live; the backend has waited before it returned this, and
	// the next Follow takes a snapshot to see whether anything was redefined.
	ErrComplete = errors.New("the input is complete")

	// ErrChanged: the relation was redefined between look-up and stream.
	ErrChanged = errors.New("the relation changed while connecting")
)

// Why a supervisor ends a Follow. Backends return them as the context's cause.
var (
	errUnwanted = errors.New("nobody needs the source")
	errRejoin   = errors.New("a source joins the stream again")
)

// errEnded stands for a Follow that ended without an error.
var errEnded = &Error{Class: Retry, Text: "the stream from the database ended"}
