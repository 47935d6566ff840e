package story

import (
	"context"
	"fmt"

	"campuscard/campus"
)

// stalePhoto plays a student whose photo on file looks like somebody else, until Academic Affairs takes a new one.
func stalePhoto() story {
	return story{name: "B", kind: "stale_photo", university: university, steps: []step{
		(*storyRun).signInFirst,
		(*storyRun).apply,
		(*storyRun).waitsForPhoto,
		(*storyRun).photoIsRenewed,
		(*storyRun).isChecked,
		(*storyRun).isApproved,
		(*storyRun).wentOnByItself,
	}}
}

// waitsForPhoto checks that the case waits for Academic Affairs and that the student is told.
func (s *storyRun) waitsForPhoto(ctx context.Context) error {
	found, err := s.reaches(ctx, campus.StagePhoto)
	if err != nil {
		return err
	}
	if found.WaitsFor != campus.WaitsForRegistry || found.Due == nil || len(found.Next.Actions) == 0 {
		return fmt.Errorf("%s, due %v, next %q: it should wait for Academic Affairs, with an end and a way out", found,
			found.Due, found.Next.Text)
	}
	if err := s.hears(ctx, "notice.photo_differs", nil); err != nil {
		return err
	}
	s.say("收到照片不符的短信和邮件，等待：%s",
		"told by message and mail that the photo differs, waits for: %s",
		campus.Text(s.cfg.Language, "waits."+string(found.WaitsFor), nil))
	return nil
}

func (s *storyRun) photoIsRenewed(ctx context.Context) error {
	if err := s.school.RenewPhoto(ctx, s.person); err != nil {
		return err
	}
	s.say("教务处更新了照片", "Academic Affairs has taken a new photo")
	return nil
}

// wentOnByItself checks that nobody but the reviewer had to do anything.
func (s *storyRun) wentOnByItself(ctx context.Context) error {
	return s.happened(ctx, s.application, "applied", "checking", "checked", "liveness_passed", "photo_stale",
		"photo_matched", "review_asked", "approved", "provisioned")
}
