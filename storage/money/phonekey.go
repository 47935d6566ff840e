package money

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// PhoneKey is what a holder's phone signs its codes with (E1).
type PhoneKey struct {
	ID         uuid.UUID `json:"id" doc:"The codes of the phone name it"`
	AccountID  uuid.UUID `json:"account_id"`
	MadeAt     time.Time `json:"made_at"`
	ValidUntil time.Time `json:"valid_until" doc:"Until then its codes are taken; bind the same key again before"`

	University string `json:"-"`
	Held       bool   `json:"-"` // the card is: no till without network may take it (F1)
}

// PhoneKeyTime is how long the codes of a phone are taken before it has to be heard of again.
const PhoneKeyTime = campus.CertificateTime

// issuer is the key that signs certificates in a period, by its number. Whoever has the pepper has it, and nobody else.
func issuer(keys db.Keyring, number int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(keys.Keyed("phone_keys.certificate", strconv.Itoa(number)))
}

// Issuer is the public half of the key that signs certificates of phones, by its number (E1).
func (s *Store) Issuer(number int) ed25519.PublicKey {
	public, _ := issuer(s.Keys, number).Public().(ed25519.PublicKey)
	return public
}

// Certify makes the certificate of a phone's key, now.
func (s *Store) Certify(key uuid.UUID, university string, public *ecdsa.PublicKey, until time.Time) string {
	number := campus.IssuerNumber(s.Now())
	return campus.Certify(issuer(s.Keys, number), number, key, university, public, until)
}

// BindPhone has a phone pay for a holder: the one that did before pays no more, from the commit on. The same key again
// is the same phone, for another day. At most hourly others are bound within an hour: each costs a message. NotFound:
// account_unknown, when the holder has no card that pays. TooMany: phones_spent.
func (s *Store) BindPhone(ctx context.Context, person uuid.UUID, public []byte, hourly int) (k PhoneKey, err error) {
	err = s.InTx(ctx, "bind a phone", func(t db.Tx) error {
		a, err := lockCurrent(t, person)
		if err != nil {
			return err
		}
		k = PhoneKey{AccountID: a.ID, ValidUntil: t.Now.Add(PhoneKeyTime)}
		if err := bind(t, &k, person, a.University, public, hourly); err != nil {
			return err
		}
		k.University, k.Held = a.University, len(a.Holds) > 0
		return t.Write(`update accounts set phone_key = @key, phone_key_until = @until where id = @account`,
			map[string]any{"key": k.ID, "until": k.ValidUntil, "account": a.ID})
	})
	return k, err
}

// bind finds the key among those of the account, or keeps it in place of the other. The account is locked.
func bind(t db.Tx, k *PhoneKey, person uuid.UUID, university string, public []byte,
	hourly int) error {
	words := map[string]any{"id": uuid.Must(uuid.NewV7()), "account": k.AccountID, "person": person, "key": public,
		"now": t.Now}
	err := t.Ask(`select id, made_at from phone_keys where account_id = @account and public_key = @key
		and ended_at is null`, words).Scan(&k.ID, &k.MadeAt)
	if !isAbsent(err) {
		return err
	}
	if err := mayBind(t, person, hourly); err != nil {
		return err
	}
	if err := t.Write(endPhoneSQL, words); err != nil {
		return err
	}
	if err := t.Write(`insert into phone_keys (id, account_id, person_id, public_key, made_at)
		values (@id, @account, @person, @key, @now)`, words); err != nil {
		return err
	}
	k.ID, k.MadeAt = words["id"].(uuid.UUID), t.Now //nolint:forcetypeassert // it was put in above
	if err := casework.QueueNotice(t, person, nil, campus.Notice{Template: "notice.phone_bound"}, nil); err != nil {
		return err
	}
	return casework.AddAudit(t, campus.Student(person), "phone.bind", "account/"+k.AccountID.String(), university)
}

// endPhoneSQL ends the phone of an account, and has tills without network know of it: what it signed stays good to look
// at.
const endPhoneSQL = `with ended as (
	update phone_keys set ended_at = @now where account_id = @account and ended_at is null returning id, account_id
)
insert into denials (university, account_id, phone, denied, at)
select a.university, e.account_id, e.id, true, @now from ended e join accounts a on a.id = e.account_id`

// mayBind refuses one phone more than a person may bind within an hour, with when the next may be. TooMany:
// phones_spent.
func mayBind(t db.Tx, person uuid.UUID, hourly int) error {
	var first time.Time // of the last so many
	err := t.Ask(`select made_at from phone_keys where person_id = @person and made_at > @since
		order by made_at desc offset @before limit 1`, map[string]any{"person": person, "since": t.Now.Add(-time.Hour),
		"before": hourly - 1}).Scan(&first)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return campus.Errorf(campus.TooMany, "phones_spent", "%d phones were bound within an hour", hourly).
		After(first.Add(time.Hour).Sub(t.Now))
}

// UnbindPhone has the holder's phone pay no more (L6). NotFound: account_unknown.
func (s *Store) UnbindPhone(ctx context.Context, person uuid.UUID) error {
	return s.InTx(ctx, "unbind a phone", func(t db.Tx) error {
		a, err := lockCurrent(t, person)
		if err != nil {
			return err
		}
		words := map[string]any{"account": a.ID, "now": t.Now}
		if err := t.Write(endPhoneSQL, words); err != nil {
			return err
		}
		if err := t.Write(`update accounts set phone_key = null, phone_key_until = null where id = @account`,
			words); err != nil {
			return err
		}
		return casework.AddAudit(t, campus.Student(person), "phone.unbind", "account/"+a.ID.String(), a.University)
	})
}

// BoundPhone reads the phone that pays for a holder. NotFound: phone_unbound.
func (s *Store) BoundPhone(ctx context.Context, person uuid.UUID) (k PhoneKey, err error) {
	err = s.Read(ctx).Ask(`select k.id, a.id, k.made_at, a.phone_key_until, a.university, a.holds <> '{}'
		from accounts a join phone_keys k on k.id = a.phone_key
		where a.person_id = @person and a.successor is null and a.closed_at is null`, map[string]any{"person": person}).
		Scan(&k.ID, &k.AccountID, &k.MadeAt, &k.ValidUntil, &k.University, &k.Held)
	return k, db.Wrap("read the phone of a holder", absent(err, "phone_unbound", "no phone is bound"))
}

// lockCurrent locks the account that a person pays with. NotFound: account_unknown.
func lockCurrent(t db.Tx, person uuid.UUID) (a Account, err error) {
	err = a.scan(t.Ask(accountColumns+`where person_id = @person and successor is null and closed_at is null
		for no key update`, map[string]any{"person": person}))
	return a, unknown(err)
}

// Phone is a phone as the api knows it, to look at its codes with. Whether it still pays says the account's row.
type Phone struct {
	Key        uuid.UUID
	Account    uuid.UUID
	Person     uuid.UUID
	University string
	Public     *ecdsa.PublicKey
}

// Phone reads the phone that codes name. Phones that are asked for at the same time share a statement: after a start of
// the api at noon, it is one for each payment. NotFound: phone_unknown.
func (s *Store) Phone(ctx context.Context, key uuid.UUID) (Phone, error) {
	phone, err := s.phones.Do(ctx, key)
	return phone, db.Wrap("read a phone", err)
}

type phoneRow struct {
	ID, AccountID, PersonID uuid.UUID
	University              string
	PublicKey               []byte
}

const phonesSQL db.Statement = `select k.id, k.account_id, k.person_id, a.university, k.public_key from phone_keys k
	join accounts a on a.id = k.account_id where k.id = any(@keys)`

// readPhones answers the phones of some keys, in their order.
func (s *Store) readPhones(ctx context.Context, keys []uuid.UUID) []db.Result[Phone] {
	answers := make([]db.Result[Phone], len(keys))
	rows, err := s.phoneRows(ctx, keys)
	found := map[uuid.UUID]phoneRow{}
	for _, row := range rows {
		found[row.ID] = row
	}
	for i, key := range keys {
		row, known := found[key]
		switch {
		case err != nil:
			answers[i].Err = err
		case !known:
			answers[i].Err = campus.Errorf(campus.NotFound, "phone_unknown", "no phone under the key")
		default:
			answers[i] = row.phone()
		}
	}
	return answers
}

// phoneRows reads columns in their order, as scanLotResult does.
func (s *Store) phoneRows(ctx context.Context, keys []uuid.UUID) ([]phoneRow, error) {
	rows, err := s.Pool.Query(ctx, string(phonesSQL),
		db.Named{"keys": db.IDs(keys, func(key uuid.UUID) uuid.UUID { return key })})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r phoneRow, err error) {
		err = row.Scan(&r.ID, &r.AccountID, &r.PersonID, &r.University, &r.PublicKey)
		return r, err
	})
}

func (row phoneRow) phone() db.Result[Phone] {
	public, err := campus.ParsePhoneKey(row.PublicKey)
	return db.Result[Phone]{Value: Phone{Key: row.ID, Account: row.AccountID, Person: row.PersonID,
		University: row.University, Public: public}, Err: err}
}

// UseCode uses up a code that proves who somebody is (D5): each works once, and only while its phone is bound. Refused:
// code_used, phone_unbound.
func UseCode(t db.Tx, code campus.PhoneCode) error {
	var last int64
	var bound bool
	err := t.Ask(`select k.shown, coalesce(k.ended_at is null and a.phone_key_until > @now
			and a.successor is null and a.closed_at is null, false) from phone_keys k
		join accounts a on a.id = k.account_id where k.id = @key for update of k`,
		map[string]any{"key": code.Key, "now": t.Now}).Scan(&last, &bound)
	switch {
	case err != nil:
		return absent(err, "phone_unknown", "no phone under the key")
	case !bound:
		return campus.Errorf(campus.Refused, "phone_unbound", "the phone is not bound any more")
	case code.Count() <= last:
		return campus.Errorf(campus.Refused, "code_used", "the code was shown before")
	}
	return t.Write(`update phone_keys set shown = @count where id = @key`,
		map[string]any{"key": code.Key, "count": code.Count()})
}
