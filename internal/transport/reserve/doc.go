// Package reserve keeps what clients have reserved, under tokens that nobody can
// guess.
//
//	Add ──▶ reserved ──Claim──▶ claimed ──Remove──▶ gone
//	            │ ▲               │
//	 time is up │ └───Release─────┘
//	            ▼
//	         closed
//
// A [Book] is bounded: in its number of reservations, and in how long one may
// wait for its claim.
//
// # Concurrency
//
// All methods may be called from any goroutine; none but Close blocks. Whose
// time is up is closed by a goroutine of its own, which Close waits for.
package reserve
