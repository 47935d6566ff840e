package cards

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// LivenessTry is one answer to a challenge.
type LivenessTry struct {
	ID        uuid.UUID
	Seq       int
	Gesture   campus.Gesture
	Frames    db.JSONList[uuid.UUID]
	CreatedAt time.Time
	Verdict   campus.Verdict
	Reason    string
	Files     db.JSONList[keptFile] // of the frames, in their order
}

const selectLastTry = `select t.id, t.seq, t.gesture, t.frames, t.created_at, t.verdict, t.reason, (
			select jsonb_agg(jsonb_build_object('id', u.id, 'key', u.object_key, 'gone', u.deleted_at is not null) order by f.n)
			from jsonb_array_elements_text(t.frames) with ordinality f (id, n) join uploads u on u.id = cast(f.id as uuid)) as files
	from liveness_tries t where t.application_id = @about order by t.seq desc limit 1`

// ReadFrames opens the first frames of a try; the first that cannot be opened is the error. Activities only.
func (s *Store) ReadFrames(ctx context.Context, try LivenessTry, first int) ([][]byte, error) {
	if len(try.Files) < first {
		return nil, campus.Errorf(campus.NotFound, "upload_unknown", "liveness try %s has no %d frames", try.ID, first)
	}
	frames := make([][]byte, first)
	for i := range frames {
		var err error
		if frames[i], err = s.openFile(ctx, try.Files[i]); err != nil {
			return nil, err
		}
	}
	return frames, nil
}

// JudgeLiveness keeps the verdict of a try and tells how many have really failed (B1: only those count). It closes the
// attempt in which that was found, unless that is zero.
func (s *Store) JudgeLiveness(ctx context.Context, attempt, try uuid.UUID, found campus.Finding) (failed int,
	err error) {
	err = s.InTx(ctx, "judge a liveness try", func(t db.Tx) error {
		if err := casework.CloseAttempt(t, attempt, campus.AttemptOK, nil); err != nil {
			return err
		}
		// The count sees the table as it was, so that this try is counted by itself.
		return t.Ask(`with judged as (
				update liveness_tries set verdict = @verdict, reason = @reason, score = @score where id = @id returning application_id)
			select case when @verdict = 'fail' then 1 else 0 end
				+ (select count(*) from liveness_tries t where t.application_id = judged.application_id and t.id <> @id and t.verdict = 'fail')
			from judged`, map[string]any{"id": try, "verdict": string(found.Verdict), "reason": found.Reason, "score": found.Score}).
			Scan(&failed)
	})
	return failed, err
}

// LivenessAnswer answers a challenge with frames.
type LivenessAnswer struct {
	Challenge uuid.UUID   `json:"challenge"`
	Frames    []uuid.UUID `json:"frames"`
	Consent   string      `json:"consent,omitempty"` // B4: version of the text agreed to, where none was agreed to before
}

// AddLivenessTry takes the answer of the move's decision (B1), and the consent that must be there before (B4). Invalid:
// consent_missing, challenge_unusable, upload_missing.
func (s *Store) AddLivenessTry(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return s.casework.Move(ctx, m, func(t db.Tx) error {
		answer, err := casework.ReadDecision[LivenessAnswer](t, m.Decision.ID)
		if err != nil {
			return err
		}
		agreed := t.Exec(`update applications set consent_version = coalesce(consent_version, ?), consent_at = coalesce(consent_at, ?)
			where id = ? and coalesce(consent_version, ?) <> ''`, answer.Consent, t.Now, m.Case.ID, answer.Consent)
		if agreed.Error != nil {
			return agreed.Error
		}
		if agreed.RowsAffected == 0 {
			return campus.FieldErrorf("consent", "consent_missing", "the check of the face needs consent")
		}
		who, err := applicantOf(t, m.Case.ID)
		if err != nil {
			return err
		}
		return addLivenessTry(t, m.Case.ID, who.PersonID, answer)
	})
}

// challenged is somebody's answer to a challenge, for an application.
type challenged struct {
	application, person uuid.UUID
	gesture             string // what the challenge asked for; empty: it is not theirs, used, or too old
	LivenessAnswer
}

// files returns the frames of the answer.
func (c challenged) files() []wantedFile {
	files := make([]wantedFile, len(c.Frames))
	for i, frame := range c.Frames {
		files[i] = wantedFile{frame, c.person, c.application, campus.FrameUpload, "liveness.frames"}
	}
	return files
}

// check says what is wrong with the answer apart from its frames not being there.
func (c challenged) check() error {
	if len(c.Frames) == 0 {
		return uploadMissing("liveness.frames")
	}
	if c.gesture == "" {
		return campus.FieldErrorf("liveness.challenge", "challenge_unusable", "no such challenge, or it is used or too old")
	}
	return nil
}

// addLivenessTry takes one answer to a challenge: one's own, in time, and only once (B1).
func addLivenessTry(t db.Tx, application, person uuid.UUID, answer LivenessAnswer) error {
	c := challenged{application: application, person: person, LivenessAnswer: answer}
	err := t.Raw(`select gesture from challenges where id = ? and person_id = ? and used_at is null and expires_at > ?`,
		answer.Challenge, person, t.Now).Scan(&c.gesture).Error
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	if err := takeFiles(t, c.files()); err != nil {
		return err
	}
	return insertLivenessTries(t, []challenged{c})
}

// insertLivenessTries uses up the challenges and keeps the answers. The files are taken beside it.
func insertLivenessTries(t db.Tx, answers []challenged) error {
	if len(answers) == 0 {
		return nil
	}
	used := t.Exec(`update challenges set used_at = ? where id = any(?) and used_at is null`, t.Now,
		db.IDs(answers, func(c challenged) uuid.UUID { return c.Challenge }))
	if used.Error != nil {
		return used.Error
	}
	if int(used.RowsAffected) != len(answers) { // somebody else has used one meanwhile
		return db.ErrContested
	}
	return t.Write(livenessTriesSQL, tryWords(t, answers))
}

const livenessTriesSQL = `insert into liveness_tries
		(id, application_id, seq, challenge_id, gesture, frames, created_at)
	select f.id, f.application, (select count(*) + 1 from liveness_tries where application_id = f.application),
		f.challenge, f.gesture, f.frames::jsonb, cast(@now as timestamptz)
	from unnest(cast(@tries as uuid[]), cast(@try_of as uuid[]), cast(@challenges as uuid[]),
			cast(@gestures as text[]), cast(@frames as text[]))
		f (id, application, challenge, gesture, frames)`

func tryWords(t db.Tx, answers []challenged) map[string]any {
	return map[string]any{
		"now":        t.Now,
		"tries":      db.IDs(answers, func(challenged) uuid.UUID { return uuid.Must(uuid.NewV7()) }),
		"try_of":     db.IDs(answers, func(c challenged) uuid.UUID { return c.application }),
		"challenges": db.IDs(answers, func(c challenged) uuid.UUID { return c.Challenge }),
		"gestures":   db.Column(answers, func(c challenged) string { return c.gesture }),
		"frames":     db.Column(answers, func(c challenged) string { return db.JSONText(c.Frames) }),
	}
}

// OpenLivenessAttempt opens a try of a step that is about the newest answer to a challenge.
func (s *Store) OpenLivenessAttempt(ctx context.Context, ref campus.StepRef, try int) (uuid.UUID, LivenessTry, error) {
	id, newest, found, err := casework.OpenAttempt[LivenessTry](ctx, s.casework, ref, try,
		casework.OpenAttemptSQL+selectLastTry, ref.Case.ID)
	if err == nil && !found {
		err = campus.Errorf(campus.NotFound, "", "application %s has no liveness try", ref.Case.ID)
	}
	return id, newest, err
}
