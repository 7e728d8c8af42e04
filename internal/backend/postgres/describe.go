package postgres

import (
	"context"

	"github.com/tycostream/tycostream/internal/backend/postgres/pgcatalog"
	"github.com/tycostream/tycostream/internal/source"
)

// Describe looks a source up in the catalog and checks that it can be followed.
func (b *Backend) Describe(ctx context.Context, def *source.Definition) (*source.Relation, error) {
	conn, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	defer hangUp(conn.Conn)
	t, err := b.inspect(ctx, conn, def)
	if err != nil {
		return nil, err
	}
	return t.Relation(def), nil
}

// inspect looks a source up and checks that it can be followed.
func (b *Backend) inspect(ctx context.Context, conn *pgcatalog.Session, def *source.Definition) (*pgcatalog.Table, error) {
	t, err := pgcatalog.LookUp(ctx, conn, def)
	if err != nil {
		return nil, err
	}
	if err := t.Check(def, b.user()); err != nil {
		return nil, err
	}
	return t, nil
}

func (b *Backend) user() string { return b.config.User }
