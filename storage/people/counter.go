package people

import (
	"cmp"
	"context"
	"crypto/hmac"
	"strings"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// PersonSearch says by what people are searched. Q is a document's number in its stored form when By is the document.
type PersonSearch struct {
	By    campus.SearchKind
	Q     string
	After uuid.UUID
	Limit int
}

// FoundPerson is somebody a search has found: enough to tell people of one name apart.
type FoundPerson struct {
	ID      uuid.UUID `json:"id"`
	Number  string    `json:"number"`
	Name    string    `json:"name"`
	Phone   string    `json:"phone" doc:"Last four digits"`
	Level   string    `json:"level"`
	College string    `json:"college"`
	Campus  string    `json:"campus"`
	Status  string    `json:"status"`
}

// FindPeople searches the people whom the member serves, and audits the kind of word. People of other
// universities and campuses do not exist (A0).
func (s *Store) FindPeople(ctx context.Context, who campus.StaffMember, f PersonSearch) ([]FoundPerson, error) {
	people := []FoundPerson{}
	err := s.Reports.InTx(ctx, "find people", func(t db.Tx) error {
		if err := casework.AddAudit(t, campus.Staff(who.ID), "people.search", "by/"+string(f.By),
			who.University); err != nil {
			return err
		}
		query := t.Table("people").Select("id, number, name, right(phone, ?) as phone, level, college, campus, status",
			campus.PhoneTail).
			Where("university = ?", who.University)
		if campuses, all := who.Campuses(campus.ServeCounter); !all {
			query = query.Where("campus in ?", campuses)
		}
		words, args := searchWords(t, f)
		query = query.Where(string(words), args...)
		if f.After != uuid.Nil {
			query = query.Where("id > ?", f.After)
		}
		return query.Order("id").Limit(f.Limit).Find(&people).Error
	})
	return people, err
}

// The conditions of a search. The index on the pairs of signs finds whose name may be meant (any one of them is enough
// for it), and the words say whose is.
const (
	byNumber   db.Statement = `number_key = ?`
	byPhone    db.Statement = `(right(phone, ?) = ? and phone like ?)`
	byName     db.Statement = `(search_grams @> cast(? as text[]) and search_text like all(cast(? as text[])))`
	byDocument db.Statement = `(document_hash = ? or document_type = ? and document_hash = ?)`
	byNothing  db.Statement = `false`

	byNumberOrPhone = `(` + byNumber + ` or ` + byPhone + `)`
	byNumberOrName  = `(` + byNumber + ` or ` + byName + `)`
)

// searchWords returns the condition of a search. Words with too few digits for a phone find nobody by it.
func searchWords(t db.Tx, f PersonSearch) (db.Statement, []any) {
	digits := campus.PlainNumber(f.Q)
	number, tail := []any{campus.FoldNumber(f.Q)}, []any{campus.PhoneTail, phoneTail(digits), "%" + digits}
	phone := campus.AllDigits(digits) && len(digits) >= campus.PhoneTail
	name, named := nameWords(f.Q)
	switch {
	case f.By == campus.SearchNumber:
		return byNumber, number
	case f.By == campus.SearchName && named:
		return byName, name
	case f.By == campus.SearchDocument:
		// What it is a number of is not said. A number that looks like a renewed permit may be that of a passport.
		return byDocument, []any{t.Keys.Document("", f.Q), campus.TravelPermit, t.Keys.Document(campus.TravelPermit, f.Q)}
	case f.By == campus.SearchPhone && phone:
		return byPhone, tail
	case f.By == campus.SearchName, f.By == campus.SearchPhone:
		return byNothing, nil
	case phone:
		return byNumberOrPhone, append(number, tail...)
	case named:
		return byNumberOrName, append(number, name...)
	}
	return byNumber, number
}

// nameWords returns what a search by name looks for; false when nothing of what was typed can be of a name.
func nameWords(typed string) (args []any, found bool) {
	words := campus.SearchWords(typed)
	patterns := make([]string, len(words))
	for i, word := range words {
		patterns[i] = casework.LikePattern(word)
	}
	return []any{db.TextArray(campus.SearchGrams(strings.Join(words, " "))), db.TextArray(patterns)}, len(words) > 0
}

// phoneTail returns what is shown of a number.
func phoneTail(s string) string { return s[max(0, len(s)-campus.PhoneTail):] }

// ServedPerson returns a person whom the member serves at the counter; anybody else does not exist (A0).
func (s *Store) ServedPerson(ctx context.Context, who campus.StaffMember, id uuid.UUID) (Person, error) {
	row, err := servedPerson(s.Read(ctx), who, id)
	return row.person(), db.Wrap("find a person", err)
}

func servedPerson(t db.Tx, who campus.StaffMember, id uuid.UUID) (PersonRow, error) {
	row, err := findPerson(t, id)
	if err == nil && (row.University != who.University || !who.May(campus.ServeCounter, row.Campus)) {
		return PersonRow{}, campus.Errorf(campus.NotFound, "person_unknown", "no person %s", id)
	}
	return row, err
}

// CounterAct is something that was done at the counter.
type CounterAct struct {
	ID           uuid.UUID             `json:"id"`
	University   string                `json:"-"`
	Campus       string                `json:"campus"`
	PersonID     uuid.UUID             `json:"person_id"`
	StaffID      uuid.UUID             `json:"staff_id"`
	Kind         campus.CounterActKind `json:"kind"`
	CaseID       *uuid.UUID            `json:"case_id,omitempty"`
	VerifiedBy   *uuid.UUID            `json:"verified_by,omitempty"`
	DocumentType string                `json:"document_type,omitempty"`
	Verdict      campus.Verdict        `json:"verdict,omitempty"`
	Reason       string                `json:"reason,omitempty"`
	Detail       string                `json:"detail,omitempty"`
	DrawerID     *uuid.UUID            `json:"drawer_id,omitempty" doc:"Of cash: where it was put"`
	At           time.Time             `json:"at"`
	DoneAt       *time.Time            `json:"done_at,omitempty"`
	StaffName    string                `json:"staff_name,omitempty"`
}

// selectAct answers with when an act was done: at once, or when its decision moved its case.
const selectAct = `select a.id, a.university, a.campus, a.person_id, a.staff_id, a.kind, a.case_id, a.verified_by, a.document_type,
		a.verdict, a.reason, a.detail, a.drawer_id, a.at, f.name as staff_name,
		coalesce(a.done_at, (select m.at from moves m where m.decision = a.id)) as done_at
	from counter_acts a join staff f on f.id = a.staff_id`

// Verification is the document that a member of staff has before them.
type Verification struct {
	Person         uuid.UUID
	DocumentType   campus.DocumentType
	DocumentNumber string      // in its stored form; compared with the roster's and not kept
	ExpiresOn      campus.Date // zero: never
}

// VerifyAtCounter compares the original document with the roster (A3). A document that does not fit is an answer, not
// an error: it is kept, too. TooMany: verification_locked.
func (s *Store) VerifyAtCounter(ctx context.Context, req casework.Request, who campus.StaffMember,
	policy campus.CounterPolicy,
	v Verification) (CounterAct, error) {
	return casework.Once(ctx, s.casework, "verify a person", req, func(t db.Tx) (CounterAct, error) {
		// so that tries are counted one by one
		if err := t.Exec(`select 1 from people where id = ? for update`, v.Person).Error; err != nil {
			return CounterAct{}, err
		}
		person, err := servedPerson(t, who, v.Person)
		if err != nil {
			return CounterAct{}, err
		}
		var wrong int
		if err := t.Raw(`select count(*) from counter_acts where person_id = ? and staff_id = ? and kind = 'verification' and verdict = ? and at >= ?`,
			v.Person, who.ID, campus.Fail, campus.DateOf(t.Now).Start()).Row().Scan(&wrong); err != nil {
			return CounterAct{}, err
		}
		if wrong >= policy.VerificationTries {
			return CounterAct{}, campus.Errorf(campus.TooMany, "verification_locked",
				"too many wrong documents for person %s today", v.Person)
		}
		act := newAct(t, req.ID, who, person, campus.VerificationAct)
		act.DocumentType, act.DoneAt = string(v.DocumentType), &t.Now
		act.Verdict, act.Reason = verdictOn(t, person, v)
		return act, insertAct(t, act, "counter.verify_"+string(act.Verdict))
	})
}

func verdictOn(t db.Tx, person PersonRow, v Verification) (campus.Verdict, string) {
	seen := t.Keys.Document(v.DocumentType, v.DocumentNumber)
	switch {
	case person.DocumentType != v.DocumentType, !hmac.Equal(person.DocumentHash, seen):
		return campus.Fail, "document_mismatch"
	case !v.ExpiresOn.IsZero() && v.ExpiresOn.Before(campus.DateOf(t.Now)):
		return campus.Fail, "document_expired"
	}
	return campus.Pass, "seen_in_person"
}

func newAct(t db.Tx, id uuid.UUID, who campus.StaffMember, person PersonRow, kind campus.CounterActKind) CounterAct {
	return CounterAct{ID: id, University: person.University, Campus: person.Campus, PersonID: person.ID, StaffID: who.ID,
		StaffName: who.Name, Kind: kind, At: t.Now}
}

func insertAct(t db.Tx, a CounterAct, action string) error {
	err := t.Exec(`insert into counter_acts (id, university, campus, person_id, staff_id, kind, case_id, verified_by, document_type,
			verdict, reason, detail, drawer_id, at, done_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, a.University, a.Campus, a.PersonID, a.StaffID, a.Kind, a.CaseID, a.VerifiedBy, a.DocumentType,
		a.Verdict, a.Reason, a.Detail, a.DrawerID, a.At, a.DoneAt).Error
	if err != nil {
		return err
	}
	return casework.AddAudit(t, campus.Staff(a.StaffID), action, "person/"+a.PersonID.String(), a.University)
}

// verified returns the member's own verification of a person that still counts: the last one, passed, and within its
// life. Forbidden: verification_missing.
func verified(t db.Tx, who campus.StaffMember, person uuid.UUID, policy campus.CounterPolicy) (uuid.UUID, error) {
	var found struct {
		ID      uuid.UUID
		Verdict campus.Verdict
		At      time.Time
	}
	err := t.Raw(`select id, verdict, at from counter_acts where person_id = ? and staff_id = ? and kind = 'verification'
		order by at desc, id desc limit 1`, person, who.ID).Scan(&found).Error
	if err != nil {
		return uuid.Nil, err
	}
	if found.Verdict != campus.Pass || !t.Now.Before(found.At.Add(policy.VerificationLife.Std())) {
		return uuid.Nil, campus.Errorf(campus.Forbidden, "verification_missing",
			"person %s has not been verified lately by the member", person)
	}
	return found.ID, nil
}

// NewCounterAct is something that is about to be done at the counter.
type NewCounterAct struct {
	Kind   campus.CounterActKind
	Person uuid.UUID
	Case   uuid.UUID
	Detail string
	Drawer uuid.UUID // of cash
	Campus string    // where it is done; empty: at the campus of the person
	Policy campus.CounterPolicy
}

// OpenAct inserts an act for whoever may have it done. Under the id of a decision it comes with the decision, so that
// none is made without its act; whether it was done the moves of the case tell. Forbidden: verification_missing, unless
// the act is a check that is failed.
func OpenAct(t db.Tx, id uuid.UUID, who campus.StaffMember, a NewCounterAct) (CounterAct, error) {
	person, err := findPerson(t, a.Person)
	if err == nil && a.Kind.ServedHere() {
		person, err = servedPerson(t, who, a.Person)
	}
	if err != nil {
		return CounterAct{}, err
	}
	act := newAct(t, id, who, person, a.Kind)
	act.CaseID, act.Detail, act.DrawerID = casework.Nullable(a.Case), a.Detail, casework.Nullable(a.Drawer)
	act.Campus = cmp.Or(a.Campus, act.Campus)
	if a.Kind == campus.CheckAct {
		act.Verdict = campus.Verdict(a.Detail)
	}
	// who is not the one, or has no document, cannot be verified
	if a.Kind.OnBehalf() || act.Verdict == campus.Pass {
		verification, err := verified(t, who, a.Person, a.Policy)
		if err != nil {
			return CounterAct{}, err
		}
		act.VerifiedBy = &verification
	}
	return act, insertAct(t, act, "counter."+string(a.Kind))
}

// ActNow is an act that is done in this transaction. Errors are those of OpenAct.
func ActNow(t db.Tx, id uuid.UUID, who campus.StaffMember, a NewCounterAct) (CounterAct, error) {
	act, err := OpenAct(t, id, who, a)
	if err != nil {
		return act, err
	}
	act.DoneAt = &t.Now
	return act, t.Exec(`update counter_acts set done_at = ? where id = ?`, t.Now, id).Error
}

// SetActCase says which case an act has opened. It is queued, as Write does.
func SetActCase(t db.Tx, act, caseID uuid.UUID) error {
	return t.Write(`update counter_acts set case_id = @case where id = @id`, map[string]any{"case": caseID, "id": act})
}

// DrawerActs are what was done with the cash of a drawer, newest first; after is the last of the page before (L1).
func (s *Store) DrawerActs(ctx context.Context, drawer, after uuid.UUID, limit int) ([]CounterAct, error) {
	acts, err := db.All[CounterAct](ctx, s.Reports, drawerActsSQL,
		map[string]any{"drawer": drawer, "after": casework.Nullable(after), "limit": limit})
	return acts, db.Wrap("list what was done with a drawer", err)
}

const drawerActsSQL db.Statement = selectAct + ` where a.drawer_id = @drawer
	and (cast(@after as uuid) is null or a.id < @after) order by a.id desc limit @limit`

// CounterActs are what was done for a person at the counter, newest first.
func (s *Store) CounterActs(ctx context.Context, person, after uuid.UUID, limit int) ([]CounterAct, error) {
	acts := []CounterAct{}
	err := s.Read(ctx).Raw(selectAct+` where a.person_id = @person and (cast(@after as uuid) is null or a.id < @after)
		order by a.id desc limit @limit`,
		map[string]any{"person": person, "after": casework.Nullable(after), "limit": limit}).Scan(&acts).Error
	return acts, db.Wrap("list the acts at the counter", err)
}

// ActReceipt is what a receipt says: an act, and for whom and where it was.
type ActReceipt struct {
	Act          CounterAct `gorm:"embedded"` // gorm passes over what is embedded without a name
	PersonName   string
	PersonNumber string
	Language     campus.Language // of the person
	UniversityZH string
	UniversityEN string
	CampusZH     string
	CampusEN     string
}

// ActReceipt returns the receipt of an act that was done for somebody whom the member serves; the look is noted, since
// it names a person. NotFound: receipt_unknown. Conflict: receipt_not_yet.
func (s *Store) ActReceipt(ctx context.Context, who campus.StaffMember, id uuid.UUID) (ActReceipt, error) {
	var r ActReceipt
	err := s.InTx(ctx, "read a receipt", func(t db.Tx) error {
		err := t.Raw(`select a.*, p.name as person_name, p.number as person_number, p.language, u.name_zh as university_zh,
				u.name_en as university_en, coalesce(c.name_zh, '') as campus_zh, coalesce(c.name_en, '') as campus_en
			from (`+selectAct+` where a.id = ? and a.university = ?) a join people p on p.id = a.person_id
				join universities u on u.code = a.university left join campuses c on c.university = a.university and c.code = a.campus`,
			id, who.University).Scan(&r).Error
		switch {
		case err != nil:
			return err
		case r.Act.ID == uuid.Nil || !who.May(campus.ServeCounter, r.Act.Campus):
			return campus.Errorf(campus.NotFound, "receipt_unknown", "no receipt %s", id)
		case r.Act.DoneAt == nil:
			return campus.Errorf(campus.Conflict, "receipt_not_yet", "act %s has not been done", id)
		}
		return casework.AddAudit(t, campus.Staff(who.ID), "receipt.read", "counter_act/"+id.String(), who.University)
	})
	return r, err
}

// CaseOfPerson returns a case of a person that the member may see, not found when it is somebody else's.
func (s *Store) CaseOfPerson(ctx context.Context, who campus.StaffMember, person, id uuid.UUID) (casework.Case, error) {
	return s.casework.FindCase(ctx, id, func(c casework.Case) bool {
		return c.University == who.University && who.May(campus.ReadCases, c.Campus) && c.PersonID == person
	})
}

// WriteNotice queues a message that a member of staff has written to a person (L10). Its text is sealed like every
// other.
func (s *Store) WriteNotice(ctx context.Context, req casework.Request, who campus.StaffMember, person Person,
	notice campus.Notice) (uuid.UUID, error) {
	return casework.Once(ctx, s.casework, "write to a person", req, func(t db.Tx) (uuid.UUID, error) {
		if err := casework.QueueNotice(t, person.ID, nil, notice, nil); err != nil {
			return uuid.Nil, err
		}
		return person.ID, casework.AddAudit(t, campus.Staff(who.ID), "notice.write", "person/"+person.ID.String(),
			person.University)
	})
}
