package codec

import (
	"iter"
	"sync/atomic"

	"github.com/tycostream/tycostream/internal/relation"
)

// Fault is a reason why a cell that is not NULL was written as null.
type Fault uint8

// The faults that are counted.
const (
	OutsideInt32 Fault = iota + 1 // an Integer beyond GraphQL's Int
	OutsideEnum                   // not one of the enum's values
	Malformed                     // text that the column's kind cannot hold

	faults = int(Malformed)
)

var faultNames = [...]string{"", "outside int32", "outside enum", "malformed"}

// String returns the fault in words, for logs.
func (f Fault) String() string { return faultNames[f] }

// Anomalies counts, per column, the cells that encoders wrote as null because
// of their text. A cell counts once for each time it is encoded, so the figures
// say that something is wrong and where, not how many rows have it. Safe for
// concurrent use; share one per source through [Shape].
type Anomalies struct {
	columns []string
	counts  [][faults]atomic.Uint64
}

// NewAnomalies returns zeroed counters for the schema's columns.
func NewAnomalies(s *relation.Schema) *Anomalies {
	a := &Anomalies{counts: make([][faults]atomic.Uint64, len(s.Columns))}
	for i := range s.Columns {
		a.columns = append(a.columns, s.Columns[i].Name)
	}
	return a
}

// Anomaly is one counter.
type Anomaly struct {
	Column string // database name
	Fault  Fault
	Count  uint64
}

// Count returns how often fault f was met in column i.
func (a *Anomalies) Count(i int, f Fault) uint64 { return a.counts[i][f-1].Load() }

// All yields the counters that are not zero, in schema order.
func (a *Anomalies) All() iter.Seq[Anomaly] {
	return func(yield func(Anomaly) bool) {
		for i, name := range a.columns {
			for f := range a.counts[i] {
				n := a.counts[i][f].Load()
				if n > 0 && !yield(Anomaly{Column: name, Fault: Fault(f + 1), Count: n}) {
					return
				}
			}
		}
	}
}
