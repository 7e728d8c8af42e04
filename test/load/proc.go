package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// roleVariable names the environment variable that makes the program a child.
const roleVariable = "TYCOSTREAM_LOAD_ROLE"

// The children's roles.
const (
	roleBare    = "bare"
	roleGateway = "gateway"
	roleClients = "clients"
)

// call is one line from the controller to a child.
type call struct {
	Do     string
	At     address       // connect, resume, arrive
	Last   int           `json:",omitempty"` // begin, end: number of the last event there was
	Truth  []uint64      `json:",omitempty"` // begin, end: digests of the rows that clients must hold
	States []state       `json:",omitempty"` // verify
	Count  int           `json:",omitempty"` // arrive: how many
	Over   time.Duration `json:",omitempty"` // arrive: how long until all are gone again
	Spec   spec
}

// state is what a client held at the end of a frame.
type state struct{ Time, Sum uint64 }

// reply is a child's answer.
type reply struct {
	Err     string  `json:",omitempty"`
	At      address // of open
	Server  serverReport
	Clients clientReport
}

// answerer is a child's work. answer is called by one goroutine.
type answerer interface {
	answer(ctx context.Context, c call) (reply, error)
	close()
}

// serve answers calls until r ends.
func serve(ctx context.Context, a answerer, r io.Reader, w io.Writer) error {
	defer a.close()
	dec, enc := json.NewDecoder(r), json.NewEncoder(w)
	for {
		var c call
		if err := dec.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read call: %w", err)
		}
		rep, err := a.answer(ctx, c)
		if err != nil {
			rep.Err = err.Error()
		}
		if err := enc.Encode(rep); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
}

// runChild is the main function of a child.
func runChild(ctx context.Context, role string) error {
	var a answerer
	switch role {
	case roleBare:
		a = &bare{}
	case roleGateway:
		a = &gateway{}
	case roleClients:
		a = &crowd{}
	default:
		return fmt.Errorf("unknown role %q", role)
	}
	return serve(ctx, a, os.Stdin, os.Stdout)
}

// proc is a child process.
type proc struct {
	role string
	cmd  *exec.Cmd
	in   io.WriteCloser
	enc  *json.Encoder
	dec  *json.Decoder
}

// startChild starts this program again in a role, on the given core only if
// that is possible, or with a negative one on all. The context's end kills it.
func startChild(ctx context.Context, role string, core int) (*proc, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program itself: %w", err)
	}
	cmd := exec.CommandContext(ctx, self) //nolint:gosec // ourselves
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	begin := cmd.Start
	if core >= 0 {
		begin = func() error { return onCore(core, cmd.Start) }
	}
	if err := begin(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	return &proc{role: role, cmd: cmd, in: in, enc: json.NewEncoder(in), dec: json.NewDecoder(out)}, nil
}

func (p *proc) call(c call) (reply, error) {
	var r reply
	if err := p.enc.Encode(c); err != nil {
		return r, fmt.Errorf("%s: %s: %w", p.role, c.Do, err)
	}
	if err := p.dec.Decode(&r); err != nil {
		return r, fmt.Errorf("%s: %s: %w", p.role, c.Do, err)
	}
	if r.Err != "" {
		return r, fmt.Errorf("%s: %s: %s", p.role, c.Do, r.Err)
	}
	return r, nil
}

// stop ends the child and waits for it.
func (p *proc) stop() {
	_ = p.in.Close()
	kill := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_ = p.cmd.Wait()
}
