package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// A definition that is replaced or deleted is erased where it stands on disk.
// Anything less may come back after a kill: the server notes that a message is
// removed, but not in every case before minutes have passed.

// PutDefinition implements webhook.Log.
func (s *Store) PutDefinition(ctx context.Context, name string, doc []byte) error {
	tok, hashed := token(name)
	if hashed {
		return fmt.Errorf("write a definition: the name is longer than %d bytes", maxPlainKey)
	}
	s.defs.Lock()
	defer s.defs.Unlock()
	if err := s.room(len(doc)); err != nil {
		return fmt.Errorf("write a definition: %w", err)
	}
	return s.use(func(b *broker) error {
		seq, err := b.publish(ctx, "def."+tok, doc)
		if err != nil {
			return s.wrote(ctx, "write a definition", err)
		}
		old := s.defSeqs[name]
		s.defSeqs[name] = append(slices.Clip(old), seq)
		if err := b.erase(ctx, b.defs, old...); err != nil {
			s.opts.Log.Warn("outbox: an older definition stays until the next start", "err", err)
			return nil
		}
		s.defSeqs[name] = []uint64{seq}
		return nil
	})
}

// DeleteDefinition implements webhook.Log. One that is not there is deleted.
func (s *Store) DeleteDefinition(ctx context.Context, name string) error {
	s.defs.Lock()
	defer s.defs.Unlock()
	if err := s.room(0); err != nil {
		return fmt.Errorf("delete a definition: %w", err)
	}
	return s.use(func(b *broker) error {
		// The newest goes last: until then it is the definition.
		if err := b.erase(ctx, b.defs, s.defSeqs[name]...); err != nil {
			return s.wrote(ctx, "delete a definition", err)
		}
		delete(s.defSeqs, name)
		return nil
	})
}

// erase overwrites messages, one after the other.
func (b *broker) erase(ctx context.Context, stream jetstream.Stream, seqs ...uint64) error {
	for _, seq := range seqs {
		err := stream.SecureDeleteMsg(ctx, seq)
		if err == nil {
			continue
		}
		if _, there := stream.GetMsg(ctx, seq); !errors.Is(there, jetstream.ErrMsgNotFound) {
			return fmt.Errorf("erase a message: %w", err)
		}
	}
	return nil
}

// recoverDefinitions finds the definitions, and erases what a kill left of older
// ones.
func (s *Store) recoverDefinitions(ctx context.Context, b *broker) error {
	s.defSeqs = map[string][]uint64{}
	err := b.scan(ctx, defsStream, "def.>", func(subject string, seq uint64, _ []byte) error {
		name, ok := untoken(strings.TrimPrefix(subject, "def."))
		if !ok {
			return fmt.Errorf("read definitions: subject %q: %w", subject, errBadRecord)
		}
		s.defSeqs[name] = append(s.defSeqs[name], seq)
		return nil
	})
	if err != nil {
		return err
	}
	for name, seqs := range s.defSeqs {
		newest := len(seqs) - 1
		if err := b.erase(ctx, b.defs, seqs[:newest]...); err != nil {
			return err
		}
		s.defSeqs[name] = seqs[newest:]
	}
	return nil
}

// Definitions implements webhook.Log.
func (s *Store) Definitions(ctx context.Context) (map[string][]byte, error) {
	s.defs.Lock()
	defer s.defs.Unlock()
	docs := map[string][]byte{}
	err := s.use(func(b *broker) error {
		for name, seqs := range s.defSeqs {
			m, err := b.defs.GetMsg(ctx, seqs[len(seqs)-1])
			if err != nil {
				return fmt.Errorf("read a definition: %w", err)
			}
			docs[name] = m.Data
		}
		return nil
	})
	return docs, err
}
