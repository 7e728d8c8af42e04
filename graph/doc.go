// Package graph is the GraphQL API: the core schema that gqlgen compiles, and
// the execution that answers the typed schema's operations from it. The typed
// schema is built at start from the sources (graph/sdl).
//
//	document ─▶ parse, validate, limits        against the merged schema
//	         ─▶ rewrite   livePnL(where: …)  becomes  updates(source: "live_pnl", where: …)
//	         ─▶ gqlgen's generated code ─▶ resolver ─▶ filter + encoder ─▶ feed
//
// [New] builds an [Executor] from a [Model]; it is what transports need:
// gqlgen's graphql.GraphExecutor. When the sources change, build another one
// and swap it; an Executor never changes. What is about triggers is in
// graph/triggers, behind the same routes.
//
// A transport that delivers by itself puts an empty [Sink] into the context of
// DispatchOperation ([WithSink]); a subscription then only fills the sink, and
// the transport pulls encoded messages from the feed's cursor. Without a sink
// the response handler pulls over the same kind of cursor, one message per call.
//
// # Concurrency
//
// An Executor is safe for any number of goroutines. It starts none that outlive
// a call: a subscription to rows belongs to the goroutine that calls its response
// handler, and its cursor is closed when the context of DispatchOperation ends.
// Only a subscription to deliveries has one of its own, which ends with that
// context too.
//
// # A slow caller
//
// slows nobody: a response handler that is not called holds a cursor's position
// and at most one pull's messages (64 KiB and one message). A query holds the
// rows it answers until they are encoded; Limits.QueryRows bounds them.
package graph

//go:generate go tool gqlgen generate
