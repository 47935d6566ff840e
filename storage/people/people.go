package people

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"campuscard/campus"
	"campuscard/storage/db"
)

// RosterPerson is a person as the roster of Academic Affairs gives them.
type RosterPerson struct {
	Number         string
	Name           string
	DocumentType   campus.DocumentType
	DocumentNumber string
	Category       campus.Category // empty: mainland
	Phone          string
	Email          string
	Level          string
	College        string
	Campus         string
	Dormitory      string
	Status         string
	EnrolledOn     campus.Date
	GraduatesOn    campus.Date
}

// RosterFault is a line of a roster with something wrong. Line counts from 0; Reason is a key of the text catalogue.
type RosterFault struct {
	Line   int
	Reason string
	Taken  bool // the line went in without what is wrong; else it was left out
}

// Person is a holder without what identifies them to others.
type Person struct {
	ID         uuid.UUID
	University string
	Number     string
	Name       string
	Phone      string
	Email      string
	Language   campus.Language
	Level      string
	College    string
	Campus     string
	Dormitory  string
	Status     string
	Category   campus.Category
}

// Identity is a person with the document number opened. It is for checks against other systems only: it must not
// leave an activity.
type Identity struct {
	Person
	NameDelivered  string // as the roster spells it, if that is not as it is kept
	DocumentType   campus.DocumentType
	DocumentNumber string
	EnrolledOn     campus.Date
	GraduatesOn    campus.Date
}

// PersonRow is somebody of a roster as the table has them.
type PersonRow struct {
	ID           uuid.UUID `gorm:"primaryKey"`
	University   string
	Number       string
	Name         string
	SearchText   string       `gorm:"->:false;<-"` // written by imports, read by searches
	SearchGrams  db.TextArray `gorm:"->:false;<-"` // for the index alone
	DocumentType campus.DocumentType
	Document     []byte
	DocumentHash []byte
	Phone        string
	Email        string
	Language     campus.Language
	Level        string
	College      string
	Campus       string
	Dormitory    string
	Status       string
	Category     campus.Category
	EnrolledOn   campus.Date
	GraduatesOn  campus.Date
	RosterAt     time.Time

	NameDelivered     string // if it is not Name
	RosterGraduatesOn campus.Date
}

// TableName implements gorm's Tabler.
func (PersonRow) TableName() string { return "people" }

// rosterColumns returns what a later roster replaces. Language and password belong to the person, and so does a phone
// that they, or the counter for them, have changed (L6). The end of studies is the registry's, if it has another.
func rosterColumns() []string {
	return []string{"number", "name", "name_delivered", "search_text", "search_grams", "document_type", "document",
		"document_hash", "email", "level", "college", "campus", "dormitory", "status", "category", "enrolled_on", "roster_at"}
}

// rosterPhone takes the roster's number unless the person has changed theirs. Once the roster has caught up with the
// change, its numbers count again.
func rosterPhone() clause.Set {
	return clause.Set{
		setTo("phone", `case when people.phone_source = 'roster' then excluded.phone else people.phone end`),
		setTo("phone_source", `case when people.phone = excluded.phone then 'roster' else people.phone_source end`),
	}
}

// rosterGraduation takes the roster's end of studies when it is another than the last roster's: one that says the same
// again knows nothing newer than the registry, whose day may have been kept since (KeepGraduation).
func rosterGraduation() clause.Set {
	return clause.Set{
		setTo("graduates_on", `case when people.roster_graduates_on is not distinct from excluded.roster_graduates_on
			then people.graduates_on else excluded.graduates_on end`),
		setTo("roster_graduates_on", `excluded.roster_graduates_on`),
	}
}

func setTo(column, value string) clause.Assignment {
	return clause.Assignment{Column: clause.Column{Name: column}, Value: gorm.Expr(value)}
}

// ImportPeople takes a roster, or a part of one: new numbers are added and known ones brought up to date. Lines that
// cannot be taken are left out and returned; the others are taken all together or not at all.
func (s *Store) ImportPeople(ctx context.Context, university string, roster []RosterPerson) ([]RosterFault, error) {
	var faults []RosterFault
	err := s.InTx(ctx, "import people", func(t db.Tx) error {
		faults = nil // of another try
		campuses, err := campusCodes(t, university)
		if err != nil {
			return err
		}
		rows := make([]PersonRow, 0, len(roster))
		seen, silent, today := map[string]bool{}, map[string]int{}, campus.DateOf(t.Now)
		for line, person := range roster {
			person.Level = strings.TrimSpace(person.Level) // a word that others are compared with
			if reason := rosterFault(person, today, campuses, seen); reason != "" {
				faults = append(faults, RosterFault{Line: line, Reason: reason})
				continue
			}
			person.Number = campus.PlainNumber(person.Number)
			key := campus.FoldNumber(person.Number) // as it is looked for at the sign-in
			if person.Phone == "" {
				silent[key] = line
			}
			if unreachable(person.Phone) { // they go in: the counter can put another number on file (L6)
				faults = append(faults, RosterFault{line, "roster.phone_unreachable", true})
			}
			if !isEmail(person.Email) {
				faults = append(faults, RosterFault{line, "roster.email", true})
				person.Email = ""
			}
			seen[key] = true
			row, err := newPersonRow(t, university, person)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		kept, err := keepPhones(t, university, rows, silent)
		if err != nil {
			return err
		}
		faults = append(faults, kept...)
		if err := tellRosterPhones(t, university, rows); err != nil {
			return err
		}
		return t.Clauses(clause.OnConflict{
			Columns:   []clause.Column{{Name: "university"}, {Name: "number_key"}},
			DoUpdates: slices.Concat(clause.AssignmentColumns(rosterColumns()), rosterPhone(), rosterGraduation()),
		}).CreateInBatches(rows, 500).Error
	})
	return faults, err
}

// keepPhones keeps the phones on file of people for whom the roster has none any more: more often a gap in an export
// than a phone that is gone, and without one they could not sign in. silent are their lines by number
// (campus.FoldNumber).
func keepPhones(t db.Tx, university string, rows []PersonRow, silent map[string]int) (faults []RosterFault, err error) {
	if len(silent) == 0 {
		return nil, nil
	}
	var found []struct{ NumberKey, Phone string }
	err = t.Raw(`select number_key, phone from people where university = ? and number_key in ? and phone <> '' and phone_source = 'roster'`,
		university, slices.Collect(maps.Keys(silent))).Scan(&found).Error
	if err != nil {
		return nil, fmt.Errorf("find the phones that a roster lacks: %w", err)
	}
	onFile := map[string]string{}
	for _, f := range found {
		onFile[f.NumberKey] = f.Phone
	}
	for i, row := range rows {
		if phone := onFile[campus.FoldNumber(row.Number)]; phone != "" {
			rows[i].Phone = phone
			faults = append(faults, RosterFault{silent[campus.FoldNumber(row.Number)], "roster.phone_gone", true})
		}
	}
	return faults, nil
}

// rosterFault returns why a line cannot be taken. The reason does not repeat the line: a log is no place for
// names.
func rosterFault(p RosterPerson, today campus.Date, campuses, seen map[string]bool) string {
	switch {
	case campus.Blank(p.Number) || campus.Blank(p.Name) || campus.Blank(p.DocumentNumber) || campus.Blank(p.Level):
		return "roster.incomplete"
	case !readableLine(p):
		return "roster.unreadable"
	case !p.EnrolledOn.Plausible() || !p.GraduatesOn.Plausible():
		return "roster.date"
	case !isPhone(p.Phone):
		return "roster.phone"
	case campus.CheckWritten(p.DocumentType, campus.NormalizeDocumentNumber(p.DocumentNumber), today) != nil:
		return "roster.document"
	case seen[campus.FoldNumber(p.Number)]:
		return "roster.twice"
	case !campuses[p.Campus]:
		return "roster.campus"
	case p.Status == "admitted" && p.EnrolledOn.IsZero(): // A6: the card waits for that day
		return "roster.enrolment"
	}
	return ""
}

// maxRosterText is how many characters a text of a line has at most: words have indexes, which take no long ones.
const maxRosterText = 200

// readableLine tells whether every text of a line is one (campus.Readable), and of a length that it can have.
func readableLine(p RosterPerson) bool {
	if utf8.RuneCountInString(p.Number) > campus.MostNumber {
		return false
	}
	for _, text := range []string{p.Number, p.Name, string(p.DocumentType), p.DocumentNumber, string(p.Category), p.Phone,
		p.Email,
		p.Level, p.College, p.Campus, p.Dormitory, p.Status} {
		if utf8.RuneCountInString(text) > maxRosterText || !campus.Readable(text, false) {
			return false
		}
	}
	return true
}

var phoneForm = regexp.MustCompile(`^\+?[0-9]{5,17}$`)

// isPhone tells whether a roster's phone is one of some kind or country. None at all is none.
func isPhone(phone string) bool {
	return phone == "" || phoneForm.MatchString(campus.PlainPhone(phone))
}

// isEmail tells whether a text is one address and nothing else. None at all is none.
func isEmail(text string) bool {
	address, err := mail.ParseAddress(text)
	return text == "" || err == nil && address.Address == text
}

// unreachable tells whether no code can be sent to a phone: it is a landline, or of another country.
func unreachable(phone string) bool {
	_, err := campus.ParseMobile(phone)
	return phone != "" && err != nil
}

func newPersonRow(t db.Tx, university string, p RosterPerson) (PersonRow, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return PersonRow{}, fmt.Errorf("make a person's id: %w", err)
	}
	phone, err := campus.ParseMobile(p.Phone)
	if err != nil {
		phone = "" // A roster without a usable phone still is a roster: the sign-in says what is missing.
	}
	document := campus.NormalizeDocumentNumber(p.DocumentNumber)
	search := campus.SearchText(p.Name)
	name, delivered := campus.CleanName(p.Name), p.Name
	if name == delivered {
		delivered = ""
	}
	return PersonRow{
		SearchText: search, SearchGrams: campus.SearchGrams(search),
		ID: id, University: university, Number: p.Number, Name: name, NameDelivered: delivered, DocumentType: p.DocumentType,
		Document:     t.Keys.Seal(DocumentContext(university, p.Number), []byte(document)),
		DocumentHash: t.Keys.Document(p.DocumentType, document),
		Phone:        phone, Email: p.Email, Language: campus.Chinese, Level: p.Level, College: p.College,
		Campus: p.Campus, Dormitory: p.Dormitory, Status: p.Status, Category: cmp.Or(p.Category, campus.Mainland),
		EnrolledOn: p.EnrolledOn, GraduatesOn: p.GraduatesOn, RosterGraduatesOn: p.GraduatesOn, RosterAt: t.Now,
	}, nil
}

// DocumentContext binds a sealed document number to its owner. The id cannot be used: an import seals before it knows
// whether the number has one.
func DocumentContext(university, number string) string {
	return "people.document/" + university + "/" + number
}

// Person returns a holder; an unknown id is NotFound.
func (s *Store) Person(ctx context.Context, id uuid.UUID) (Person, error) {
	row, err := findPerson(s.Read(ctx), id)
	return row.person(), db.Wrap("find a person", err)
}

// NameOf reads a person's name, in the transaction of somebody who may know it.
func NameOf(t db.Tx, id uuid.UUID) (string, error) {
	row, err := findPerson(t, id)
	return row.Name, err
}

// Identity opens what identifies a person. Activities only.
func (s *Store) Identity(ctx context.Context, id uuid.UUID) (Identity, error) {
	row, err := findPerson(s.Read(ctx), id)
	if err != nil {
		return Identity{}, db.Wrap("find a person", err)
	}
	return s.Identify(row)
}

// Identify opens what a row of the roster has sealed.
func (s *Store) Identify(row PersonRow) (Identity, error) {
	document, err := s.Keys.Open(DocumentContext(row.University, row.Number), row.Document)
	if err != nil {
		return Identity{}, err
	}
	return Identity{
		Person: row.person(), NameDelivered: row.NameDelivered, DocumentType: row.DocumentType,
		DocumentNumber: string(document), EnrolledOn: row.EnrolledOn, GraduatesOn: row.GraduatesOn,
	}, nil
}

// SetLanguage changes the language a person is spoken to in.
func (s *Store) SetLanguage(ctx context.Context, id uuid.UUID, language campus.Language) error {
	return db.Wrap("set the language", SetLanguage(s.Read(ctx), id, language))
}

// SetLanguage is the method of that name within a transaction.
func SetLanguage(t db.Tx, id uuid.UUID, language campus.Language) error {
	return t.Write(`update people set language = @language where id = @id`, map[string]any{"language": language, "id": id})
}

// KeepGraduation keeps the day on which the registry has a person's studies end, when it is another than the roster's.
func (s *Store) KeepGraduation(ctx context.Context, person uuid.UUID, day campus.Date) error {
	_, err := s.Pool.Exec(ctx, `update people set graduates_on = $2 where id = $1`, person, day)
	return db.Wrap("keep the end of studies", err)
}

func findPerson(t db.Tx, id uuid.UUID) (PersonRow, error) {
	var row PersonRow
	found := t.Where("id = ?", id).Limit(1).Find(&row)
	if found.Error != nil {
		return row, found.Error
	}
	if found.RowsAffected == 0 {
		return row, campus.Errorf(campus.NotFound, "person_unknown", "no person %s", id)
	}
	return row, nil
}

func (r PersonRow) person() Person {
	return Person{
		ID: r.ID, University: r.University, Number: r.Number, Name: r.Name, Phone: r.Phone, Email: r.Email,
		Language: r.Language, Level: r.Level, College: r.College, Campus: r.Campus, Dormitory: r.Dormitory, Status: r.Status,
		Category: r.Category,
	}
}
