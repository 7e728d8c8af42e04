//go:build race

package feed_test

// modelSeeds is how many runs TestModel makes: with the race detector, which
// makes each seven times as slow, TestConcurrentReaders looks for races.
const modelSeeds = 25
