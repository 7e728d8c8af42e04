package pipe_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/pipe"
)

func TestBothEndsMayWriteFirst(t *testing.T) {
	a, b := pipe.New(16)
	for _, c := range []io.Writer{a, b} {
		if n, err := c.Write([]byte("hello")); n != 5 || err != nil {
			t.Fatalf("write: %d %v", n, err)
		}
	}
	buf := make([]byte, 16)
	for _, c := range []io.Reader{a, b} {
		if n, err := c.Read(buf); string(buf[:n]) != "hello" || err != nil {
			t.Fatalf("read: %q %v", buf[:n], err)
		}
	}
}

func TestEverythingArrivesInOrder(t *testing.T) {
	a, b := pipe.New(7)
	want := bytes.Repeat([]byte("0123456789"), 1000)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := a.Write(want); err != nil {
			t.Error(err)
		}
		_ = a.Close()
	})
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	wg.Wait()
	if _, err := b.Write([]byte("x")); err == nil {
		t.Error("a write to a closed end must fail")
	}
	if _, err := a.Read(make([]byte, 1)); err == nil {
		t.Error("a read from an end that was closed must fail")
	}
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe.New(4)
		start := time.Now()
		_ = a.SetReadDeadline(start.Add(time.Second))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read: %v", err)
		}
		if d := time.Since(start); d != time.Second {
			t.Fatalf("waited %v", d)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a passed deadline must stay: %v", err)
		}
		_ = a.SetDeadline(time.Time{})
		_ = a.SetWriteDeadline(time.Now().Add(time.Minute))
		if n, err := a.Write([]byte("123456")); n != 4 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("write: %d %v", n, err)
		}
		// A deadline in the past, set by another goroutine, wakes a reader.
		done := make(chan error)
		go func() {
			_, err := a.Read(make([]byte, 1))
			done <- err
		}()
		synctest.Wait()
		_ = a.SetReadDeadline(time.Unix(1, 0))
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read: %v", err)
		}
		_ = a.Close()
		_ = b.Close()
	})
}
