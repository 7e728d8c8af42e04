package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/tycostream/tycostream/internal/auth"
)

type outcome uint8

const (
	anonymous outcome = iota
	admin
	refused
)

func check(t *testing.T, id auth.Identity, err error, want outcome) {
	t.Helper()
	got := anonymous
	switch {
	case err != nil:
		got = refused
		if e, ok := errors.AsType[*auth.Error](err); !ok || e.Extensions()["code"] != auth.CodeDenied {
			t.Errorf("error %v", err)
		}
	case id.Admin:
		got = admin
	}
	if got != want {
		t.Errorf("got %d, want %d (%v)", got, want, err)
	}
}

func TestRequest(t *testing.T) {
	tests := []struct {
		name, secret, header, value string
		want                        outcome
	}{
		{"no secret is configured", "", "Authorization", "Bearer whatever", admin},
		{"nothing sent", "s3cret", "X-Other", "s3cret", anonymous},
		{"bearer", "s3cret", "Authorization", "Bearer s3cret", admin},
		{"bearer in small letters", "s3cret", "Authorization", "bearer  s3cret ", admin},
		{"wrong bearer", "s3cret", "Authorization", "Bearer s3cre", refused},
		{"empty bearer", "s3cret", "Authorization", "Bearer ", anonymous},
		{"a proxy's scheme", "s3cret", "Authorization", "Basic czNjcmV0", anonymous},
		{"hasura's header", "s3cret", "X-Hasura-Admin-Secret", "s3cret", admin},
		{"hasura's header, wrong", "s3cret", "X-Hasura-Admin-Secret", "S3cret", refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			h.Set(tt.header, tt.value)
			id, err := auth.New(tt.secret).Request(h)
			check(t, id, err, tt.want)
		})
	}
}

func TestInit(t *testing.T) {
	upgrade := http.Header{"Authorization": {"Bearer s3cret"}}
	tests := []struct {
		name, payload string
		upgrade       http.Header
		want          outcome
	}{
		{"no payload", ``, nil, anonymous},
		{"null", `null`, nil, anonymous},
		{"not an object", `["token","s3cret"]`, nil, anonymous},
		{"unrelated", `{"a":1}`, nil, anonymous},
		{"headers.Authorization", `{"headers":{"Authorization":"Bearer s3cret"}}`, nil, admin},
		{"headers.x-hasura-admin-secret", `{"headers":{"x-hasura-admin-secret":"s3cret"}}`, nil, admin},
		{"headers in capitals", `{"Headers":{"AUTHORIZATION":"Bearer s3cret"}}`, nil, admin},
		{"Authorization", `{"Authorization":"Bearer s3cret"}`, nil, admin},
		{"authorization, bare", `{"authorization":"s3cret"}`, nil, admin},
		{"authorization of another scheme", `{"authorization":"Basic eDp5"}`, nil, anonymous},
		{"authToken", `{"authToken":"s3cret"}`, nil, admin},
		{"token", `{"token":"s3cret"}`, nil, admin},
		{"wrong token", `{"token":"x"}`, nil, refused},
		{"headers come first", `{"headers":{"Authorization":"Bearer x"},"token":"s3cret"}`, nil, refused},
		{"token of a wrong type", `{"token":7}`, nil, anonymous},
		{"upgrade headers", `{}`, upgrade, admin},
		{"payload beats upgrade headers", `{"token":"x"}`, upgrade, refused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, err := auth.New("s3cret").Init(json.RawMessage(tt.payload), tt.upgrade)
			check(t, id, err, tt.want)
		})
	}
	id, err := auth.New("").Init(nil, nil)
	check(t, id, err, admin)
}

func TestRequireAdmin(t *testing.T) {
	ctx := context.Background()
	if auth.RequireAdmin(ctx) == nil {
		t.Error("a caller without identity passes")
	}
	if auth.RequireAdmin(auth.WithIdentity(ctx, auth.Identity{})) == nil {
		t.Error("an anonymous caller passes")
	}
	if err := auth.RequireAdmin(auth.WithIdentity(ctx, auth.Identity{Admin: true})); err != nil {
		t.Error(err)
	}
}

func FuzzInit(f *testing.F) {
	f.Add([]byte(`{"headers":{"Authorization":"Bearer x"}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if id, _ := auth.New("correct horse battery staple").Init(payload, nil); id.Admin && !json.Valid(payload) {
			t.Fatalf("junk is an administrator: %q", payload)
		}
	})
}
