// Package seed fills an empty house: universities, kiosks, the first staff, and the roster of Academic Affairs. It may
// run again at any time, and brings things up to date.
package seed

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"log/slog"

	"github.com/goccy/go-yaml"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage"
)

//go:embed seed.yaml
var file []byte

// Config holds the secrets of the first staff and kiosks.
type Config struct {
	StaffPassword string // of every member of staff named in seed.yaml
	KioskKey      string // the secret of a kiosk is derived from it and the kiosk's id
}

type content struct {
	Universities []struct {
		Code     string `yaml:"code"`
		ZH       string `yaml:"zh"`
		EN       string `yaml:"en"`
		Campuses []struct {
			Code string `yaml:"code"`
			ZH   string `yaml:"zh"`
			EN   string `yaml:"en"`
		} `yaml:"campuses"`
		Kiosks []struct {
			ID     string `yaml:"id"`
			Campus string `yaml:"campus"`
			ZH     string `yaml:"zh"`
			EN     string `yaml:"en"`
		} `yaml:"kiosks"`
		Staff []struct {
			Username string `yaml:"username"`
			Name     string `yaml:"name"`
			Email    string `yaml:"email"`
			Grants   []struct {
				Role     campus.Role `yaml:"role"`
				Campuses []string    `yaml:"campuses"`
			} `yaml:"grants"`
		} `yaml:"staff"`
	} `yaml:"universities"`
}

// KioskSecret is what a kiosk signs its requests with.
func KioskSecret(key, kiosk string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(kiosk))
	return mac.Sum(nil)
}

// Run fills the house. systems is where the roster comes from.
func Run(ctx context.Context, cfg Config, store *storage.Store, systems *school.Systems, log *slog.Logger) error {
	var c content
	if err := yaml.UnmarshalWithOptions(file, &c, yaml.DisallowUnknownField()); err != nil {
		return fmt.Errorf("read the seed: %w", err)
	}
	for _, u := range c.Universities {
		university := storage.University{Code: u.Code, NameZH: u.ZH, NameEN: u.EN}
		for _, cp := range u.Campuses {
			university.Campuses = append(university.Campuses, storage.Campus{Code: cp.Code, NameZH: cp.ZH, NameEN: cp.EN})
		}
		if err := store.SeedUniversity(ctx, university); err != nil {
			return err
		}
		for _, k := range u.Kiosks {
			kiosk := storage.Kiosk{ID: k.ID, University: u.Code, Campus: k.Campus, NameZH: k.ZH, NameEN: k.EN}
			if err := store.SeedKiosk(ctx, kiosk, KioskSecret(cfg.KioskKey, k.ID)); err != nil {
				return err
			}
		}
		var members []storage.StaffSeed
		for _, m := range u.Staff {
			member := storage.StaffSeed{University: u.Code, Username: m.Username, Name: m.Name, Password: cfg.StaffPassword, Email: m.Email}
			for _, g := range m.Grants {
				member.Grants = append(member.Grants, campus.Grant{Role: g.Role, Campuses: g.Campuses})
			}
			members = append(members, member)
		}
		if err := store.SeedStaff(ctx, members); err != nil {
			return err
		}
		if err := importRoster(ctx, store, systems, u.Code, log); err != nil {
			return err
		}
	}
	return nil
}

const rosterPage = 500

// importRoster brings a university's people up to date from its register (A1).
func importRoster(ctx context.Context, store *storage.Store, systems *school.Systems, university string, log *slog.Logger) error {
	count, cursor := 0, ""
	for {
		students, next, err := systems.Academic.Roster(ctx, university, cursor, rosterPage)
		if err != nil {
			return fmt.Errorf("read the roster of %s: %w", university, err)
		}
		people := make([]storage.RosterPerson, len(students))
		for i, s := range students {
			people[i] = storage.RosterPerson{
				Number: s.Number, Name: s.Name, DocumentType: campus.DocumentType(s.DocumentType), DocumentNumber: s.DocumentNumber,
				Phone: s.Phone, Email: s.Email, Level: s.Level, College: s.College, Campus: s.Campus, Dormitory: s.Dormitory,
				Status: s.Status, EnrolledOn: s.EnrolledOn, GraduatesOn: s.GraduatesOn,
			}
		}
		faults, err := store.ImportPeople(ctx, university, people)
		if err != nil {
			return fmt.Errorf("import the roster of %s: %w", university, err)
		}
		for _, fault := range faults {
			log.WarnContext(ctx, "a line of the roster was left out", "university", university, "line", count+fault.Line, "reason", fault.Reason)
		}
		count += len(students)
		if cursor = next; cursor == "" {
			log.InfoContext(ctx, "roster imported", "university", university, "people", count)
			return nil
		}
	}
}
