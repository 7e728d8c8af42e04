package store_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/store"
	"github.com/tycostream/tycostream/internal/relation"
)

func fixed(ms int64) func() time.Time { return func() time.Time { return time.UnixMilli(ms) } }

func newTable(t *testing.T, opts store.Options) (*store.Store, *store.Collection) {
	t.Helper()
	s := store.New(fixed(1_000_000))
	if err := s.CreateTable("t", store.Columns("id integer not null"), opts); err != nil {
		t.Fatal(err)
	}
	c, _ := s.Lookup(store.ParseName("t"))
	return s, c
}

func write(t *testing.T, s *store.Store, tx *store.Tx) uint64 {
	t.Helper()
	ts, err := s.Write(tx)
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

func count(t *testing.T, s *store.Store, c *store.Collection, at uint64) int64 {
	t.Helper()
	rows, err := s.Snapshot(c, at)
	if err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for _, r := range rows {
		n += r.N
	}
	return n
}

// TestHistoryAgainstModel writes at random and compares every readable time
// with a list of all updates.
func TestHistoryAgainstModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	s, c := newTable(t, store.Options{Retain: 3 * time.Second})
	var all []store.Update
	for range 400 {
		switch rnd.IntN(4) {
		case 0:
			s.Advance(s.Upper() + rnd.Uint64N(400))
		default:
			tx := new(store.Tx)
			net := map[string]int64{}
			for range rnd.IntN(5) {
				id, diff := strconv.Itoa(rnd.IntN(10)), rnd.Int64N(5)-2
				tx.AddCells("t", diff, id)
				net[id] += diff
			}
			ts := write(t, s, tx)
			for id, d := range net {
				if d != 0 {
					all = append(all, store.Update{Row: relation.Texts(id), Time: ts, Diff: d})
				}
			}
		}
		f, err := s.Frontier(c)
		if err != nil {
			t.Fatal(err)
		}
		at := f.Since + rnd.Uint64N(f.Upper-f.Since)
		want := map[relation.Row]int64{}
		var later []store.Update
		for _, u := range all {
			if u.Time <= at {
				want[u.Row] += u.Diff
			} else {
				later = append(later, u)
			}
		}
		rows, err := s.Snapshot(c, at)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.N == 0 || want[r.Row] != r.N {
				t.Fatalf("at %d: %d times %q, not %d", at, r.N, r.Row, want[r.Row])
			}
			delete(want, r.Row)
		}
		for r, n := range want {
			if n != 0 {
				t.Fatalf("at %d: %q is missing", at, r)
			}
		}
		ups, err := s.Updates(c, at+1, f.Upper)
		if err != nil || len(ups) != len(later) {
			t.Fatalf("after %d: %d updates, not %d (%v)", at, len(ups), len(later), err)
		}
		if !slices.IsSortedFunc(ups, func(a, b store.Update) int { return int(a.Time) - int(b.Time) }) {
			t.Fatal("updates are not in order")
		}
	}
}

func TestTimes(t *testing.T) {
	s, c := newTable(t, store.Options{})
	a := write(t, s, new(store.Tx).Insert("t", 1))
	b := write(t, s, new(store.Tx).Insert("t", 2))
	if b <= a || s.Upper() != b+1 {
		t.Errorf("times %d, %d, upper %d", a, b, s.Upper())
	}
	if ts, _ := s.WriteAt(b+500, new(store.Tx).Insert("t", 3)); ts != b+500 {
		t.Errorf("WriteAt at %d", ts)
	}
	if ts, _ := s.WriteAt(5, new(store.Tx).Insert("t", 3)); ts != b+501 {
		t.Errorf("a time that has passed: %d", ts)
	}
	if up := s.Tick(); up != b+503 {
		t.Errorf("tick to %d", up)
	}
	release, again := s.HoldUpper(), s.HoldUpper()
	changed := s.Changed()
	d := write(t, s, new(store.Tx).Delete("t", 3))
	if s.Upper() != b+503 {
		t.Error("a held upper moved")
	}
	release()
	release()
	if s.Upper() != b+503 {
		t.Error("there was a second hold")
	}
	again()
	if s.Upper() != d+1 {
		t.Error("the upper must follow")
	}
	select {
	case <-changed:
	default:
		t.Error("nobody was woken")
	}
	if n := count(t, s, c, d); n != 3 {
		t.Errorf("%d rows", n)
	}
}

func TestHoldsKeepHistory(t *testing.T) {
	s, c := newTable(t, store.Options{})
	ts := write(t, s, new(store.Tx).Insert("t", 1))
	h := s.Hold(c, ts)
	for i := range 5 {
		write(t, s, new(store.Tx).Insert("t", 2+i))
		s.Advance(s.Upper() + 10_000)
	}
	if n := count(t, s, c, ts); n != 1 {
		t.Errorf("%d rows at the held time", n)
	}
	if ups, err := s.Updates(c, ts+1, s.Upper()); err != nil || len(ups) != 5 {
		t.Errorf("%d updates, %v", len(ups), err)
	}
	h.Release()
	s.Tick()
	if _, err := s.Snapshot(c, ts); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("after release: %v", err)
	}
	if _, err := s.Updates(c, ts+1, s.Upper()); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("after release: %v", err)
	}
	if rows, err := s.Rows("t"); err != nil || len(rows) != 6 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestCatalog(t *testing.T) {
	s, c := newTable(t, store.Options{})
	if err := s.CreateTable("t", store.Columns("x text"), store.Options{}); !errors.Is(err, store.ErrExists) {
		t.Errorf("twice: %v", err)
	}
	if err := s.CreateView("d.s.v", store.Columns("x text"), store.Options{Cold: true}); err != nil {
		t.Fatal(err)
	}
	v, ok := s.Lookup(store.Name{Database: "d", Schema: "s", Name: "v"})
	if !ok || v.Type() != "materialized view" || v.ID() != "u2" {
		t.Fatalf("%+v", v)
	}
	if f, err := s.Frontier(v); err != nil || f.Ready {
		t.Errorf("cold: %+v %v", f, err)
	}
	if err := s.Hydrate("d.s.v"); err != nil {
		t.Error(err)
	}
	write(t, s, new(store.Tx).Insert("t", 1).Insert("t", 1))
	err := s.Alter("t", store.Columns("id bigint", "n text"), func(r relation.Row) relation.Row {
		return relation.Texts(r.Text(0), "new")
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Frontier(c); !errors.Is(err, store.ErrDropped) {
		t.Errorf("the old form: %v", err)
	}
	rows, err := s.Rows("t")
	if err != nil || len(rows) != 2 || rows[0].Text(1) != "new" {
		t.Errorf("%q %v", rows, err)
	}
	n, _ := s.Lookup(store.ParseName("t"))
	if n.ID() != "u1" || len(n.Columns()) != 2 {
		t.Errorf("altered: %s %v", n.ID(), n.Columns())
	}
	if err := s.Replace("t", store.Columns("z text"), store.Options{}); err != nil {
		t.Fatal(err)
	}
	if n, _ = s.Lookup(store.ParseName("t")); n.ID() != "u3" {
		t.Errorf("replaced: %s", n.ID())
	}
	if err := s.Poison("t", "boom"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Frontier(n); err == nil || err.Error() != "Evaluation error: boom" {
		t.Errorf("poisoned: %v", err)
	}
	if err := s.Drop("t"); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"drop": s.Drop("t"), "poison": s.Poison("t", ""), "compact": s.Compact("t", 1), "hydrate": s.Hydrate("t"),
		"replace": s.Replace("t", nil, store.Options{}), "alter": s.Alter("t", nil, nil), "set": s.Set("t", func(*store.Options) {}),
	} {
		if !errors.Is(err, store.ErrUnknown) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, tx := range map[string]*store.Tx{
		"unknown": new(store.Tx).Insert("nope", 1), "cells": new(store.Tx).Insert("d.s.v", 1, 2), "row": new(store.Tx).Add("d.s.v", relation.Texts("a", "b"), 1),
	} {
		if _, err := s.Write(tx); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if err := s.CreateTable("i", store.Columns("a integer"), store.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(new(store.Tx).Insert("i", "x")); err == nil {
		t.Error("a cell that is no integer")
	}
}
