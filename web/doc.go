// Package web holds the pages that the gateway serves to browsers, and serves
// them: at / the live page, rows in a grid that moves, triggers and sources; at
// /playground GraphiQL. Nothing of them is left on other hosts.
//
//	h := web.Handler()
//	for _, path := range []string{"/{$}", "/assets/", "/licenses.md", "/playground", "/playground/"} {
//		mux.Handle(path, h)
//	}
//
// The pages are built from the sources beside this file into dist, by npm, and
// dist is committed: building the program needs no Node. web/README.md tells
// how to build, and verify.sh that dist is what the sources give.
//
// Every file exists as it is and, if that is smaller, compressed by brotli and
// gzip; Accept-Encoding chooses. Names of assets carry a hash of their content,
// so browsers may keep them for ever; pages are asked for again each time, and
// answered with 304 when they are the same. A content policy of its own allows
// each page what lies on its origin and nothing else: no inline script, and
// connections only to the gateway.
//
// Concurrency: a handler is read-only once made; it may serve any number of
// requests at once. All content is in memory, and a slow client holds its own
// goroutine alone.
package web
