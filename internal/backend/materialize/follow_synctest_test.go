package materialize

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/backend/backendtest"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// followed runs Follow to its end and returns its error.
func followed(t *testing.T, b *Backend, rec *backendtest.Recorder) error {
	t.Helper()
	return b.Follow(t.Context(), []source.Target{rec.Target()})
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var params map[string]string
		s := newScript(t, func(p *peer) {
			p.start()
			params = p.params
			p.expect(`SELECT c.name, c.nullable, c.type, o.id, o.object_type FROM mz_catalog.mz_columns c` +
				` JOIN mz_internal.mz_object_fully_qualified_names o ON o.id = c.id` +
				` WHERE o.database_name = 'materialize' AND o.schema_name = 'public' AND o.name = 'v' ORDER BY c.position`)
			p.answer([]string{"id", "f", "integer", "u7", "view"}, []string{"name", "t", "text", "u7", "view"})
			p.environment()
			p.expect(vSubscribe)
			p.out(5)
			// One row over several messages, several rows in one, a notice between.
			p.send(&pgproto3.CopyData{Data: []byte("5\tt\t\\N\t\\N\t\\N\n5\tf\t1")})
			p.send(&pgproto3.NoticeResponse{Severity: "NOTICE", Code: "MZ003", Message: "active cluster has been dropped"})
			p.send(&pgproto3.CopyData{Data: []byte("\t1\ta\\\\\\tb")})
			p.send(&pgproto3.CopyData{Data: []byte("\n6\tt\t\\N\t\\N\t\\N\n7\tf\t-1\t1\ta\\\\\\tb\n7\tf\t1\t1\tnew\n8\tt\t\\N\t\\N\t\\N\n")})
			p.gone()
		})
		b := s.backend(func(c *Config) { c.Cluster = `my cluster\` })
		rec := backendtest.NewRecorder(def())
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Follow(ctx, []source.Target{rec.Target()}) }()
		rec.Wait(t, "the update", func() bool { return slices.Equal(rec.Lines(), []string{"1|new"}) })
		history := rec.History()
		if len(history) != 2 || !history[0].Snapshot || history[0].Time != 5 || history[1].Time != 7 {
			t.Errorf("history %+v", history)
		}
		if key := history[0].Rows["1"]; backendtest.Line(key) != "1|a\\\tb" {
			t.Errorf("snapshot row %q", backendtest.Line(key))
		}
		why := errors.New("enough")
		cancel(why)
		if err := <-done; !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		for k, want := range map[string]string{
			"user": "reader", "database": "materialize", "application_name": "tycostream",
			"options": `--welcome_message=off --cluster=my\ cluster\\`,
		} {
			if params[k] != want {
				t.Errorf("parameter %s = %q, want %q", k, params[k], want)
			}
		}
		_, rel := rec.Schema()
		if rel.Name != "materialize.public.v" || rel.Type != "view" || rel.Columns[0].Nullable || !rel.Columns[1].Nullable {
			t.Errorf("relation %+v", rel)
		}
	})
}

func TestFollowResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const resume = `COPY (SUBSCRIBE "materialize"."public"."v" WITH (PROGRESS, SNAPSHOT = false) AS OF %d) TO STDOUT`
		s := newScript(t,
			func(p *peer) {
				p.start()
				p.catalog("u7", vColumns...)
				p.expect(vSubscribe)
				p.out(5)
				p.lines(`5 t \N \N \N`, `5 f 1 1 a`, `10 t \N \N \N`, `10 f 1 2 lost`) // cut behind the last progress row
			},
			func(p *peer) {
				p.start()
				p.catalog("u7", vColumns...)
				p.clock("10")
				p.expect(fmt.Sprintf(resume, 9))
				p.out(5)
				p.lines(`9 t \N \N \N`, `10 f 1 2 b`, `11 t \N \N \N`)
			},
			func(p *peer) { // history is gone
				p.start()
				p.catalog("u7", vColumns...)
				p.clock("12")
				p.expect(fmt.Sprintf(resume, 10))
				p.fail("ERROR", "22000", "could not find a valid timestamp for the query")
				p.gone()
			},
			func(p *peer) { // another relation of the same name
				p.start()
				p.catalog("u8", vColumns...)
				p.expect(vSubscribe)
				p.out(5)
				p.lines(`50 t \N \N \N`, `50 f 1 2 b`, `50 f 1 3 c`, `51 t \N \N \N`)
			},
		)
		b := s.backend()
		rec := backendtest.NewRecorder(def())
		if e := classOf(t, followed(t, b, rec)); e.Class != source.Retry {
			t.Errorf("cut: class %d, %v", e.Class, e)
		}
		equal(t, "after the cut", rec.Lines(), []string{"1|a"})
		if f := rec.Frontier(); f != (relation.Frontier{Time: 9, Wall: 9000}) {
			t.Errorf("frontier %v", f)
		}
		if e := classOf(t, followed(t, b, rec)); e.Class != source.Retry {
			t.Errorf("second cut: class %d, %v", e.Class, e)
		}
		equal(t, "after going on", rec.Lines(), []string{"1|a", "2|b"})
		if e := classOf(t, followed(t, b, rec)); e.Class != source.Compacted {
			t.Errorf("compacted: class %d, %v", e.Class, e)
		}
		if e := classOf(t, followed(t, b, rec)); e.Class != source.Retry {
			t.Errorf("third cut: class %d, %v", e.Class, e)
		}
		equal(t, "after another snapshot", rec.Lines(), []string{"2|b", "3|c"})
		if lives, resumes := rec.Counts(); lives != 3 || resumes != 1 {
			t.Errorf("%d lives, %d resumes", lives, resumes)
		}
	})
}

// TestFollowCutAnywhere breaks the stream behind every byte: the rows are
// always those of a covered time.
func TestFollowCutAnywhere(t *testing.T) {
	data := "5\tt\t\\N\t\\N\t\\N\n5\tf\t1\t1\ta\n6\tt\t\\N\t\\N\t\\N\n7\tf\t1\t2\tb\n7\tf\t1\t3\tc\n8\tf\t-1\t2\tb\n9\tt\t\\N\t\\N\t\\N\n9\tf\t1\t4\td\n"
	states := []string{"", "1|a", "1|a 3|c"}
	for cut := range len(data) {
		synctest.Test(t, func(t *testing.T) {
			s := newScript(t, func(p *peer) {
				p.start()
				p.catalog("u7", vColumns...)
				p.expect(vSubscribe)
				p.out(5)
				p.send(&pgproto3.CopyData{Data: []byte(data[:cut])})
				_, _ = p.net.Write([]byte{'d', 0, 0}) // a message that never ends
			})
			rec := backendtest.NewRecorder(def())
			if e := classOf(t, followed(t, s.backend(), rec)); e.Class != source.Retry {
				t.Errorf("class %d, %v", e.Class, e)
			}
			want := states[0]
			if strings.Contains(data[:cut], "6\tt\t\\N\t\\N\t\\N\n") {
				want = states[1]
			}
			if strings.Contains(data[:cut], "9\tt\t\\N\t\\N\t\\N\n") {
				want = states[2]
			}
			if got := strings.Join(rec.Lines(), " "); got != want {
				t.Errorf("cut behind %d bytes: rows %q, want %q", cut, got, want)
			}
		})
	}
}

func TestFollowGarbage(t *testing.T) {
	tests := []struct {
		name  string
		bytes string
	}{
		{"a line with a field too few", "d\x00\x00\x00\x0c7\tf\t1\t1\n"},
		{"an unknown message", "?\x00\x00\x00\x04"},
		{"a negative length", "d\xff\xff\xff\xff"},
		{"a huge length", "d\x7f\xff\xff\xff"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, func(p *peer) {
					p.start()
					p.catalog("u7", vColumns...)
					p.expect(vSubscribe)
					p.out(5)
					p.lines(`5 t \N \N \N`, `5 f 1 1 a`, `6 t \N \N \N`, `7 f 1 2 dropped`)
					_, _ = p.net.Write([]byte(tt.bytes))
					p.gone()
				})
				rec := backendtest.NewRecorder(def())
				e := classOf(t, followed(t, s.backend(), rec))
				if e.Class != source.Retry || !errors.Is(e, source.ErrMalformed) {
					t.Errorf("class %d, %v", e.Class, e)
				}
				equal(t, "rows", rec.Lines(), []string{"1|a"})
			})
		})
	}
}

func TestFollowStall(t *testing.T) {
	tests := []struct {
		name  string
		stall time.Duration
		lines []string
		want  time.Duration // 0: never
	}{
		{"a live stream", 30 * time.Second, []string{`5 t \N \N \N`, `6 t \N \N \N`}, 30 * time.Second},
		{"in the middle of a snapshot", 30 * time.Second, []string{`5 t \N \N \N`, `5 f 1 1 a`}, 30 * time.Second},
		{"an unhydrated view", 30 * time.Second, []string{`5 t \N \N \N`}, 0},
		{"no limit", 0, []string{`5 t \N \N \N`, `6 t \N \N \N`}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, func(p *peer) {
					p.start()
					p.catalog("u7", vColumns...)
					p.expect(vSubscribe)
					p.out(5)
					p.lines(tt.lines...)
					p.gone()
				})
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				begin := time.Now()
				err := s.backend(func(c *Config) { c.Stall = tt.stall }).
					Follow(ctx, []source.Target{backendtest.NewRecorder(def()).Target()})
				took := time.Since(begin)
				if tt.want == 0 {
					if took != time.Hour || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("ended after %v: %v", took, err)
					}
				} else if took != tt.want || !errors.Is(err, source.ErrStalled) {
					t.Errorf("ended after %v: %v", took, err)
				}
			})
		})
	}
}

// TestFollowIdle keeps a stream alive on progress rows alone.
func TestFollowIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, func(p *peer) {
			p.start()
			p.catalog("u7", vColumns...)
			p.expect(vSubscribe)
			p.out(5)
			for i := range 600 {
				p.lines(fmt.Sprintf(`%d t \N \N \N`, 5+i))
				time.Sleep(time.Second)
			}
			p.gone()
		})
		rec := backendtest.NewRecorder(def())
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := s.backend(func(c *Config) { c.Stall = 5 * time.Second }).
			Follow(ctx, []source.Target{rec.Target()}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if f := rec.Frontier(); f.Time != 603 {
			t.Errorf("frontier %v", f)
		}
	})
}

// TestFollowConstant takes an input that ends for final, waits, and reports
// that it may be read again.
func TestFollowConstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, func(p *peer) {
			p.start()
			p.catalog("u7", vColumns...)
			p.expect(vSubscribe)
			p.out(5)
			p.lines(`18446744073709551615 t \N \N \N`, `18446744073709551615 f 1 1 a`, `18446744073709551615 f 1 2 b`)
			p.done()
			p.gone()
		})
		rec := backendtest.NewRecorder(def())
		begin := time.Now()
		err := followed(t, s.backend(func(c *Config) { c.Resubscribe = time.Minute }), rec)
		if !errors.Is(err, source.ErrComplete) || time.Since(begin) != time.Minute {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		equal(t, "rows", rec.Lines(), []string{"1|a", "2|b"})
	})
}

func TestFollowQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &source.Definition{Name: "q", Query: "SELECT id, n FROM t -- all of it\n;\n", Key: []string{"id"}}
		const object = "(SELECT id, n FROM t -- all of it\n)"
		s := newScript(t, func(p *peer) {
			p.start()
			parse, err := p.Receive()
			p.check(err)
			if m, ok := parse.(*pgproto3.Parse); !ok || m.Query != "SUBSCRIBE "+object+" WITH (PROGRESS)" {
				p.t.Errorf("got %+v", parse)
			}
			for range 2 { // Describe, Sync
				_, err = p.Receive()
				p.check(err)
			}
			field := func(name string, oid uint32) pgproto3.FieldDescription {
				return pgproto3.FieldDescription{Name: []byte(name), DataTypeOID: oid}
			}
			p.send(
				&pgproto3.ParseComplete{}, &pgproto3.ParameterDescription{},
				&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{
					field("mz_timestamp", 1700), field("mz_progressed", 16), field("mz_diff", 20), field("id", 20), field("n", 1185),
				}},
				&pgproto3.ReadyForQuery{TxStatus: 'I'},
			)
			p.expect("SHOW search_path")
			p.answer([]string{"public"})
			p.expect("SELECT id, name FROM mz_catalog.mz_objects WHERE id LIKE 'u%' ORDER BY id")
			p.answer([]string{"u1", "t"})
			p.environment()
			p.expect("COPY (SUBSCRIBE " + object + " WITH (PROGRESS)) TO STDOUT")
			p.out(5)
			p.lines(`5 t \N \N \N`, `5 f 1 1 {}`, `6 t \N \N \N`)
		})
		rec := backendtest.NewRecorder(d)
		if e := classOf(t, followed(t, s.backend(), rec)); e.Class != source.Retry {
			t.Errorf("class %d, %v", e.Class, e)
		}
		equal(t, "rows", rec.Lines(), []string{"1|{}"})
		schema, rel := rec.Schema()
		if schema.String() != "*id BigInt, n Array" || schema.Columns[1].Elem != relation.Timestamp || rel.Type != "query" {
			t.Errorf("schema %v of %+v", schema, rel)
		}
	})
}

func TestFollowErrors(t *testing.T) {
	subscribe := func(then func(p *peer)) func(*peer) {
		return func(p *peer) {
			p.start()
			p.catalog("u7", vColumns...)
			p.expect(vSubscribe)
			then(p)
		}
	}
	tests := []struct {
		name  string
		part  func(*peer)
		class source.Class
		text  string
	}{
		{"missing relation", func(p *peer) { p.start(); p.catalog("u7") }, source.Slow, "materialize.public.v does not exist"},
		{"unknown item", subscribe(func(p *peer) { p.fail("ERROR", "XX000", "unknown catalog item 'v'") }), source.Slow, "does not exist"},
		{"V04: dropped", subscribe(func(p *peer) {
			p.out(5)
			p.lines(`5 t \N \N \N`, `6 t \N \N \N`)
			p.fail("ERROR", "42704", "relation 'materialize.public.v' was dropped")
		}), source.Slow, "was dropped"},
		{"another number of columns", subscribe(func(p *peer) { p.out(6) }), source.Retry, "the relation changed"},
		{"password refused", func(p *peer) {
			p.hello()
			p.fail("FATAL", "28P01", "invalid password")
		}, source.Config, "credentials"},
		{"FATAL in the stream", subscribe(func(p *peer) {
			p.out(5)
			p.fail("FATAL", "28000", "authentication expired")
		}), source.Retry, "login expired"},
		{"closed in the handshake", func(p *peer) { p.hello() }, source.Retry, "cannot be reached"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, tt.part)
				e := classOf(t, followed(t, s.backend(), backendtest.NewRecorder(def())))
				if e.Class != tt.class || !strings.Contains(e.Text, tt.text) {
					t.Errorf("class %d, text %q", e.Class, e.Text)
				}
			})
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		e := classOf(t, followed(t, newScript(t).backend(), backendtest.NewRecorder(def())))
		if e.Class != source.Retry || strings.Contains(e.Text, "mz.example") {
			t.Errorf("class %d, text %q", e.Class, e.Text)
		}
	})
	t.Run("two targets", func(t *testing.T) {
		if err := newScript(t).backend().Follow(t.Context(), nil); classOf(t, err).Class != source.Config {
			t.Error(err)
		}
	})
}

// TestFollowSinkError hands the sink's own error through.
func TestFollowSinkError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, func(p *peer) {
			p.start()
			p.catalog("u7", vColumns...)
			p.expect(vSubscribe)
			p.out(5)
			p.lines(`5 t \N \N \N`, `5 f 1 1 a`, `6 t \N \N \N`, `7 f 1 1 b`, `8 t \N \N \N`)
			p.gone()
		})
		e := classOf(t, followed(t, s.backend(), backendtest.NewRecorder(def())))
		if e.Class != source.Slow || !strings.Contains(e.Text, `not unique: key "1"`) {
			t.Errorf("got %v", e)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, func(p *peer) {
			p.start()
			p.catalog("u7", "other text")
			p.gone()
		})
		e := classOf(t, followed(t, s.backend(), backendtest.NewRecorder(def())))
		if e.Class != source.Config || !strings.Contains(e.Text, `key column "id" does not exist`) {
			t.Errorf("got %v", e)
		}
	})
}

func TestDescribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, func(p *peer) {
			p.start()
			p.query()
			p.fail("ERROR", "XX000", "unknown catalog item 'mz_internal.mz_object_fully_qualified_names'")
			if sql := p.query(); !strings.Contains(sql, "mz_catalog.mz_schemas") || !strings.Contains(sql, "d.name = 'db' AND s.name = 'S' AND o.name = 'it''s'") {
				p.t.Errorf("fallback %s", sql)
			}
			p.answer() // written without quotes, perhaps
			p.query()
			p.fail("ERROR", "XX000", "unknown catalog item 'mz_internal.mz_object_fully_qualified_names'")
			if sql := p.query(); !strings.Contains(sql, "s.name = 's' AND o.name = 'it''s'") {
				p.t.Errorf("folded %s", sql)
			}
			p.answer([]string{"id", "f", "integer", "u7", "table"})
			p.environment()
			p.gone()
		})
		d := &source.Definition{Name: "v", Relation: `db.S.it's`, Key: []string{"id"}}
		rel, err := s.backend().Describe(t.Context(), d)
		if err != nil || rel.Name != "db.s.it's" || len(rel.Columns) != 1 {
			t.Fatalf("got %+v, %v", rel, err)
		}
	})
}

// TestCleartextAndTLSFallback: sslmode=prefer asks for TLS first and goes on
// without when there is none.
func TestPasswordAndTLSFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t,
			func(p *peer) {
				msg, err := p.ReceiveStartupMessage()
				p.check(err)
				if _, ok := msg.(*pgproto3.SSLRequest); !ok {
					p.t.Errorf("got %T", msg)
				}
				_, err = p.net.Write([]byte{'N'})
				p.check(err)
				p.gone()
			},
			func(p *peer) {
				p.hello()
				p.send(&pgproto3.AuthenticationCleartextPassword{})
				p.check(p.SetAuthType(pgproto3.AuthTypeCleartextPassword))
				msg, err := p.Receive()
				p.check(err)
				if pw, ok := msg.(*pgproto3.PasswordMessage); !ok || pw.Password != "secret" {
					p.t.Errorf("got %+v", msg)
				}
				p.welcome()
				p.catalog("u7", vColumns...)
			})
		b := s.backend(func(c *Config) { c.ConnString = strings.Replace(c.ConnString, "disable", "prefer", 1) })
		if _, err := b.Describe(t.Context(), def()); err != nil {
			t.Fatal(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, func(p *peer) {
			_, err := p.ReceiveStartupMessage()
			p.check(err)
			_, err = p.net.Write([]byte{'N'})
			p.check(err)
		})
		b := s.backend(func(c *Config) { c.ConnString = strings.Replace(c.ConnString, "disable", "require", 1) })
		_, err := b.Describe(t.Context(), def())
		if e := classOf(t, err); e.Class != source.Config || !strings.Contains(e.Text, "offers no TLS") {
			t.Fatal(err)
		}
	})
}
