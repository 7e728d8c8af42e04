package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/tycostream/tycostream/internal/config/mistake"
)

func TestDotenv(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "A=1\nB=two words \n", "A=1|B=two words"},
		{"export and blanks", "export A = 1\n\n  # note\n", "A=1"},
		{"comment behind a value", "A=1 # note", "A=1"},
		{"hash in quotes", `A="1 # not"  # note`, "A=1 # not"},
		{"dollar stays", "PASSWORD=pa$$word${X}", "PASSWORD=pa$$word${X}"},
		{"equals in the value", "A=b=c", "A=b=c"},
		{"single quotes are verbatim", `A='x\ny'`, `A=x\ny`},
		{"double quotes", `A="x\ny\"z\\n"`, "A=x\ny\"z\\n"},
		{"back quotes", "A=`it's \"it\"`", `A=it's "it"`},
		{"over lines", "A=\"one\ntwo\" # note\nB=1", "A=one\ntwo|B=1"},
		{"empty", "A=\nB=''", "A=|B="},
		{"windows", "\uFEFFA=1\r\nB=2\r\n", "A=1|B=2"},
		{"dots and dashes", "a.b-c=1", "a.b-c=1"},
		{"without end of line", "A=1", "A=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var wrong mistake.List
			var got []string
			for _, v := range parseDotenv(".env", c.text, &wrong) {
				got = append(got, v.name+"="+v.value)
			}
			if strings.Join(got, "|") != c.want || len(wrong) > 0 {
				t.Errorf("got %q, %v", got, wrong)
			}
		})
	}
}

func TestDotenvMistakes(t *testing.T) {
	var wrong mistake.List
	list := parseDotenv(".env", "A=\"two\nlines\"\nno assignment\n=x\nB='open\nC=1\nsp ace=1", &wrong)
	want := ".env:3:1: this line is ignored: write NAME=value\n" +
		".env:4:1: this line is ignored: write NAME=value\n" +
		".env:5:1: this line is ignored: the value of B has no closing quote\n" +
		".env:7:1: this line is ignored: write NAME=value"
	if wrong.Error() != want {
		t.Errorf("got\n%s", wrong.Error())
	}
	if i := slices.IndexFunc(list, func(v variable) bool { return v.name == "C" && v.line == 6 }); i < 0 {
		t.Errorf("%+v", list)
	}
}

func FuzzDotenv(f *testing.F) {
	f.Add("A=1\nexport B='x'\nC=\"y\nz\" # c\nD=`q`\n=\n#")
	f.Fuzz(func(t *testing.T, text string) {
		var wrong mistake.List
		lines := strings.Count(text, "\n") + 1
		for _, v := range parseDotenv("f", text, &wrong) {
			if v.line < 1 || v.line > lines || v.name == "" {
				t.Errorf("%+v of %d lines", v, lines)
			}
		}
		for _, m := range wrong {
			if m.Line < 1 || m.Line > lines {
				t.Errorf("%+v of %d lines", m, lines)
			}
		}
	})
}

func FuzzSettingsFile(f *testing.F) {
	f.Add([]byte("listen: {port: 1}\nallowed_origins: [a, b]\nadmin_secret: ${X:-y}\n"))
	f.Add([]byte("listen: &a\n  port: *a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		byKey := map[string]*Setting{}
		for _, s := range Settings() {
			byKey[s.Key] = &s
		}
		var wrong mistake.List
		p := &fileParser{
			name: "f", settings: byKey, lookup: func(string) (string, error) { return "", nil },
			mistakes: &wrong, places: map[string]mistake.Mistake{},
		}
		if _, err := p.Unmarshal(text); err != nil {
			t.Error(err)
		}
		for _, m := range wrong {
			if m.Line < 1 {
				t.Errorf("without a line: %+v", m)
			}
		}
	})
}
