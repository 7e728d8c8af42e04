package main

import (
	"context"
	"fmt"
	"time"
)

// result is one round's figures.
type result struct {
	server  serverReport
	clients clientReport
	idle    perConn
	others  float64 // percent of the machine that others used meanwhile
}

// perConn is what an idle subscribed connection holds.
type perConn struct{ InUse, Resident float64 }

// cost is the server's CPU time per delivered message.
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

// round starts a server and its clients, runs one spec and stops both.
func round(ctx context.Context, role string, s spec) (result, error) {
	var out result
	srv, err := startChild(ctx, role, 0)
	if err != nil {
		return out, err
	}
	defer srv.stop()
	clients, err := startChild(ctx, roleClients, 1)
	if err != nil {
		return out, err
	}
	defer clients.stop()
	opened, err := srv.call(call{Do: "open", Spec: s})
	if err != nil {
		return out, err
	}
	connect := call{Do: "connect", Addr: opened.Addr, Spec: s}
	if role == roleBare {
		connect.Do = "bare"
	}
	if s.Duration == 0 {
		return idle(srv, clients, connect)
	}
	if _, err := clients.call(connect); err != nil {
		return out, err
	}
	warm, err := srv.call(call{Do: "warm", Spec: s})
	if err != nil {
		return out, err
	}
	if _, err := clients.call(call{Do: "begin", Last: warm.Server.Last}); err != nil {
		return out, err
	}
	around := watch()
	ran, err := srv.call(call{Do: "run", Spec: s})
	if err != nil {
		return out, err
	}
	ended, err := clients.call(call{Do: "end", Last: ran.Server.Last})
	out.server, out.clients = ran.Server, ended.Clients
	out.others = around.others(ran.Server.CPU.total() + ended.Clients.CPU.total())
	if err == nil && !out.clients.Converged {
		err = fmt.Errorf("%s, %d clients: not converged: %s", role, s.Clients, out.clients.Why)
	}
	return out, err
}

// idle compares the server's memory without clients, but for one that warms
// everything up, and with them.
func idle(srv, clients *proc, connect call) (result, error) {
	var out result
	one := connect
	one.Spec.Clients = 1
	if _, err := clients.call(one); err != nil {
		return out, err
	}
	before, err := srv.call(call{Do: "memory"})
	if err != nil {
		return out, err
	}
	if _, err := clients.call(connect); err != nil {
		return out, err
	}
	after, err := srv.call(call{Do: "memory"})
	if err != nil {
		return out, err
	}
	n := float64(connect.Spec.Clients)
	out.idle = perConn{
		InUse:    (float64(after.Server.Memory.InUse) - float64(before.Server.Memory.InUse)) / n,
		Resident: (float64(after.Server.Memory.Resident) - float64(before.Server.Memory.Resident)) / n,
	}
	return out, nil
}
