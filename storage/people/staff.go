package people

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// StaffSeed is a member of staff as configuration names them.
type StaffSeed struct {
	University string
	Username   string
	Name       string
	Password   string
	Grants     []campus.Grant
	Email      string // messages to staff go by mail
}

// SeedStaff brings members of staff up to date. A password that already is theirs keeps its hash, so that seeding
// again changes nothing.
func (s *Store) SeedStaff(ctx context.Context, members []StaffSeed) error {
	for _, m := range members {
		if err := s.seedStaffMember(ctx, m); err != nil {
			return fmt.Errorf("seed %s of %s: %w", m.Username, m.University, err)
		}
	}
	return nil
}

func (s *Store) seedStaffMember(ctx context.Context, m StaffSeed) error {
	hash, err := s.staffHash(ctx, m)
	if err != nil {
		return err
	}
	grants, err := json.Marshal(m.Grants)
	if err != nil {
		return fmt.Errorf("write the grants: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	return s.InTx(ctx, "keep a member of staff", func(t db.Tx) error {
		return t.Exec(`insert into staff (id, university, username, name, password_hash, grants, email) values (?, ?, ?, ?, ?, ?, ?)
			on conflict (university, username) do update
				set name = excluded.name, password_hash = excluded.password_hash, grants = excluded.grants, email = excluded.email`,
			id, m.University, m.Username, m.Name, hash, string(grants), m.Email).Error
	})
}

// staffHash returns the kept hash if the password still matches it, else a new one.
func (s *Store) staffHash(ctx context.Context, m StaffSeed) (string, error) {
	var kept string
	err := s.Read(ctx).Raw(`select password_hash from staff where university = ? and username = ?`,
		m.University, m.Username).Scan(&kept).Error
	if err != nil {
		return "", db.Wrap("find a member of staff", err)
	}
	release, err := s.passwords.slot(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	password := campus.NormalizePassword(m.Password)
	if kept != "" {
		if same, err := s.passwords.matches(kept, password); err == nil && same {
			return kept, nil
		}
	}
	return s.passwords.hash(password), nil
}

// StaffMember is a member of staff by id, retired or not: timelines name people who have left.
func (s *Store) StaffMember(ctx context.Context, id uuid.UUID) (campus.StaffMember, error) {
	var row casework.StaffRow
	found := s.Read(ctx).Where("id = ?", id).Limit(1).Find(&row)
	if found.Error != nil {
		return campus.StaffMember{}, db.Wrap("find a member of staff", found.Error)
	}
	if found.RowsAffected == 0 {
		return campus.StaffMember{}, campus.Errorf(campus.NotFound, "staff_unknown", "no member of staff %s", id)
	}
	return campus.StaffMember{ID: row.ID, University: row.University, Username: row.Username, Name: row.Name,
		Grants: row.Grants}, nil
}

// SetStaffLanguage changes the language of mail to a member of staff.
func (s *Store) SetStaffLanguage(ctx context.Context, id uuid.UUID, language campus.Language) error {
	return s.InTx(ctx, "set the language of a member of staff", func(t db.Tx) error {
		return t.Exec(`update staff set language = ? where id = ?`, language, id).Error
	})
}
