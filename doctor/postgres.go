package doctor

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// oldestPostgres is the oldest server the schema is tested with.
const oldestPostgres = 150000

func (d *doctor) lookAtPostgres(ctx context.Context) []Finding {
	server, err := d.store.Server(ctx)
	switch {
	case err != nil:
		return fail("postgres.away", values{"error": oneLine(err)})
	case server.Number < oldestPostgres:
		return fail("postgres.old", values{"version": server.Version})
	}
	if err := d.store.MeasureClock(ctx); err != nil { // how long something waits is told by Postgres's clock
		return broken(err)
	}
	return well("postgres.fine", values{"version": server.Version})
}

func (d *doctor) lookAtSchema(ctx context.Context) []Finding {
	applied, known, err := d.store.SchemaVersions(ctx)
	seen := values{"applied": strconv.FormatInt(applied, 10), "known": strconv.FormatInt(known, 10)}
	switch {
	case err != nil:
		return broken(err)
	case applied < known:
		return fail("postgres.schema.behind", seen)
	case applied > known:
		return warn("postgres.schema.ahead", seen)
	}
	return well("postgres.schema.fine", seen)
}

// lookAtRole tells whether the program could rewrite what is only to be added to, audit and moves.
func (d *doctor) lookAtRole(ctx context.Context) []Finding {
	role, err := d.store.Role(ctx)
	seen := values{"role": role.Name}
	switch {
	case err != nil:
		return broken(err)
	case role.Alters:
		return fail("postgres.role.owner", seen)
	}
	return well("postgres.role.fine", seen)
}

func (d *doctor) lookAtConnections(ctx context.Context) []Finding {
	figures, err := d.store.Figures(ctx)
	if err != nil {
		return broken(err)
	}
	seen := values{"used": strconv.Itoa(figures.Connections), "max": strconv.Itoa(figures.ConnectionsMax)}
	if figures.Connections*100 >= figures.ConnectionsMax*d.watch().Connections {
		return warn("postgres.connections.few", seen)
	}
	return well("postgres.connections.fine", seen)
}

// longTransaction holds back the cleaning of every table, and maybe locks.
const longTransaction = 5 * time.Minute

func (d *doctor) lookAtTransactions(ctx context.Context) []Finding {
	server, err := d.store.Server(ctx)
	if err != nil {
		return broken(err)
	}
	seen := values{"time": span(server.OldestTransaction)}
	if server.OldestTransaction > longTransaction {
		return warn("postgres.transactions.long", seen)
	}
	return well("postgres.transactions.fine", seen)
}

// lookAtKeys tells whether DATA_KEY and PEPPER are those that the data was made with: after a restore they may not be.
func (d *doctor) lookAtKeys(ctx context.Context) []Finding {
	if d.data == nil || d.pepper == nil {
		return warn(unseen, values{"need": "secrets"})
	}
	keys, err := d.store.KeysFit(ctx)
	switch {
	case err != nil:
		return broken(err)
	case !keys.Tried:
		return well("keys.untried", nil)
	case !keys.Data:
		return fail("keys.data", nil)
	case !keys.Pepper:
		return fail("keys.pepper", nil)
	}
	return well("keys.fine", nil)
}

func (d *doctor) lookAtSeeds(ctx context.Context) []Finding {
	seeds, err := d.store.Seeds(ctx)
	switch {
	case err != nil:
		return broken(err)
	case len(seeds) == 0:
		return fail("seeds.none", nil)
	}
	var found []Finding
	var all []string
	for _, s := range seeds {
		all = append(all, s.University)
		switch {
		case s.Kiosks == 0:
			found = append(found, warn("seeds.kiosks", values{"university": s.University})...)
		case s.People == 0:
			found = append(found, warn("seeds.people", values{"university": s.University})...)
		case s.Settlers < 2: // K3: skipping a step takes two
			found = append(found, warn("seeds.operators",
				values{"university": s.University, "count": strconv.Itoa(s.Settlers)})...)
		}
	}
	if len(found) == 0 {
		return well("seeds.fine", values{"universities": strings.Join(all, ", ")})
	}
	return found
}
