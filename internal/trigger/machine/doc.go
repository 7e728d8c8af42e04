// Package machine is the state of one row under one trigger: when it fires, when
// it clears, and for what it waits. It computes and nothing else: the time is
// given, and what follows from a step is the caller's to do.
package machine
