// Package jsontext reads the JSON that clients send, and writes the little that
// no encoder has written already.
//
// [Decode] keeps the digits of numbers, takes exactly one value and words
// mistakes for the people who write clients. [Append] does not escape what is
// only special in HTML.
//
// Both are functions of their arguments, safe for any use.
package jsontext
