package casework

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// NoticeVersion is one version of a university's words for a message.
type NoticeVersion struct {
	Version   int                `json:"version"`
	Texts     campus.NoticeTexts `gorm:"-" json:"texts,omitempty" doc:"None: the product's own words again"`
	Raw       []byte             `gorm:"column:texts" json:"-"`
	Hash      string             `json:"hash"`
	StaffID   uuid.UUID          `json:"by"`
	StaffName string             `json:"by_name"`
	CreatedAt time.Time          `json:"created_at"`
}

// NoticeVersions returns the versions of a university's words for a message, newest first; none when they were never
// changed.
func (s *Store) NoticeVersions(ctx context.Context, university string, template campus.NoticeTemplate, before,
	limit int) ([]NoticeVersion, error) {
	versions, err := readVersions(s.Read(ctx),
		selectVersions+`university = ? and template = ? and (? = 0 or version < ?) order by version desc limit ?`+withStaff,
		university, template.Key(), before, before, limit)
	return versions, db.Wrap("list the versions of a notice", err)
}

// NoticeWording returns what counts for every message that a university has changed, by key of the catalogue.
func (s *Store) NoticeWording(ctx context.Context, university string) (map[string]NoticeVersion, error) {
	var rows []struct {
		Template string
		Version  int
	}
	err := s.Read(ctx).Raw(`select template, max(version) as version from notice_templates where university = ? group by template`,
		university).Scan(&rows).Error
	if err != nil {
		return nil, db.Wrap("list the notices", err)
	}
	wording := map[string]NoticeVersion{}
	for _, row := range rows {
		versions, err := readVersions(s.Read(ctx),
			selectVersions+`university = ? and template = ? and version = ?`+withStaff, university,
			row.Template, row.Version)
		if err != nil || len(versions) == 0 {
			return nil, db.Wrap("list the notices", err)
		}
		wording[row.Template] = versions[0]
	}
	return wording, nil
}

// What readVersions is asked: which versions, and who has written them.
const (
	selectVersions = `select v.*, f.name as staff_name from (select * from notice_templates where `
	withStaff      = `) v join staff f on f.id = v.staff_id order by v.version desc`
)

func readVersions(t db.Tx, query db.Statement, args ...any) ([]NoticeVersion, error) {
	versions := []NoticeVersion{}
	err := t.Raw(string(query), args...).Scan(&versions).Error
	if err != nil {
		return nil, err
	}
	for i, v := range versions {
		if v.Raw == nil {
			continue
		}
		if err := json.Unmarshal(v.Raw, &versions[i].Texts); err != nil {
			return nil, fmt.Errorf("read the words of a notice: %w", err)
		}
	}
	return versions, nil
}

// WordNotice gives a university its own words for a message, or with no texts the catalogue's again. base is the
// version that was looked at: if there has been another since, the change is a conflict (template_changed). Old
// versions stay: messages that were made with them read as they were sent.
func (s *Store) WordNotice(ctx context.Context, who campus.StaffMember, template campus.NoticeTemplate,
	texts campus.NoticeTexts, base int) (NoticeVersion, error) {
	var next NoticeVersion
	err := s.InTx(ctx, "word a notice", func(t db.Tx) error {
		last, err := lastWording(t, who.University, template)
		if err != nil {
			return err
		}
		counts := texts
		if counts == nil {
			counts = template.Default()
		}
		next = NoticeVersion{Version: last.Version + 1, Texts: texts, Hash: counts.Hash(), StaffID: who.ID,
			StaffName: who.Name, CreatedAt: t.Now}
		switch {
		case last.Version != base:
			return templateChanged(template)
		case next.Hash == last.Hash:
			return campus.Errorf(campus.Conflict, "template_same", "notice %s has these words", template.Name)
		}
		var body *string
		if texts != nil {
			raw, err := json.Marshal(texts)
			if err != nil {
				return fmt.Errorf("write the words of a notice: %w", err)
			}
			text := string(raw)
			body = &text
		}
		err = t.Exec(`insert into notice_templates (university, template, version, texts, hash, staff_id, created_at) values (?, ?, ?, ?, ?, ?, ?)`,
			who.University, template.Key(), next.Version, body, next.Hash, who.ID, t.Now).Error
		if db.Violated(err) == "notice_templates_version" { // somebody was faster
			return templateChanged(template)
		}
		if err != nil {
			return err
		}
		return AddAudit(t, campus.Staff(who.ID), "notice_template.change",
			"notice_template/"+template.Name+"/"+last.Hash+"/"+next.Hash, who.University)
	})
	return next, err
}

func templateChanged(template campus.NoticeTemplate) error {
	return campus.Errorf(campus.Conflict, "template_changed", "notice %s was changed meanwhile", template.Name)
}

// lastWording returns what counts now: version 0 are the catalogue's words.
func lastWording(t db.Tx, university string, template campus.NoticeTemplate) (NoticeVersion, error) {
	versions, err := readVersions(t,
		selectVersions+`university = ? and template = ? order by version desc limit 1`+withStaff, university,
		template.Key())
	if err != nil {
		return NoticeVersion{}, err
	}
	if len(versions) == 0 {
		return NoticeVersion{Hash: template.Default().Hash()}, nil
	}
	return versions[0], nil
}
