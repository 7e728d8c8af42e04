package codec

import (
	"testing"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

func TestImages(t *testing.T) {
	sh := tradesShape()
	sh.Schema.Key = []int{0, 2}
	changed := relation.NewColumnSet(7)
	for _, i := range []int{0, 1, 2, 3, 6} { // as of a row that was gone meanwhile, the key counts as changed
		changed.Add(i)
	}
	all := relation.NewColumnSet(7)
	for i := range 7 {
		all.Add(i)
	}
	enc := Images(sh, `my "trades"`)
	if enc.Frames() {
		t.Error("images are no frames")
	}
	const (
		one  = `{"id":1,"symbol":"ACME","side":"buy","latest_price":"1.50","executed_at":"2026-01-02T03:04:05.678Z","tags":["a",null],"meta":{"k":[1,2]}}`
		two  = `{"id":1,"symbol":null,"side":"sell","latest_price":"1.75","executed_at":"2026-01-02T03:04:05.678Z","tags":[],"meta":null}`
		part = `{"id":1,"side":"sell","executed_at":"2026-01-02T03:04:05.678Z","tags":[]}`
		none = `{"id":1,"side":"sell"}`
	)
	wantMessages(t, messages(t, enc, &feed.Frame{Time: 1700, Events: []feed.Event{
		{Op: feed.Insert, Row: row1},
		{Op: feed.Update, Row: row2, Old: row1},
		{Op: feed.Update, Row: row2, Changed: changed},
		{Op: feed.Update, Row: row2, Changed: all},
		{Op: feed.Delete, Row: row2},
	}}),
		`{"op":"INSERT","table":"my \"trades\"","new":`+one+`,"old":null}`,
		`{"op":"UPDATE","table":"my \"trades\"","new":`+two+`,"old":`+one+`}`,
		`{"op":"UPDATE","table":"my \"trades\"","new":`+two+`,"old":`+part+`}`,
		`{"op":"UPDATE","table":"my \"trades\"","new":`+two+`,"old":`+none+`}`,
		`{"op":"DELETE","table":"my \"trades\"","new":null,"old":`+two+`}`,
	)
	wantMessages(t, messages(t, enc, &feed.Frame{Time: 1701}))
}

func TestImagesFollowTheStyle(t *testing.T) {
	sh := tradesShape()
	sh.StringScalars = true
	wantMessages(t, messages(t, Images(sh, "t"), &feed.Frame{Events: []feed.Event{{Op: feed.Delete, Row: row1}}}),
		`{"op":"DELETE","table":"t","new":null,"old":{"id":1,"symbol":"ACME","side":"buy","latest_price":"1.50","executed_at":"2026-01-02T03:04:05.678Z","tags":"[\"a\",null]","meta":"{\"k\":[1,2]}"}}`)
}

func TestImagesCountAnomalies(t *testing.T) {
	sh := tradesShape()
	enc := Images(sh, "t")
	wantMessages(t, messages(t, enc, &feed.Frame{Events: []feed.Event{
		{Op: feed.Insert, Row: relation.Texts("1", "a", "buy", "x", "2026-01-02 03:04:05.678+00", "{}", "1")},
	}}), `{"op":"INSERT","table":"t","new":{"id":1,"symbol":"a","side":"buy","latest_price":null,"executed_at":"2026-01-02T03:04:05.678Z","tags":[],"meta":1},"old":null}`)
	if n := sh.Anomalies.Count(3, Malformed); n != 1 {
		t.Errorf("%d malformed prices counted, want 1", n)
	}
}
