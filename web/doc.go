// Package web holds the pages that the gateway serves to browsers, and serves
// them: today the playground, GraphiQL with nothing left on other hosts.
//
//	mux.Handle("/playground", web.Handler())
//	mux.Handle("/playground/", web.Handler())
//
// The pages are built from the sources beside this file into dist, by npm, and
// dist is committed: building the program needs no Node. web/README.md tells
// how to build, and verify.sh that dist is what the sources give.
//
// Every file exists as it is and, if that is smaller, compressed by brotli and
// gzip; Accept-Encoding chooses. Names of assets carry a hash of their content,
// so browsers may keep them for ever; pages are asked for again each time, and
// answered with 304 when they are the same. A content policy allows a page
// what lies on its own origin and nothing else: no inline script, no inline
// style, no font, and connections only to the gateway.
//
// Concurrency: a handler is read-only once made; it may serve any number of
// requests at once. All content is in memory, and a slow client holds its own
// goroutine alone.
package web
