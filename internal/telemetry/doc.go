// Package telemetry sets up what the process says about itself: the log, the
// metrics and the version.
//
// [NewLogger] makes the one logger that everything else is given. [NewRegistry]
// makes a metrics registry; a [Collector] in it asks for [Stats], plain numbers,
// whenever somebody scrapes, so that the hot paths only count and never know of
// metrics. Labels are names from schema.yaml and words from fixed lists: their
// number does not grow with clients. docs/metrics.md lists the metrics, and a
// test keeps that list complete.
//
// Loggers, registries and a [Limiter] are safe for concurrent use.
package telemetry
