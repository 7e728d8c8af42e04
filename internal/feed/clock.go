package feed

import "time"

// start is where Now's clock begins.
var start = time.Now()

// Now returns nanoseconds of a clock that never goes back, for latencies
// within this process.
func Now() int64 { return int64(time.Since(start)) }
