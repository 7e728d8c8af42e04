package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// result is one round's figures.
type result struct {
	spec    spec
	server  serverReport
	clients clientReport
	joins   joinReport // of the first connections, or of those that the round is about
	idle    perConn
	perRow  float64 // bytes that the server holds for a row
	others  float64 // percent of the machine that others used meanwhile
}

// perConn is what an idle subscribed connection holds.
type perConn struct{ InUse, Resident float64 }

// cost is the server's CPU time per delivered row.
func (r result) cost() time.Duration {
	if r.clients.Messages == 0 {
		return 0
	}
	return time.Duration(float64(r.server.CPU.total()) / float64(r.clients.Messages))
}

// perEvent is the server's CPU time per event that went into the feed.
func (r result) perEvent() time.Duration {
	return r.server.CPU.total() / time.Duration(max(1, r.server.Events))
}

// conflated is the share of events that no client heard of, because a newer
// one of the same row came first.
func (r result) conflated() float64 {
	return 1 - float64(r.clients.Messages)/float64(max(1, r.server.Events*r.spec.recipients()))
}

// session is a server and its clients.
type session struct {
	role         string
	spec         spec
	srv, clients *proc
	at           address
	empty        memory // of the server before it had rows
}

// begin starts a server and a process for its clients.
func begin(ctx context.Context, role string, s spec) (*session, error) {
	cores := [2]int{0, 1}
	if s.Spread {
		cores = [2]int{-1, -1}
	}
	srv, err := startChild(ctx, role, cores[0])
	if err != nil {
		return nil, err
	}
	clients, err := startChild(ctx, roleClients, cores[1])
	if err != nil {
		srv.stop()
		return nil, err
	}
	x := &session{role: role, spec: s, srv: srv, clients: clients}
	opened, err := srv.call(call{Do: "open", Spec: s})
	if err != nil {
		x.end()
		return nil, err
	}
	x.at, x.empty = opened.At, opened.Server.Memory
	return x, nil
}

func (x *session) end() {
	x.clients.stop()
	x.srv.stop()
}

// connect opens so many connections.
func (x *session) connect(n int) (joinReport, error) {
	q := call{Do: "connect", At: x.at, Spec: x.spec}
	q.Spec.Clients = n
	if x.role == roleBare {
		q.Do = "bare"
	}
	r, err := x.clients.call(q)
	return r.Clients.Joins, err
}

// ready connects everybody, warms everything up and lets the clients count
// from then on.
func (x *session) ready() (joinReport, error) {
	joins, err := x.connect(x.spec.Clients)
	if err != nil {
		return joins, err
	}
	warm, err := x.srv.call(call{Do: "warm", Spec: x.spec})
	if err != nil {
		return joins, err
	}
	_, err = x.clients.call(call{Do: "begin", Last: warm.Server.Last, Truth: warm.Server.Truth})
	return joins, err
}

// check asks whether every client has what the server says is true, and
// whether each state that a client was in was one of the source's.
func (x *session) check(ran serverReport) (clientReport, error) {
	ended, err := x.clients.call(call{Do: "end", Last: ran.Last, Truth: ran.Truth})
	if err == nil && !ended.Clients.Converged {
		err = fmt.Errorf("%s, %d clients: not converged: %s", x.role, x.spec.Clients, ended.Clients.Why)
	}
	if err == nil && x.spec.History {
		_, err = x.srv.call(call{Do: "verify", States: ended.Clients.States})
	}
	if want := uint64(x.spec.Clients * ran.Events); err == nil && x.spec.Exact && ended.Clients.Messages != want { //nolint:gosec // not negative
		err = fmt.Errorf("clients got %d events instead of %d", ended.Clients.Messages, want)
	}
	return ended.Clients, err
}

// round starts a server and its clients, runs one spec and stops both.
func round(ctx context.Context, role string, s spec) (result, error) {
	out := result{spec: s}
	x, err := begin(ctx, role, s)
	if err != nil {
		return out, err
	}
	defer x.end()
	if out.joins, err = x.ready(); err != nil {
		return out, err
	}
	around := watch()
	ran, err := x.srv.call(call{Do: "run", Spec: s})
	if err != nil {
		return out, err
	}
	out.server = ran.Server
	out.clients, err = x.check(ran.Server)
	out.others = around.others(out.server.CPU.total() + out.clients.CPU.total())
	return out, err
}

// idleRound compares the server's memory without clients, but for one that
// warms everything up, and with them.
func idleRound(ctx context.Context, s spec) (result, error) {
	out := result{spec: s}
	x, err := begin(ctx, roleGateway, s)
	if err != nil {
		return out, err
	}
	defer x.end()
	if _, err := x.connect(1); err != nil {
		return out, err
	}
	before, err := x.srv.call(call{Do: "memory"})
	if err != nil {
		return out, err
	}
	if out.joins, err = x.connect(s.Clients); err != nil {
		return out, err
	}
	after, err := x.srv.call(call{Do: "memory"})
	if err != nil {
		return out, err
	}
	truth, err := x.srv.call(call{Do: "truth"})
	if err != nil {
		return out, err
	}
	if out.clients, err = x.check(truth.Server); err != nil {
		return out, err
	}
	n := float64(s.Clients)
	out.idle = perConn{
		InUse:    (float64(after.Server.Memory.InUse) - float64(before.Server.Memory.InUse)) / n,
		Resident: (float64(after.Server.Memory.Resident) - float64(before.Server.Memory.Resident)) / n,
	}
	return out, nil
}

// joinRound lets everybody join a source that nobody has read yet.
func joinRound(ctx context.Context, s spec) (result, error) {
	out := result{spec: s}
	x, err := begin(ctx, roleGateway, s)
	if err != nil {
		return out, err
	}
	defer x.end()
	loaded, err := x.srv.call(call{Do: "memory"})
	if err != nil {
		return out, err
	}
	out.perRow = (float64(loaded.Server.Memory.InUse) - float64(x.empty.InUse)) / float64(s.Rows)
	around := watch()
	if _, err := x.srv.call(call{Do: "start", Spec: s}); err != nil {
		return out, err
	}
	if out.joins, err = x.connect(s.Clients); err != nil {
		return out, err
	}
	ran, err := x.srv.call(call{Do: "stop"})
	if err != nil {
		return out, err
	}
	out.server = ran.Server
	out.others = around.others(ran.Server.CPU.total() + out.joins.CPU.total())
	out.clients, err = x.check(ran.Server)
	return out, err
}

// stormRound cuts everybody, and lets all come back at once after a gap, while
// events go on.
func stormRound(ctx context.Context, s spec, gap time.Duration) (first, again result, err error) {
	first, again = result{spec: s}, result{spec: s}
	x, err := begin(ctx, roleGateway, s)
	if err != nil {
		return first, again, err
	}
	defer x.end()
	if first.joins, err = x.ready(); err != nil {
		return first, again, err
	}
	if _, err := x.srv.call(call{Do: "start", Spec: s}); err != nil {
		return first, again, err
	}
	if err := until(ctx, time.Now().Add(gap/10)); err != nil { // some live events before the cut
		return first, again, err
	}
	if _, err := x.clients.call(call{Do: "cut"}); err != nil {
		return first, again, err
	}
	around := watch()
	if err := until(ctx, time.Now().Add(gap)); err != nil {
		return first, again, err
	}
	back, err := x.clients.call(call{Do: "resume"})
	if err != nil {
		return first, again, err
	}
	again.joins = back.Clients.Joins
	if err := until(ctx, time.Now().Add(gap/10)); err != nil { // and some behind it
		return first, again, err
	}
	ran, err := x.srv.call(call{Do: "stop"})
	if err != nil {
		return first, again, err
	}
	again.server = ran.Server
	again.clients, err = x.check(ran.Server)
	again.others = around.others(ran.Server.CPU.total() + again.clients.CPU.total())
	return first, again, err
}

// arrivalsRound measures clients that stay while nothing else happens, and
// then while others come and go.
func arrivalsRound(ctx context.Context, s spec, arrivals int, over time.Duration) (calm, busy result, err error) {
	calm, busy = result{spec: s}, result{spec: s}
	x, err := begin(ctx, roleGateway, s)
	if err != nil {
		return calm, busy, err
	}
	defer x.end()
	if _, err = x.ready(); err != nil {
		return calm, busy, err
	}
	around := watch()
	ran, err := x.srv.call(call{Do: "run", Spec: s})
	if err != nil {
		return calm, busy, err
	}
	calm.server = ran.Server
	if calm.clients, err = x.check(ran.Server); err != nil {
		return calm, busy, err
	}
	calm.others = around.others(ran.Server.CPU.total() + calm.clients.CPU.total())
	if _, err := x.clients.call(call{Do: "begin", Last: ran.Server.Last, Truth: ran.Server.Truth}); err != nil {
		return calm, busy, err
	}
	around = watch()
	long := s
	long.Duration = over + patience
	if _, err := x.srv.call(call{Do: "start", Spec: long}); err != nil {
		return calm, busy, err
	}
	came, arriveErr := x.clients.call(call{Do: "arrive", Count: arrivals, Over: over})
	ran, err = x.srv.call(call{Do: "stop"})
	if err := errors.Join(arriveErr, err); err != nil {
		return calm, busy, err
	}
	busy.joins, busy.server = came.Clients.Joins, ran.Server
	busy.clients, err = x.check(ran.Server)
	busy.others = around.others(ran.Server.CPU.total() + busy.clients.CPU.total())
	return calm, busy, err
}
