package money

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"campuscard/storage/db"
)

// Refusal is refusal, for tests of every constraint.
func Refusal(err error) error { return refusal(err) }

// MonthsFor is monthsFor, for tests.
func MonthsFor(missing, found int, took time.Duration, looked int) int {
	return monthsFor(missing, found, took, looked)
}

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

// PlanOfUntold is how Postgres finds what may have to be told, on a connection of reports.
func PlanOfUntold(ctx context.Context, conn *pgx.Conn, from, until time.Time, limit int) ([]string, error) {
	rows, err := conn.Query(ctx, "explain (analyze, costs off, timing off, summary off, buffers off) "+string(untoldSQL),
		pgx.QueryExecModeSimpleProtocol, pgx.NamedArgs{"after": lowestID(from), "until": lowestID(until), "limit": limit})
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

// Statements, for tests of how Postgres does them.
const (
	DueOrdersSQL       = string(dueOrdersSQL)
	DueRefundsSQL      = string(dueRefundsSQL)
	DueContractsSQL    = string(dueContractsSQL)
	OrdersSQL          = string(ordersSQL)
	RefundsOfOrdersSQL = string(refundsOfOrdersSQL)
	StuckRefundsSQL    = string(stuckRefundsSQL)
	DrawersSQL         = string(drawersSQL)
	OpenDrawersSQL     = string(openDrawersSQL)
	TotalsSQL          = string(totalsSQL)
)
