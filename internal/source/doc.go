// Package source supervises ingest: it keeps every source's feed in step with
// an upstream database, through whatever happens to the connection.
//
// A [Backend] speaks one upstream's protocol, connects once and reports whole
// upstream times to a [Sink]. A [Supervisor] owns the sinks: it decides when to
// connect, goes on from the last position or takes a snapshot that the feed
// compares with what it has, and turns errors into states and waits.
//
//	s := source.NewSupervisor(backend, sources, source.Settings{...})
//	s.Run(ctx) // until ctx ends
//
// A [Definition] is a source as schema.yaml declares it; [Definition.Resolve]
// brings it together with what the catalog knows.
//
// # Concurrency
//
//   - Run starts a goroutine for each source, or one for all sources of a shared
//     backend, and returns when they are gone.
//   - The writer's methods of a feed are called by one goroutine at a time.
//   - Stats may be called from any goroutine at any time.
//   - Nothing here waits for readers: a feed's Apply does not, and OnSchema must
//     not.
//
// See DESIGN.md.
package source
