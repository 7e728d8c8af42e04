//go:build !linux

package main

// onCore calls start: other systems have no portable way to bind a process to
// a core.
func onCore(_ int, start func() error) error { return start() }
