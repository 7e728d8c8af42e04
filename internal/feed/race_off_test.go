//go:build !race

package feed_test

const modelSeeds = 150
