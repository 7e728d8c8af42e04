package backendtest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tycostream/tycostream/internal/source"
)

func cut(e *env) {
	e.create(e.people(), "1|ann|1", "2|bob|2")
	rec := e.recorder()
	r := e.once(rec)
	e.rows(rec, "1|ann|1", "2|bob|2")
	e.h.Cut(e.T)
	if err, ok := errors.AsType[*source.Error](r.wait()); !ok || err.Class != source.Retry {
		e.Fatalf("got %v", r.err)
	}
	e.commit(append(e.inserts("3|cid|3"), e.remove("1"), e.update("2", "2|bob|22"))...)
	e.keep(rec)
	e.rows(rec, "2|bob|22", "3|cid|3")
}

// cutManyTimes writes without pause while the connections break.
func cutManyTimes(e *env) {
	e.create(e.people(), "0|start|0")
	rec := e.recorder()
	e.keep(rec)
	rec.Wait(e.T, "the first snapshot", rec.liveNow)
	want := []string{"0|start|0"}
	for i := 1; i <= 60; i++ {
		row := fmt.Sprintf("%d|x|%d", i, i)
		e.insert(row)
		want = append(want, row)
		if i%6 == 0 {
			e.h.Cut(e.T)
		}
		if i%10 == 0 {
			e.commit(e.remove(strconv.Itoa(i - 5)))
			for j, w := range want {
				if strings.HasPrefix(w, fmt.Sprintf("%d|", i-5)) {
					want = append(want[:j], want[j+1:]...)
					break
				}
			}
		}
	}
	e.rows(rec, want...)
}

func resume(e *env) {
	if !e.f.Resume {
		e.Skip("this upstream keeps no history")
	}
	e.create(e.people(), "1|ann|1", "2|bob|2")
	rec := e.recorder()
	e.once(rec).endAfter(e, rec, "1|ann|1", "2|bob|2")
	before := len(rec.History())
	e.commit(e.update("1", "1|ann|10"))
	e.commit(append(e.inserts("3|cid|3"), e.remove("2"))...)
	e.once(rec)
	e.rows(rec, "1|ann|10", "3|cid|3")
	if _, resumes := rec.Counts(); resumes != 1 {
		e.Errorf("%d resumes", resumes)
	}
	if s := steps(rec, before); len(s) != 2 || s[0].Snapshot || s[1].Snapshot {
		e.Errorf("steps %+v, want the two transactions", s)
	}
}

// endAfter waits for rows, then ends the stream.
func (r *running) endAfter(e *env, rec *Recorder, rows ...string) {
	e.Helper()
	e.rows(rec, rows...)
	r.end()
}

func historyLost(e *env) {
	e.create(e.people(), "1|ann|1", "2|bob|2", "3|cid|3")
	rec := e.recorder()
	e.once(rec).endAfter(e, rec, "1|ann|1", "2|bob|2", "3|cid|3")
	e.commit(append(e.inserts("4|dan|4"), e.remove("1"), e.update("2", "2|bob|20"))...)
	e.h.ForgetHistory(e.T)
	e.keep(rec)
	e.rows(rec, "2|bob|20", "3|cid|3", "4|dan|4")
	if lives, resumes := rec.Counts(); resumes != 0 || lives < 2 {
		e.Errorf("%d lives, %d resumes", lives, resumes)
	}
	e.insert("5|eve|5")
	e.rows(rec, "2|bob|20", "3|cid|3", "4|dan|4", "5|eve|5")
}

func restart(e *env) {
	e.create(e.people(), "1|ann|1")
	rec := e.recorder()
	e.keep(rec)
	e.rows(rec, "1|ann|1")
	e.h.Restart(e.T)
	e.insert("2|bob|2")
	e.rows(rec, "1|ann|1", "2|bob|2")
}

func createdLater(e *env) {
	rec := e.recorder()
	r := e.once(rec)
	err := e.trouble(r, rec)
	if err.Class != source.Slow || !strings.Contains(err.Text, "does not exist") {
		e.Errorf("class %d, %v", err.Class, err)
	}
	r.end()
	e.keep(rec)
	e.create(e.people(), "1|ann|1")
	e.rows(rec, "1|ann|1")
}

func droppedAndRecreated(e *env) {
	e.create(e.people(), "1|ann|1", "2|bob|2")
	rec := e.recorder()
	r := e.once(rec)
	e.rows(rec, "1|ann|1", "2|bob|2")
	_, before := rec.Schema()
	e.h.Drop(e.T, e.table)
	if e.f.DropEnds {
		if err := e.trouble(r, rec); err.Class != source.Slow {
			e.Errorf("class %d, %v", err.Class, err)
		}
	}
	r.end()
	e.create(e.people(), "2|other|2", "3|cid|3")
	e.keep(rec)
	e.rows(rec, "2|other|2", "3|cid|3")
	if _, after := rec.Schema(); after.Identity == before.Identity {
		e.Error("another relation has the same identity")
	}
	if _, resumes := rec.Counts(); resumes != 0 {
		e.Error("a position was used for another relation")
	}
}

// sinkError: what a sink returns ends the stream and comes back as it is.
func sinkError(e *env) {
	e.create(e.people(), "1|ann|1")
	rec := e.recorder()
	own := &source.Error{Class: source.Slow, Text: "the sink has enough"}
	rec.Refuse(own)
	if err := e.trouble(e.once(rec), rec); err != own {
		e.Errorf("got %v", err)
	}
}

func duplicateKey(e *env) {
	if !e.f.Duplicates {
		e.Skip("this upstream keeps keys unique")
	}
	e.create(e.people(), "1|ann|1")
	rec := e.recorder()
	r := e.once(rec)
	e.rows(rec, "1|ann|1")
	e.insert("1|twin|2")
	if err := e.trouble(r, rec); err.Class != source.Slow || !strings.Contains(err.Text, `not unique`) || !strings.Contains(err.Text, `"1"`) {
		e.Errorf("later: class %d, %v", err.Class, err)
	}
	again := e.recorder()
	if err := e.trouble(e.once(again), again); err.Class != source.Slow || !strings.Contains(err.Text, "not unique") {
		e.Errorf("in the snapshot: class %d, %v", err.Class, err)
	}
}

// severalTargets follows two sources on one stream while a third is missing.
func severalTargets(e *env) {
	if !e.b.Shared() {
		e.Skip("each source has a stream of its own")
	}
	one, two := *e, *e
	one.table, two.table = e.table+"_one", e.table+"_two"
	one.create(one.people(), "1|ann|1")
	two.create(two.people(), "2|bob|2")
	missing := *e
	missing.table = e.table + "_missing"
	a, b, c := one.recorder(), two.recorder(), missing.recorder()
	e.once(a, c, b)
	e.rows(a, "1|ann|1")
	e.rows(b, "2|bob|2")
	c.Wait(e.T, "the missing source to fail", func() bool { return c.Failed() != nil })
	e.commit(append(one.inserts("3|both|3"), two.update("2", "2|both|22"))...)
	e.rows(a, "1|ann|1", "3|both|3")
	e.rows(b, "2|both|22")
	ha, hb := a.History(), b.History()
	if ha[len(ha)-1].Time != hb[len(hb)-1].Time {
		e.Errorf("one transaction has times %d and %d", ha[len(ha)-1].Time, hb[len(hb)-1].Time)
	}
}
