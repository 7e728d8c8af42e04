package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// PutDefinition implements webhook.Log.
func (s *Store) PutDefinition(ctx context.Context, name string, doc []byte) error {
	tok, hashed := token(name)
	if hashed {
		return fmt.Errorf("write a definition: the name is longer than %d bytes", maxPlainKey)
	}
	if _, err := s.broker.js.Publish(ctx, "def."+tok, doc); err != nil {
		return fmt.Errorf("write a definition: %w", err)
	}
	return nil
}

// DeleteDefinition implements webhook.Log. One that is not there is deleted.
func (s *Store) DeleteDefinition(ctx context.Context, name string) error {
	tok, _ := token(name)
	return purgeStream(ctx, s.broker.defs, "def."+tok, 0)
}

// Definitions implements webhook.Log.
func (s *Store) Definitions(ctx context.Context) (map[string][]byte, error) {
	docs := map[string][]byte{}
	for seq := uint64(1); ; seq++ {
		m, err := s.broker.defs.GetMsg(ctx, seq, jetstream.WithGetMsgSubject("def.>"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return docs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read definitions: %w", err)
		}
		name, ok := untoken(strings.TrimPrefix(m.Subject, "def."))
		if !ok {
			return nil, fmt.Errorf("read definitions: subject %q: %w", m.Subject, errBadRecord)
		}
		docs[name] = m.Data
		seq = m.Sequence
	}
}
