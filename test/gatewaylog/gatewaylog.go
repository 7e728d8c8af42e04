// Package gatewaylog collects what a gateway's process writes, for those who
// start the real binary.
package gatewaylog

import (
	"bytes"
	"regexp"
	"sync"
)

var listening = regexp.MustCompile(`"listening","address":"([^"]+)"`)

// Log is a process's output. Its zero value is empty; all goroutines may use it.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Address returns the host and port that the gateway says it listens on, "" as
// long as it does not.
func (l *Log) Address() string {
	if m := listening.FindStringSubmatch(l.String()); m != nil {
		return m[1]
	}
	return ""
}
