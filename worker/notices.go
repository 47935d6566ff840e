package worker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage"
	"campuscard/storage/casework"
)

const (
	noticeBatch = 16               // at once
	noticeLease = 30 * time.Second // longer than sending one takes
	noticePause = 200 * time.Millisecond
	noticeLife  = 24 * time.Hour // after that nobody waits for it

	finishPatience = 5 * time.Second // for our own rows, also while we stop
)

// noticeSender delivers messages by SMS and mail. Each channel is tried until it has taken the message, under the id
// of the message, so that a repeated try arrives once.
type noticeSender struct {
	store   *storage.Store
	systems *school.Systems
	metrics *metrics
	log     *slog.Logger
}

func (s *noticeSender) round(ctx context.Context) (time.Duration, error) {
	notices, err := s.store.Casework.ClaimNotices(ctx, noticeBatch, noticeLease)
	if err != nil || len(notices) == 0 {
		return noticePause, err
	}
	results := make([]casework.NoticeResult, len(notices))
	var all sync.WaitGroup
	for i, n := range notices {
		all.Go(func() { results[i] = s.send(ctx, n) })
	}
	all.Wait()
	if ctx.Err() != nil { // what fails while we stop says nothing about the message
		results = slices.DeleteFunc(results, func(r casework.NoticeResult) bool { return r.Failure != "" })
	}
	finishing, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishPatience)
	defer cancel()
	err = s.store.Casework.FinishNotices(finishing, results)
	if err == nil && len(notices) == noticeBatch { // more may wait
		return 0, nil
	}
	return noticePause, err
}

// send tries the channels that have not taken the message yet.
func (s *noticeSender) send(ctx context.Context, n casework.Notice) casework.NoticeResult {
	result := casework.NoticeResult{ID: n.ID, SMSDone: n.SMSAt != nil, MailDone: n.MailAt != nil}
	if n.ExpiresAt != nil && n.ExpiresAt.Before(s.store.Now()) {
		result.Done, result.Failure = true, noticeExpired
		s.metrics.notices.WithLabelValues(noticeExpired).Inc()
		return result
	}
	message := n.In(n.Language)
	bySMS, byMail := message.SMS != "" && n.Phone != "", message.Subject != "" && n.Email != ""
	if !bySMS && !byMail { // in the app it can be read all the same
		result.Done, result.Failure = true, "no_address"
		return result
	}
	var failures []error // each channel is judged by itself: what one refuses for good the other may take later
	if !result.SMSDone && bySMS {
		err := s.systems.SMS.Send(ctx, n.ID.String(), n.Phone, message.SMS)
		result.SMSDone, failures = err == nil, append(failures, err)
	}
	if !result.MailDone && byMail {
		err := s.systems.Mail.Send(ctx, n.ID.String(), n.Email, message.Subject, message.Text)
		result.MailDone, failures = err == nil, append(failures, err)
	}
	return s.conclude(ctx, n, result, failures)
}

func (s *noticeSender) conclude(ctx context.Context, n casework.Notice, result casework.NoticeResult,
	failures []error) casework.NoticeResult {
	failure := errors.Join(failures...)
	if failure == nil {
		result.Done = true
		s.metrics.notices.WithLabelValues(noticeDelivered).Inc()
		return result
	}
	again := slices.IndexFunc(failures, func(err error) bool { return campus.CodeOf(err).Retryable() })
	if again >= 0 {
		failure = failures[again]
	}
	result.Failure = string(campus.CodeOf(failure))
	result.Wait = min(time.Second<<min(n.Tries, 9), 10*time.Minute)
	result.Done = again < 0 || s.store.Now().Sub(n.CreatedAt) > noticeLife
	outcome := noticeAgain
	if result.Done {
		outcome = noticeGivenUp
	}
	s.metrics.notices.WithLabelValues(outcome).Inc()
	s.log.WarnContext(ctx, "a notice was not delivered", "notice", n.ID, "template", n.Template, "given_up", result.Done,
		"error", failure)
	return result
}
