// Package backendtest is the contract suite that every [source.Backend]
// passes.
//
// A backend's tests implement [Harness] over an upstream that they control (a
// private PostgreSQL cluster, the Materialize stand-in) and call [Run]:
//
//	func TestContract(t *testing.T) {
//		backendtest.Run(t, newHarness(t))
//	}
//
// Every case creates relations of its own, follows them with a recording sink
// that checks each claim of each change against the rows it holds, and
// compares the result with the rows that the harness was told to write.
//
// A harness is called from the test's goroutine alone, while the backend runs
// in others.
package backendtest
