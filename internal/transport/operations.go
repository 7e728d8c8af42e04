package transport

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/tycostream/tycostream/internal/transport/delivery"
)

// operation is an active operation of a client that runs many.
type operation struct {
	id     string
	cancel context.CancelFunc
	stream *delivery.Stream // of a live subscription, once its cursor opens; guarded by operations.mu
}

// operations are those that a client has running.
type operations struct {
	wg sync.WaitGroup // those that have a goroutine

	mu    sync.Mutex   // guards what follows; taken alone
	list  []*operation // there are few: no map
	ended bool         // no more may start
}

// What refuses an operation.
var (
	errDuplicate = errors.New("an operation of this id is active")
	errTooMany   = errors.New("this connection runs as many operations as the setting limits.operations allows: complete some first")
	errClosing   = errors.New("the connection is closing")
)

// start adds an operation, and runs it in a goroutine of its own.
func (o *operations) start(op *operation, most int, run func()) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.ended:
		return errClosing
	case slices.ContainsFunc(o.list, func(other *operation) bool { return other.id == op.id }):
		return errDuplicate
	case len(o.list) >= most:
		return errTooMany
	}
	o.list = append(o.list, op)
	o.wg.Go(run) // under mu, so that nobody waits already
	return nil
}

// carry notes an operation's stream, and closes it if the operation was stopped
// while it was being opened.
func (o *operations) carry(op *operation, stream *delivery.Stream) {
	o.mu.Lock()
	op.stream = stream
	gone := !slices.Contains(o.list, op)
	o.mu.Unlock()
	if gone {
		stream.Close()
	}
}

// remove reports whether this call removed the operation: then the caller says
// how it ended.
func (o *operations) remove(op *operation) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.Index(o.list, op)
	if i < 0 {
		return false
	}
	o.list = slices.Delete(o.list, i, i+1)
	if len(o.list) == 0 {
		o.list = nil
	}
	return true
}

// stop stops the operation of an id, and reports whether there was one.
func (o *operations) stop(id string) bool {
	o.mu.Lock()
	i := slices.IndexFunc(o.list, func(op *operation) bool { return op.id == id })
	var op *operation
	if i >= 0 {
		op = o.list[i]
	}
	o.mu.Unlock()
	if op == nil || !o.remove(op) {
		return false
	}
	o.cut(op)
	return true
}

// stopAll stops all operations, for good.
func (o *operations) stopAll() {
	o.mu.Lock()
	list := o.list
	o.list, o.ended = nil, true
	o.mu.Unlock()
	for _, op := range list {
		o.cut(op)
	}
}

// end stops all operations and waits for them.
func (o *operations) end() {
	o.stopAll()
	o.wg.Wait()
}

// cut ends an operation that has left the list.
func (o *operations) cut(op *operation) {
	op.cancel()
	o.mu.Lock()
	stream := op.stream
	o.mu.Unlock()
	if stream != nil {
		stream.Close()
	}
}
