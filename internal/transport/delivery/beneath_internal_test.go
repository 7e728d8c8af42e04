package delivery

import (
	"errors"
	"net"
	"testing"
	"time"
)

// A client can make TLS answer without reading the answers: they are bounded.
func TestBeneathIsBounded(t *testing.T) {
	woken := 0
	b := &beneath{}
	b.keep(func() { woken++ })
	answer := make([]byte, 27)
	kept := 0
	for ; kept <= 2*maxKept; kept += len(answer) {
		if n, err := b.Write(answer); err != nil {
			if n != 0 || !errors.Is(err, errTalkative) {
				t.Fatal(n, err)
			}
			break
		}
	}
	if kept > maxKept || woken != kept/len(answer) || !b.waiting() {
		t.Errorf("%d bytes kept, woken %d times", kept, woken)
	}

	// A worker may write what it likes, and gets what waited first.
	b.lend(nil)
	before := woken
	for range 100 {
		if _, err := b.Write(make([]byte, maxKept)); err != nil {
			t.Fatal(err)
		}
	}
	if all := b.take(); len(all) != kept+100*maxKept || woken != before || b.waiting() {
		t.Errorf("%d bytes, woken %d times", len(all), woken-before)
	}
}

// Until the pool has it, it is the socket, deadlines and all.
func TestBeneathIsTheSocketAtFirst(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _ = far.Close() }()
	b := &beneath{Conn: near}
	go func() { _, _ = b.Write([]byte("hello")) }()
	got := make([]byte, 5)
	if _, err := far.Read(got); err != nil || string(got) != "hello" {
		t.Fatalf("%q %v", got, err)
	}
	past := time.Now().Add(-time.Second)
	_ = b.SetDeadline(past)
	if _, err := b.Write(got); err == nil {
		t.Error("written after the deadline")
	}
	_ = b.SetDeadline(time.Time{})
	b.keep(func() {})
	_ = b.SetDeadline(past)
	if _, err := b.Read(got); err == nil {
		t.Error("read after the deadline")
	}
	go func() { _, _ = near.Write([]byte("later")) }()
	if _, err := far.Read(got); err != nil || string(got) != "later" {
		t.Errorf("%q %v: a kept write's deadline reached the socket", got, err)
	}
	if Beneath(near) != near {
		t.Error("something beneath what is no socket")
	}
}
