package db

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Named are the values of a statement by their names, as pgx.NamedArgs are. pgx reads the whole text of a statement
// each time to find the names in it, which for the statement of a payment takes longer than to send it. Statements are
// constants, so each is read once.
type Named map[string]any

// positional is a statement with its names replaced by numbers, and the names in the order of these.
type positional struct {
	sql   string
	names []string
}

var positionals sync.Map // by the text with names

// RewriteQuery implements pgx.QueryRewriter.
func (n Named) RewriteQuery(ctx context.Context, conn *pgx.Conn, sql string, args []any) (string, []any, error) {
	known, found := positionals.Load(sql)
	if !found {
		read, complete, err := n.read(ctx, conn, sql)
		if err != nil || !complete {
			return pgx.NamedArgs(n).RewriteQuery(ctx, conn, sql, args)
		}
		known, _ = positionals.LoadOrStore(sql, read)
	}
	statement := known.(positional) //nolint:forcetypeassert // nothing else is put in
	values := make([]any, len(statement.names))
	for i, name := range statement.names {
		values[i] = n[name]
	}
	return statement.sql, values, nil
}

// read has pgx find the names in a statement: each stands for itself. Not complete: there is one without a value, of
// which pgx does not tell the name.
func (n Named) read(ctx context.Context, conn *pgx.Conn, sql string) (p positional, complete bool, err error) {
	itself := make(pgx.NamedArgs, len(n))
	for name := range n {
		itself[name] = name
	}
	text, found, err := itself.RewriteQuery(ctx, conn, sql, nil)
	p = positional{text, make([]string, len(found))}
	for i, value := range found {
		name, named := value.(string)
		if !named {
			return p, false, err
		}
		p.names[i] = name
	}
	return p, true, err
}
