package money

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"campuscard/storage/db"
)

// Refusal is refusal, for tests of every constraint.
func Refusal(err error) error { return refusal(err) }

// PlanOf is how Postgres does the statement of a lot.
func PlanOf(ctx context.Context, conn *pgx.Conn, d *db.DB, lot []Payment) ([]string, error) {
	rows, err := conn.Query(ctx, "explain (analyze, costs off, timing off, summary off) "+string(payLotSQL),
		lotArgs(d.Now(), lot))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// PlanOfDrop is how Postgres deletes old answers.
func PlanOfDrop(ctx context.Context, conn *pgx.Conn, before time.Time, limit int) ([]string, error) {
	rows, err := conn.Query(ctx, "explain (analyze, costs off, timing off, summary off) "+dropAnswersSQL,
		pgx.NamedArgs{"before": before, "limit": limit})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// PayIn does the statement of a lot on a connection, in whatever transaction it has.
func PayIn(ctx context.Context, conn *pgx.Conn, d *db.DB, lot []Payment) error {
	rows, err := conn.Query(ctx, string(payLotSQL), lotArgs(d.Now(), lot))
	if err != nil {
		return err
	}
	rows.Close()
	return rows.Err()
}

// The statements that find what is due at channels.
const (
	DueOrdersSQL    = string(dueOrdersSQL)
	DueContractsSQL = string(dueContractsSQL)
)
