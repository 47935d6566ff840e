package people

import (
	"context"
	"fmt"

	"campuscard/campus"
	"campuscard/storage/db"
)

// University is one of the city's universities with its places (A0).
type University struct {
	Code     string
	NameZH   string
	NameEN   string
	Campuses []Campus
}

// Campus is a campus with the kiosks that hand cards out there.
type Campus struct {
	Code   string
	NameZH string
	NameEN string
	Kiosks []Kiosk
}

// SeedUniversity brings a university and its campuses up to date; kiosks have a seed of their own, because of their
// secrets. Campuses that are not named stay: people belong to them.
func (s *Store) SeedUniversity(ctx context.Context, u University) error {
	return s.InTx(ctx, "seed a university", func(t db.Tx) error {
		err := t.Exec(`insert into universities (code, name_zh, name_en) values (?, ?, ?)
			on conflict (code) do update set name_zh = excluded.name_zh, name_en = excluded.name_en`,
			u.Code, u.NameZH, u.NameEN).Error
		if err != nil {
			return fmt.Errorf("keep university %s: %w", u.Code, err)
		}
		for _, c := range u.Campuses {
			err := t.Exec(`insert into campuses (university, code, name_zh, name_en) values (?, ?, ?, ?)
				on conflict (university, code) do update set name_zh = excluded.name_zh, name_en = excluded.name_en`,
				u.Code, c.Code, c.NameZH, c.NameEN).Error
			if err != nil {
				return fmt.Errorf("keep campus %s of %s: %w", c.Code, u.Code, err)
			}
		}
		return nil
	})
}

// Universities are all of them with campuses and working kiosks, in the order of their codes.
func (s *Store) Universities(ctx context.Context) ([]University, error) {
	var rows []struct {
		Code, NameZH, NameEN              string
		Campus, CampusZH, CampusEN        string
		KioskID, KioskNameZH, KioskNameEN string
	}
	err := s.Read(ctx).Raw(`select u.code, u.name_zh, u.name_en,
			coalesce(c.code, '') as campus, coalesce(c.name_zh, '') as campus_zh, coalesce(c.name_en, '') as campus_en,
			coalesce(k.id, '') as kiosk_id, coalesce(k.name_zh, '') as kiosk_name_zh, coalesce(k.name_en, '') as kiosk_name_en
		from universities u left join campuses c on c.university = u.code
			left join kiosks k on k.university = c.university and k.campus = c.code and k.retired_at is null
		order by u.code, c.code, k.id`).Scan(&rows).Error
	if err != nil {
		return nil, db.Wrap("list the universities", err)
	}
	var list []University
	for _, row := range rows {
		if len(list) == 0 || list[len(list)-1].Code != row.Code {
			list = append(list, University{Code: row.Code, NameZH: row.NameZH, NameEN: row.NameEN})
		}
		u := &list[len(list)-1]
		if row.Campus != "" && (len(u.Campuses) == 0 || u.Campuses[len(u.Campuses)-1].Code != row.Campus) {
			u.Campuses = append(u.Campuses, Campus{Code: row.Campus, NameZH: row.CampusZH, NameEN: row.CampusEN})
		}
		if row.KioskID != "" {
			c := &u.Campuses[len(u.Campuses)-1]
			c.Kiosks = append(c.Kiosks, Kiosk{ID: row.KioskID, University: row.Code, Campus: row.Campus,
				NameZH: row.KioskNameZH, NameEN: row.KioskNameEN})
		}
	}
	return list, nil
}

// campusCodes are the campuses of a university; an unknown university is NotFound.
func campusCodes(t db.Tx, university string) (map[string]bool, error) {
	var codes []string
	if err := t.Raw(`select code from campuses where university = ?`, university).Scan(&codes).Error; err != nil {
		return nil, fmt.Errorf("list the campuses: %w", err)
	}
	if len(codes) == 0 {
		return nil, campus.Errorf(campus.NotFound, "university_unknown", "no university %s with campuses", university)
	}
	known := make(map[string]bool, len(codes))
	for _, code := range codes {
		known[code] = true
	}
	return known, nil
}

// TakeTurn makes the transactions that open batches of a university come one after the other. References to the
// university go on meanwhile.
func TakeTurn(t db.Tx, university string) error {
	return t.Exec(`select 1 from universities where code = ? for no key update`, university).Error
}
