package casework

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"campuscard/campus"
	"campuscard/storage/db"
)

// CaseRow is a case as its table has it.
type CaseRow = Case

// Case is what people see of a process.
type Case struct {
	ID            uuid.UUID           `json:"id"`
	Kind          campus.CaseKind     `json:"kind"`
	University    string              `json:"university"`
	Campus        string              `json:"campus"`
	PersonID      uuid.UUID           `json:"person_id"` // zero: the case is about nobody in particular
	Stage         campus.Stage        `json:"stage"`
	WaitsFor      campus.Party        `json:"waits_for"`
	Since         time.Time           `json:"since"`
	Due           *time.Time          `json:"due,omitempty"`
	Parked        db.JSONList[string] `json:"parked,omitempty"`
	Cause         campus.Code         `json:"cause,omitempty"`
	Outcome       campus.Outcome      `json:"outcome,omitempty"`
	Reason        string              `json:"reason,omitempty"`
	Version       int64               `json:"-"`
	Entered       int64               `json:"-"` // version at which its stage was entered
	EnteredAt     time.Time           `json:"-"`
	PolicyVersion string              `json:"-"`
	OpenedAt      time.Time           `json:"opened_at"`
	ClosedAt      *time.Time          `json:"closed_at,omitempty"`
}

// Ref names the case.
func (c Case) Ref() campus.CaseRef { return campus.CaseRef{Kind: c.Kind, ID: c.ID} }

// PersonCase returns a case of the person, not found when it is somebody else's.
func (s *Store) PersonCase(ctx context.Context, person, id uuid.UUID) (Case, error) {
	return s.FindCase(ctx, id, func(c Case) bool { return c.PersonID == person })
}

// StaffCase returns a case the member may see, not found when it belongs to others.
func (s *Store) StaffCase(ctx context.Context, who campus.StaffMember, id uuid.UUID) (Case, error) {
	return s.FindCase(ctx, id, func(c Case) bool {
		return c.University == who.University && who.May(campus.ReadCases, c.Campus)
	})
}

// FindCase is a case that the caller lets be seen. NotFound when it does not, or there is none.
func (s *Store) FindCase(ctx context.Context, id uuid.UUID, visible func(Case) bool) (Case, error) {
	var c Case
	if err := s.Read(ctx).Raw(`select * from cases where id = ?`, id).Scan(&c).Error; err != nil {
		return c, db.Wrap("read a case", err)
	}
	if c.ID == uuid.Nil || !visible(c) {
		return Case{}, campus.Errorf(campus.NotFound, "", "no case %s", id)
	}
	return c, nil
}

// LockCase reads a case's row and keeps others from moving it until the transaction ends. Rows around the case may be
// added meanwhile, an incident above all.
func LockCase(t db.Tx, ref campus.CaseRef) (CaseRow, error) {
	var row CaseRow
	err := t.Raw(`select * from cases where id = ? and kind = ? for no key update`, ref.ID, ref.Kind).Scan(&row).Error
	if err == nil && row.ID == uuid.Nil {
		err = gorm.ErrRecordNotFound
	}
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return row, campus.Errorf(campus.NotFound, "", "no case %s", ref.WorkflowID())
	}
	return row, err
}

// PersonCases returns the cases of a person, newest first.
func (s *Store) PersonCases(ctx context.Context, person uuid.UUID, kind campus.CaseKind, after uuid.UUID,
	limit int) ([]Case, error) {
	query := s.Read(ctx).Table("cases").Where("person_id = ?", person)
	if kind != "" {
		query = query.Where("kind = ?", kind)
	}
	return listCases(query, after, limit)
}

// CaseFilter narrows the cases of a university; empty fields do not.
type CaseFilter struct {
	Kind     campus.CaseKind
	Stage    campus.Stage
	WaitsFor campus.Party
	Campus   string
	Parked   bool // only those with a parked step
	Open     bool
	Deciding bool   // only those with a decision whose end is not known yet
	Number   string // of the person
	After    uuid.UUID
	Limit    int
}

// StaffCases returns the cases the member may see, newest first.
func (s *Store) StaffCases(ctx context.Context, who campus.StaffMember, f CaseFilter) ([]Case, error) {
	query := s.Reports.Read(ctx).Table("cases").Where("university = ?", who.University)
	if campuses, all := who.Campuses(campus.ReadCases); !all {
		query = query.Where("campus in ?", campuses)
	}
	for column, value := range map[string]string{
		"kind": string(f.Kind), "stage": string(f.Stage), "waits_for": string(f.WaitsFor), "campus": f.Campus,
	} {
		if value != "" {
			query = query.Where(map[string]any{column: value})
		}
	}
	if f.Parked {
		query = query.Where("parked <> '[]'")
	}
	if f.Open {
		query = query.Where("closed_at is null")
	}
	if f.Deciding { // as a list: else Postgres asks for each case of the university
		query = query.Where("id = any(array(select case_id from requests where state = 'open'))")
	}
	if f.Number != "" {
		query = query.Where("person_id = (select id from people where university = ? and number_key = ?)",
			who.University, campus.FoldNumber(f.Number))
	}
	return listCases(query, f.After, f.Limit)
}

// listCases pages by id: ids are made when the case opens, so they are in its order.
func listCases(query *gorm.DB, after uuid.UUID, limit int) ([]Case, error) {
	if after != uuid.Nil {
		query = query.Where("id < ?", after)
	}
	cases := []Case{}
	err := query.Order("id desc").Limit(limit).Find(&cases).Error
	return cases, db.Wrap("list cases", err)
}

// TimelineEvent is a line of a case's timeline.
type TimelineEvent struct {
	ID     int64
	At     time.Time
	Kind   string
	Actor  string
	Data   map[string]string `gorm:"-"`
	Raw    []byte            `gorm:"column:data"`
	Public bool
	Note   string // what the person who decided wrote
}

// Timeline returns what happened in a case, oldest first; onlyPublic leaves out what is not the student's to see.
func (s *Store) Timeline(ctx context.Context, caseID uuid.UUID, onlyPublic bool) ([]TimelineEvent, error) {
	events := []TimelineEvent{}
	query := s.Read(ctx).Table("events").Select("events.*, coalesce(requests.payload->>'note', '') as note").
		Joins("left join requests on requests.id = events.decision_id").Where("events.case_id = ?", caseID)
	if onlyPublic {
		query = query.Where("public")
	}
	if err := query.Order("events.id").Find(&events).Error; err != nil {
		return nil, db.Wrap("read a timeline", err)
	}
	for i := range events {
		if err := json.Unmarshal(events[i].Raw, &events[i].Data); err != nil {
			return nil, db.Wrap("read a timeline", err)
		}
	}
	return events, nil
}

// Attempts returns the tries of a case's steps, oldest first.
func (s *Store) Attempts(ctx context.Context, caseID uuid.UUID) ([]Attempt, error) {
	attempts := []Attempt{}
	err := s.Read(ctx).Raw(`select * from attempts where case_id = ? order by started_at, id`,
		caseID).Scan(&attempts).Error
	return attempts, db.Wrap("list attempts", err)
}

// Findings returns the verdicts on an application's evidence, by item.
func (s *Store) Findings(ctx context.Context, application uuid.UUID) ([]campus.Finding, error) {
	findings := []campus.Finding{}
	err := s.Read(ctx).Raw(`select item, verdict, reason, score, hash from findings where application_id = ? order by item`,
		application).Scan(&findings).Error
	return findings, db.Wrap("list findings", err)
}

// CaseWorkItems returns the open work items of a case.
func (s *Store) CaseWorkItems(ctx context.Context, caseID uuid.UUID) ([]WorkItem, error) {
	items := []WorkItem{}
	err := s.Read(ctx).Raw(selectWorkItem+` where w.case_id = ? and w.closed_at is null order by w.id`,
		caseID).Scan(&items).Error
	if err == nil {
		err = markItems(s.Gorm.WithContext(ctx), items)
	}
	return items, db.Wrap("list the work items of a case", err)
}

// KeepPolicy keeps the text of a policy under its version, for the cases that begin with it.
func (s *Store) KeepPolicy(ctx context.Context, version string, files [][]byte) error {
	texts := make([]string, len(files))
	for i, file := range files {
		texts[i] = string(file)
	}
	_, err := s.Pool.Exec(ctx, `insert into policies (version, files, loaded_at) values ($1, $2, $3) on conflict do nothing`,
		version, db.JSONList[string](texts), s.Now())
	return db.Wrap("keep a policy", err)
}

// PolicyFiles returns the text of a policy some case began with.
func (s *Store) PolicyFiles(ctx context.Context, version string) ([][]byte, error) {
	var texts db.JSONList[string]
	err := s.Read(ctx).Raw(`select files from policies where version = ?`, version).Row().Scan(&texts)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, campus.Errorf(campus.NotFound, "", "no policy of version %s", version)
	}
	if err != nil {
		return nil, db.Wrap("read a policy", err)
	}
	files := make([][]byte, len(texts))
	for i, text := range texts {
		files[i] = []byte(text)
	}
	return files, nil
}

// CasePolicy is the version of the policy that a case keeps.
func (s *Store) CasePolicy(ctx context.Context, id uuid.UUID) (version string, err error) {
	err = s.Read(ctx).Raw(`select policy_version from cases where id = ?`, id).Row().Scan(&version)
	return version, db.Wrap("read the policy of a case", err)
}
