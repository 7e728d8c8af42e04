package pgcatalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/source"
)

func TestParseName(t *testing.T) {
	for _, c := range []struct {
		text string
		want relationName
		bad  bool
	}{
		{text: "pnl", want: relationName{name: "pnl"}},
		{text: "public.pnl", want: relationName{schema: "public", name: "pnl"}},
		{text: "shop.public.pnl", want: relationName{"shop", "public", "pnl"}},
		{text: `"a.b"."c""d"`, want: relationName{schema: "a.b", name: `c"d`}},
		{text: `public."P"`, want: relationName{schema: "public", name: "P"}},
		{text: "Mixed", want: relationName{name: "Mixed"}},
		{text: "", bad: true},
		{text: "a.", bad: true},
		{text: ".a", bad: true},
		{text: `"a`, bad: true},
		{text: `"a"b`, bad: true},
		{text: "a.b.c.d", bad: true},
		{text: `""`, bad: true},
	} {
		got, err := parseName(c.text)
		if (err != nil) != c.bad || got != c.want {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		code, message string
		want          source.Class
	}{
		{"42501", "", source.Config},
		{"28P01", "", source.Config},
		{"28000", "", source.Config},
		{"3D000", "", source.Config},
		{"53400", "", source.Config},
		{"42P01", "", source.Slow},
		{"42703", "", source.Slow},
		{"57P01", "", source.Retry},
		{"57P03", "", source.Retry},
		{"53300", "", source.Retry},
		{"40001", "", source.Retry},
		{"08006", "", source.Retry},
		{"08P01", "", source.Config},
		{"55006", "", source.Retry},
		{"55P03", "", source.Retry},
		{"42704", "", source.Compacted},
		{"58P01", "", source.Compacted},
		{"55000", "can no longer get changes from replication slot", source.Compacted},
		{"55000", "logical decoding requires wal_level >= logical", source.Config},
		{"XX000", "", source.Slow},
		{"", "", source.Slow},
	} {
		err := Classify("step", fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: c.code, Message: c.message, Detail: "d", Hint: "h"}))
		e, ok := errors.AsType[*source.Error](err)
		if !ok || e.Class != c.want || !strings.Contains(err.Error(), "step") {
			t.Errorf("%s %s: %v, class %d", c.code, c.message, err, e.Class)
		}
		if again := Classify("other", err); again != err { //nolint:errorlint // the very same is meant
			t.Errorf("classified twice: %v", again)
		}
	}
	if Classify("step", nil) != nil {
		t.Error("an error out of nothing")
	}
}
