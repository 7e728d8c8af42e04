// Package triggers answers the part of the GraphQL API that is about triggers
// and their deliveries: it reads inputs, asks the engine, and says in the
// API's words what came of it.
//
// Everything here needs the admin secret when one is set, reading included:
// [API.begin] is the one place that looks, and every method goes through it.
// Secrets, the values of headers and passwords in addresses are never answered.
//
// # Concurrency
//
// An [API] is safe for any number of goroutines. [API.Follow] starts one that
// ends with its context, or when the deliverer is closed.
package triggers
