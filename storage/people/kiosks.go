package people

import (
	"context"
	"fmt"

	"campuscard/campus"
	"campuscard/storage/db"
)

// Kiosk is a machine that hands out plastics.
type Kiosk struct {
	ID         string
	University string
	Campus     string
	NameZH     string
	NameEN     string
}

// SeedKiosk brings a kiosk up to date and gives it the secret it signs its requests with.
func (s *Store) SeedKiosk(ctx context.Context, k Kiosk, secret []byte) error {
	return s.InTx(ctx, "seed a kiosk", func(t db.Tx) error {
		return t.Exec(`insert into kiosks (id, university, campus, name_zh, name_en, secret) values (?, ?, ?, ?, ?, ?)
			on conflict (id) do update set university = excluded.university, campus = excluded.campus,
				name_zh = excluded.name_zh, name_en = excluded.name_en, secret = excluded.secret`,
			k.ID, k.University, k.Campus, k.NameZH, k.NameEN, t.Keys.Seal(kioskContext(k.ID), secret)).Error
	})
}

// Kiosk returns a kiosk at work; an unknown or retired one is NotFound.
func (s *Store) Kiosk(ctx context.Context, id string) (Kiosk, error) {
	kiosk, _, err := s.KioskSecret(ctx, id)
	return kiosk, err
}

// KioskSecret returns a kiosk at work with the secret that its signatures are checked with.
func (s *Store) KioskSecret(ctx context.Context, id string) (Kiosk, []byte, error) {
	var row struct {
		Kiosk
		Secret []byte
	}
	found := s.Read(ctx).Raw(`select id, university, campus, name_zh, name_en, secret from kiosks
		where id = ? and retired_at is null`, id).Scan(&row)
	if found.Error != nil {
		return Kiosk{}, nil, db.Wrap("find a kiosk", found.Error)
	}
	if found.RowsAffected == 0 {
		return Kiosk{}, nil, campus.Errorf(campus.NotFound, "kiosk_unknown", "no kiosk %q at work", id)
	}
	secret, err := s.Keys.Open(kioskContext(id), row.Secret)
	return row.Kiosk, secret, err
}

func kioskContext(id string) string { return "kiosks.secret/" + id }

// UseNonce takes a nonce of a machine; one that was taken before is a captured request sent again.
func (s *Store) UseNonce(ctx context.Context, machine, nonce string) error {
	return s.InTx(ctx, "use a nonce", func(t db.Tx) error {
		taken := t.Exec(`insert into nonces (machine, nonce, at) values (?, ?, ?) on conflict do nothing`, machine, nonce,
			t.Now)
		if taken.Error != nil {
			return fmt.Errorf("keep a nonce: %w", taken.Error)
		}
		if taken.RowsAffected == 0 {
			return campus.Errorf(campus.Unauthenticated, "nonce_used", "the nonce was used before")
		}
		return nil
	})
}
