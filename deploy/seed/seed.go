// Package seed fills an empty database: universities, kiosks, the first staff, and the roster of Academic Affairs. It
// may run again at any time, and brings things up to date.
package seed

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/goccy/go-yaml"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage"
	"campuscard/storage/people"
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

// KioskSecret returns the secret with which a kiosk signs its requests.
func KioskSecret(key, kiosk string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(kiosk))
	return mac.Sum(nil)
}

// Run fills the database. systems is the address of the systems that the roster comes from.
func Run(ctx context.Context, cfg Config, store *storage.Store, systems *school.Systems, log *slog.Logger) error {
	var c content
	if err := yaml.UnmarshalWithOptions(file, &c, yaml.DisallowUnknownField()); err != nil {
		return fmt.Errorf("read the seed: %w", err)
	}
	for _, u := range c.Universities {
		university := people.University{Code: u.Code, NameZH: u.ZH, NameEN: u.EN}
		for _, cp := range u.Campuses {
			university.Campuses = append(university.Campuses, people.Campus{Code: cp.Code, NameZH: cp.ZH, NameEN: cp.EN})
		}
		if err := store.People.SeedUniversity(ctx, university); err != nil {
			return err
		}
		for _, k := range u.Kiosks {
			kiosk := people.Kiosk{ID: k.ID, University: u.Code, Campus: k.Campus, NameZH: k.ZH, NameEN: k.EN}
			if err := store.People.SeedKiosk(ctx, kiosk, KioskSecret(cfg.KioskKey, k.ID)); err != nil {
				return err
			}
		}
		var members []people.StaffSeed
		for _, m := range u.Staff {
			member := people.StaffSeed{University: u.Code, Username: m.Username, Name: m.Name, Password: cfg.StaffPassword,
				Email: m.Email}
			for _, g := range m.Grants {
				member.Grants = append(member.Grants, campus.Grant{Role: g.Role, Campuses: g.Campuses})
			}
			members = append(members, member)
		}
		if err := store.People.SeedStaff(ctx, members); err != nil {
			return err
		}
	}
	return ImportRosters(ctx, store, systems, codes(c), log)
}

func codes(c content) []string {
	var all []string
	for _, u := range c.Universities {
		all = append(all, u.Code)
	}
	return all
}

// ImportRosters brings the people of universities up to date. A fault at one is no reason to leave the next
// out; it is told in the end.
func ImportRosters(ctx context.Context, store *storage.Store, systems *school.Systems, universities []string,
	log *slog.Logger) error {
	var wrong []error
	for _, university := range universities {
		wrong = append(wrong, importRoster(ctx, store, systems, university, log))
	}
	return errors.Join(wrong...)
}

const rosterPage = 500

// importRoster brings a university's people up to date from its registers: students and freshmen from Academic Affairs
// (A1, A6), staff from HR (A2).
func importRoster(ctx context.Context, store *storage.Store, systems *school.Systems, university string,
	log *slog.Logger) error {
	students, roster := importPages(ctx, store, university, log.With("export", "students"), systems.Academic.Roster,
		rosterStudent)
	if roster != nil {
		roster = fmt.Errorf("the roster of %s: %w", university, roster)
	}
	employees, staff := importPages(ctx, store, university, log.With("export", "employees"), systems.HR.Employees,
		rosterEmployee)
	if staff != nil {
		staff = fmt.Errorf("the employees of %s: %w", university, staff)
	}
	log.InfoContext(ctx, "roster imported", "university", university, "students", students, "employees", employees)
	return errors.Join(roster, staff)
}

// export reads one page of people from a system, and answers where the next one begins.
type export[P any] func(ctx context.Context, university, cursor string, limit int) ([]school.Line[P], string, error)

// Tries of a page and the first pause between them, which doubles: a system that hiccups is no reason to begin anew.
const (
	pageTries = 6
	pagePause = 250 * time.Millisecond
)

func readPage[P any](ctx context.Context, university, cursor string, read export[P]) (page []school.Line[P],
	next string, err error) {
	for try, pause := 1, pagePause; ; try, pause = try+1, 2*pause {
		page, next, err = read(ctx, university, cursor, rosterPage)
		if err == nil || try == pageTries || !campus.CodeOf(err).Retryable() {
			return page, next, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, "", ctx.Err()
		}
	}
}

// importPages reads an export page by page and keeps each page; it answers how many people went in.
func importPages[P any](ctx context.Context, store *storage.Store, university string, log *slog.Logger,
	read export[P], convert func(P) people.RosterPerson) (int, error) {
	lines, taken, cursor := 0, 0, ""
	for {
		page, next, err := readPage(ctx, university, cursor, read)
		if err != nil {
			return taken, fmt.Errorf("read: %w", err)
		}
		count, err := importPage(ctx, store, page, convert, university, lines, log)
		if err != nil {
			return taken, fmt.Errorf("import: %w", err)
		}
		lines, taken = lines+len(page), taken+count
		if cursor = next; cursor == "" {
			return taken, nil
		}
	}
}

// importPage keeps the lines of a page that can be taken, and warns of the others by their number in the export, which
// begins at 1. Their content is personal data and does not go into a log.
func importPage[P any](ctx context.Context, store *storage.Store, page []school.Line[P],
	convert func(P) people.RosterPerson,
	university string, before int, log *slog.Logger) (taken int, err error) {
	warn := func(line int, what, reason string) {
		log.WarnContext(ctx, what, "university", university, "line", before+line+1, "reason", reason)
	}
	const leftOut = "a line of the roster was left out"
	people, lines := make([]people.RosterPerson, 0, len(page)), make([]int, 0, len(page))
	for i, line := range page {
		if line.Fault != "" {
			warn(i, leftOut, line.Fault)
			continue
		}
		people, lines = append(people, convert(line.Person)), append(lines, i)
	}
	faults, err := store.People.ImportPeople(ctx, university, people)
	if err != nil {
		return 0, err
	}
	taken = len(people)
	for _, fault := range faults {
		if fault.Taken {
			warn(lines[fault.Line], "a line of the roster went in without what is wrong", fault.Reason)
			continue
		}
		warn(lines[fault.Line], leftOut, fault.Reason)
		taken--
	}
	return taken, nil
}

// rosterStudent returns a student or a freshman. The day a freshman enrols is the day they will be enrolled from.
func rosterStudent(s school.Student) people.RosterPerson {
	enrolled := s.EnrolledOn
	if enrolled.IsZero() {
		enrolled = s.EnrolsOn
	}
	return people.RosterPerson{
		Number: s.Number, Name: s.Name, DocumentType: campus.DocumentType(s.DocumentType), DocumentNumber: s.DocumentNumber,
		Category: campus.Category(s.Category), Phone: s.Phone, Email: s.Email, Level: s.Level, College: s.College, Campus: s.Campus,
		Dormitory: s.Dormitory, Status: s.Status, EnrolledOn: enrolled, GraduatesOn: s.GraduatesOn,
	}
}

func rosterEmployee(e school.Employee) people.RosterPerson {
	return people.RosterPerson{
		Number: e.Number, Name: e.Name, DocumentType: campus.DocumentType(e.DocumentType), DocumentNumber: e.DocumentNumber,
		Category: campus.Category(e.Category), Phone: e.Phone, Email: e.Email, Level: "staff", College: e.Department, Campus: e.Campus,
		Status: e.Status,
	}
}
