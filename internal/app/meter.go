package app

import (
	"time"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/histogram"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// meter is a feed as its source writes to it, with a clock on top: it notes how
// long snapshots take and how old changes are when readers see them. The
// histograms may be read at any time; the writer's methods are one goroutine's
// at a time, as the feed's are.
type meter struct {
	*feed.Feed

	loading   time.Time // since when Load stages a snapshot; zero: it does not
	snapshots histogram.Histogram
	freshness histogram.Histogram
}

// Load implements source.Feed.
func (m *meter) Load(rows []relation.Row) error {
	if m.loading.IsZero() {
		m.loading = time.Now()
	}
	return m.Feed.Load(rows)
}

// Abort implements source.Feed.
func (m *meter) Abort() {
	m.loading = time.Time{}
	m.Feed.Abort()
}

// Commit implements source.Feed.
func (m *meter) Commit(f relation.Frontier) error {
	began := m.loading
	m.loading = time.Time{}
	if err := m.Feed.Commit(f); err != nil {
		return err
	}
	took := time.Duration(0) // of a snapshot without rows
	if !began.IsZero() {
		took = time.Since(began)
	}
	m.snapshots.Observe(took)
	return nil
}

// Apply implements source.Feed.
func (m *meter) Apply(batches []relation.Batch, f relation.Frontier) error {
	if err := m.Feed.Apply(batches, f); err != nil {
		return err
	}
	if len(batches) == 0 {
		return nil
	}
	now := time.Now().UnixMicro()
	for i := range batches {
		m.freshness.Observe(time.Duration(now-batches[i].Wall) * time.Microsecond)
	}
	return nil
}

var _ source.Feed = (*meter)(nil)
