package people

import (
	"bytes"
	"slices"
	"time"

	"campuscard/campus"
	"campuscard/storage/db"
)

// delays are the waits after wrong entries on which one entry counts: those of an account, of an address, and of the
// account from that address. The rows are locked in the order of their keys, so that two entries never wait for each
// other.
type delays struct {
	counts []delayCount
	usual  time.Duration // an account that has signed in from the address since is not held up by strangers
}

// delayCount is one of the rows, with what this entry has made of it.
type delayCount struct {
	key, account []byte
	policy       campus.DelayPolicy
	pair         bool // an account from one address
	address      bool // whatever the account

	before, until time.Time // this entry has put the one in the place of the other
	level         float64
	began         bool // with this entry the account begins to wait
}

// delayRow is a row as it is kept.
type delayRow struct {
	Key     []byte
	Level   float64
	At      time.Time
	Until   time.Time
	RightAt *time.Time
}

// noWait is the end of a wait that there is not. The moment of writing it would not do: another entry may have begun
// before that, and have waited for the row.
var noWait = time.Unix(0, 0)

// newDelays returns the delays of entries of a kind. Addresses of strangers are kept as keyed hashes, as accounts are.
func newDelays(keys db.Keyring, kind string, policy campus.EntryDelays, who Credentials) *delays {
	name := who.University + "\x00" + who.Name
	account := keys.Keyed("entry_delays."+kind, name)
	d := &delays{counts: []delayCount{
		{key: keys.Keyed("entry_delays."+kind+".pair", name+"\x00"+who.Address), account: account, policy: policy.Pair,
			pair: true},
		{key: keys.Keyed("entry_delays."+kind+".address", who.Address), policy: policy.Address, address: true},
	}}
	if policy.Account.Free > 0 {
		d.counts = append(d.counts, delayCount{key: account, account: account, policy: policy.Account})
	}
	slices.SortFunc(d.counts, func(a, b delayCount) int { return bytes.Compare(a.key, b.key) })
	return d
}

// count counts one entry as a wrong one, in advance, unless it has to wait: so of many that come at the same time no
// more are looked at than may be.
func (d *delays) count(t db.Tx) (wait time.Duration, err error) {
	keys := db.Column(d.counts, func(c delayCount) []byte { return c.key })
	if err := t.Exec(`insert into entry_delays (key, account, level, at, until)
		select key, account, 0, ?, ? from unnest(?::bytea[], ?::bytea[]) u (key, account) on conflict do nothing`,
		t.Now, noWait, keys, db.Column(d.counts, func(c delayCount) []byte { return c.account })).Error; err != nil {
		return 0, err
	}
	rows, err := lockDelays(t, selectDelays+`key = any(?::bytea[])`+lockDelaysInOrder, keys)
	if err != nil {
		return 0, err
	}
	if len(rows) < len(d.counts) { // one was swept meanwhile
		return 0, db.ErrContested
	}
	if wait := d.wait(t.Now, rows); wait > 0 {
		return wait, nil
	}
	for i := range d.counts {
		d.counts[i].add(t.Now, rows[i])
	}
	return 0, t.Exec(`update entry_delays d set level = u.level, at = ?, until = u.until
		from unnest(?::bytea[], ?::float8[], ?::timestamptz[]) u (key, level, until) where d.key = u.key`, t.Now, keys,
		db.Column(d.counts, func(c delayCount) float64 { return c.level }),
		db.Column(d.counts, func(c delayCount) time.Time { return c.until })).Error
}

// What lockDelays is asked: which rows, and to lock them in the order of their keys.
const (
	selectDelays      = `select key, level, at, until, right_at from entry_delays where `
	lockDelaysInOrder = ` order by key for update`
)

// lockDelays locks rows in the order of their keys.
func lockDelays(t db.Tx, query db.Statement, args ...any) (rows []delayRow, err error) {
	err = t.Raw(string(query), args...).Scan(&rows).Error
	return rows, err
}

// wait returns how long the entry has to wait. Waits that strangers can cause do not count where the account is usually
// used.
func (d *delays) wait(now time.Time, rows []delayRow) (wait time.Duration) {
	usual := false
	for i, c := range d.counts {
		usual = usual || c.pair && rows[i].RightAt != nil && now.Sub(*rows[i].RightAt) < d.usual
	}
	for i, c := range d.counts {
		if c.pair || !usual {
			wait = max(wait, rows[i].Until.Sub(now))
		}
	}
	return wait
}

func (c *delayCount) add(now time.Time, row delayRow) {
	left := c.policy.Remaining(row.Level, now.Sub(row.At))
	c.level, c.before, c.until = c.policy.Add(left), row.Until, row.Until
	wait := c.policy.Wait(c.level)
	if until := now.Add(wait).Truncate(time.Microsecond); wait > 0 && until.After(c.until) {
		c.until = until
	}
	c.began = !c.address && wait > 0 && c.policy.Wait(left) == 0
}

// began tells whether the account begins to wait with this entry.
func (d *delays) began() bool {
	return slices.ContainsFunc(d.counts, func(c delayCount) bool { return c.began })
}

// forgive takes back what count has counted, since the entry was right. For the account from this address everything
// begins anew; wrong entries elsewhere stay counted.
func (d *delays) forgive(t db.Tx) error {
	keys := db.Column(d.counts, func(c delayCount) []byte { return c.key })
	if _, err := lockDelays(t, selectDelays+`key = any(?::bytea[])`+lockDelaysInOrder, keys); err != nil {
		return err
	}
	return t.Exec(`update entry_delays d set
			level = case when u.pair then 0 else greatest(d.level - 1, 0) end,
			until = case when u.pair then @none when d.until = u.until then u.before else d.until end,
			right_at = case when u.pair then @now else d.right_at end
		from unnest(cast(@keys as bytea[]), cast(@pairs as boolean[]), cast(@before as timestamptz[]), cast(@until as timestamptz[]))
			u (key, pair, before, until)
		where d.key = u.key`, map[string]any{"now": t.Now, "none": noWait, "keys": keys,
		"pairs":  db.Column(d.counts, func(c delayCount) bool { return c.pair }),
		"before": db.Column(d.counts, func(c delayCount) time.Time { return c.before }),
		"until":  db.Column(d.counts, func(c delayCount) time.Time { return c.until })}).Error
}

// CodeEntry is one entry of a code for a machine that a stranger may know of. Wrong ones are held up by address, never
// for the machine, and never end the right one: whoever has that may be entering it somewhere else.
type CodeEntry struct{ delays *delays }

// NewCodeEntry returns an entry of a code of a kind for a machine, known or not.
func NewCodeEntry(keys db.Keyring, policy campus.SignInPolicy, kind, machine, address string) CodeEntry {
	return CodeEntry{newDelays(keys, kind, policy.CodeDelays, Credentials{Name: machine, Address: address})}
}

// Count counts the entry as a wrong one, in advance, unless it has to wait.
func (e CodeEntry) Count(t db.Tx) (wait time.Duration, err error) { return e.delays.count(t) }

// Began tells whether the address begins to wait for this machine with this entry: once for each wave.
func (e CodeEntry) Began() bool { return e.delays.began() }

// Forgive takes back what was counted, since the entry was right.
func (e CodeEntry) Forgive(t db.Tx) error { return e.delays.forgive(t) }

// liftDelays ends every wait of an account, wherever its entries came from. Those of addresses stay: they are nobody's.
func liftDelays(t db.Tx, account []byte) error {
	if _, err := lockDelays(t, selectDelays+`account = ?`+lockDelaysInOrder, account); err != nil {
		return err
	}
	return t.Exec(`update entry_delays set level = 0, until = ? where account = ?`, noWait, account).Error
}
