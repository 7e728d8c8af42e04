// Package scram is the server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677)
// without channel binding:
//
//	client-first  n,,n=user,r=<nonce>
//	server-first  r=<nonce+ours>,s=<salt>,i=<iterations>
//	client-final  c=biws,r=<nonce+ours>,p=<proof>
//	server-final  v=<signature>
//
// A Server serves one exchange in one goroutine.
package scram
