// Package auth decides who may do what.
//
// There is one credential, the admin secret. While none is configured everybody
// is an administrator. When one is, mutations need it; a caller without it is
// anonymous, and one with a wrong one is refused altogether, so that a mistyped
// secret shows at once.
//
// Transports call [Guard.Request] or [Guard.Init] once, put the [Identity] into
// the context, and resolvers of mutations call [RequireAdmin].
//
// Concurrency: everything here is immutable and safe for concurrent use. The
// secret is compared in constant time.
package auth
