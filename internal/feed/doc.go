// Package feed serves one source's rows to any number of readers.
package feed
