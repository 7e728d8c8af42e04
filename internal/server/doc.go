// Package server is the gateway's HTTP front: routes, origins, health, and the
// way down.
//
//	/graphql, /v1/graphql      GraphQL over POST, GET, WebSocket, server-sent events
//	/stream/{source}           the relay
//	/, /playground             pages
//	/livez, /healthz           the process is alive
//	/readyz, /ready, /health   required sources have been live, and nobody shuts us down
//	/metrics                   for Prometheus
//	/debug/pprof/              on the internal port only
//
// With an internal port, health, metrics and profiles are there alone. With a
// certificate the clients' port speaks TLS, HTTP/2 too; the internal one never
// does. A renewed certificate is taken from its files without a restart.
//
// [Server.Listen] opens the ports, [Server.Serve] serves until its context ends
// and then drains: readiness fails, long-lived connections are closed spread
// over the grace period, requests end, ports close.
//
// Concurrency: all methods may be called from any goroutine, Serve once. A slow
// client holds its own goroutine; the time-outs of requests are set here and
// by the handlers, those of streams by the handlers.
package server
