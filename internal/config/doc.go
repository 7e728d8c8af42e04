// Package config reads the gateway's settings.
//
// One table, [Settings], says everything about every setting: its key in the
// file, its environment variables, its flag, type, default and help. Flags, the
// help text, the printed configuration, the reference in
// docs/configuration.md and all checks follow from it.
//
// A value comes from the last of these that has one, an empty text counting as
// none:
//
//	default < file (--config) < .env < environment < flag
//
// Use [AddFlags] before the command line is parsed and [Load] after it. Load
// reports every mistake it finds, not the first. Nothing here keeps state:
// a [Config] is a plain value that Load fills once.
package config

//go:generate go test -run TestReference -update .
