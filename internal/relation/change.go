package relation

// Op says what upstream did to a row, and how much it claims to know.
type Op uint8

// Insert, Update and Delete are exact claims, as netted diffs give them: the
// table refuses one that does not hold, because that proves the declared key
// is not unique. Put and Remove claim nothing about what was there before.
const (
	Insert Op = iota + 1 // New appears; the key must not be live
	Update               // Old becomes New; the live row must equal Old
	Delete               // Old goes; the live row must equal Old
	Put                  // New stands, whatever was there
	Remove               // the key of Old is gone; Old need hold only key cells
)

// Change is one change of one key at one upstream time.
type Change struct {
	Op  Op
	Old Row // Update, Delete, Remove
	New Row // Insert, Update, Put
}

// Batch is everything that happened at one upstream time: it becomes visible
// whole or not at all.
type Batch struct {
	Time    uint64 // mz_timestamp in milliseconds, or commit LSN
	Wall    int64  // wall clock of Time, microseconds since the Unix epoch
	Changes []Change
}

// Frontier says how far upstream has come: every change at Time and before has
// been delivered. (Materialize's progress row at F is the frontier F-1.)
type Frontier struct {
	Time uint64
	Wall int64 // wall clock of Time, microseconds since the Unix epoch
}
