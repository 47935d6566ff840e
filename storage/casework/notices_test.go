package casework_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
)

func claim(s *storagetest.Story, limit int) []casework.Notice {
	s.T.Helper()
	notices, err := s.Casework.ClaimNotices(s.T.Context(), limit, time.Minute)
	require.NoError(s.T, err)
	return notices
}

func TestClaimNotices(t *testing.T) {
	t.Parallel()

	t.Run("several senders at once: each message is one sender's", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
		for range 100 {
			m.Notices = append(m.Notices, campus.Notice{Template: "notice.test"})
		}
		require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)))
		var mu sync.Mutex
		claimed := map[uuid.UUID]int{}
		errs := storagetest.AtOnce(5, func(int) error {
			for {
				notices, err := s.Casework.ClaimNotices(t.Context(), 7, time.Minute)
				if err != nil || len(notices) == 0 {
					return err
				}
				mu.Lock()
				for _, notice := range notices {
					claimed[notice.ID]++
				}
				mu.Unlock()
			}
		})
		require.Equal(t, map[string]int{"done": 5}, storagetest.Outcomes(errs))
		require.Len(t, claimed, 100)
		for _, times := range claimed {
			require.Equal(t, 1, times)
		}
	})

	t.Run("the message of a sender that died is due again after its lease", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		s.Tell("a")
		require.Len(t, claim(s, 10), 1)
		require.Empty(t, claim(s, 10), "it is held")
		s.Clock.Advance(time.Minute)
		again := claim(s, 10)
		require.Len(t, again, 1)
		require.Equal(t, 2, again[0].Tries)
	})

	t.Run("it has all that sending takes", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		require.NoError(t, s.People.SetLanguage(t.Context(), s.Holder.ID, campus.English))
		s.Tell("4711")
		notice := claim(s, 10)[0]
		require.Equal(t, map[string]string{"code": "4711"}, notice.Params)
		require.Equal(t, "+86"+s.Holder.Roster.Phone, notice.Phone)
		require.Equal(t, s.Holder.Roster.Email, notice.Email)
		require.Equal(t, campus.English, notice.Language)
		require.Equal(t, s.Application.ID, *notice.CaseID)
	})

	t.Run("what a message says is sealed at rest, and stays in its place", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		s.Tell("47114711")
		raw := storagetest.One[[]byte](s.Env, `select params from notices`)
		require.False(t, bytes.Contains(raw, []byte("4711")))
		require.False(t, bytes.Contains(raw, []byte("code")))
		s.Exec(`update notices set params = set_byte(params, length(params) - 1, get_byte(params, length(params) - 1) # 1)`)
		s.Tell("the next")
		claimed := claim(s, 10)
		require.Len(t, claimed, 1, "a damaged one holds up nobody")
		require.Equal(t, "the next", claimed[0].Params["code"])
	})

	t.Run("so many at most, the longest due first", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		s.Tell("a", "b", "c")
		first := claim(s, 2)
		require.Len(t, first, 2)
		require.ElementsMatch(t, []string{"a", "b"}, []string{first[0].Params["code"], first[1].Params["code"]})
	})
}

func TestFinishNotices(t *testing.T) {
	t.Parallel()
	finish := func(s *storagetest.Story, id uuid.UUID, r casework.NoticeResult) {
		s.T.Helper()
		r.ID = id
		require.NoError(s.T, s.Casework.FinishNotices(s.T.Context(),
			[]casework.NoticeResult{r, {ID: uuid.New(), Done: true}}))
	}

	t.Run("a channel that has it does not get it again", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		s.Tell("a")
		id := claim(s, 1)[0].ID
		taken := s.Clock.Now()
		finish(s, id, casework.NoticeResult{SMSDone: true, Wait: time.Hour, Failure: "unavailable"})
		s.Clock.Advance(time.Hour - 1)
		require.Empty(t, claim(s, 1), "not before its time")
		s.Clock.Advance(1)
		again := claim(s, 1)
		require.Len(t, again, 1)
		require.True(t, again[0].SMSAt.Equal(taken))
		require.Nil(t, again[0].MailAt)
		finish(s, id, casework.NoticeResult{SMSDone: true, MailDone: true, Done: true})
		require.True(t, storagetest.One[time.Time](s.Env, `select sms_at from notices`).Equal(taken))
		s.Clock.Advance(24 * time.Hour)
		require.Empty(t, claim(s, 1), "done")
		require.Equal(t, 1, storagetest.Count(s.Env, `notices where failure = '' and done_at is not null`))
	})

	t.Run("a sender that comes back after its lease does not open again what another has finished", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		s.Tell("a")
		slow := claim(s, 1)[0]
		s.Clock.Advance(time.Minute)
		finish(s, claim(s, 1)[0].ID, casework.NoticeResult{SMSDone: true, Done: true})
		finish(s, slow.ID, casework.NoticeResult{Wait: time.Second, Failure: "unavailable"})
		s.Clock.Advance(time.Hour)
		require.Empty(t, claim(s, 1))
		require.Equal(t, 1, storagetest.Count(s.Env, `notices where done_at is not null and sms_at is not null`))
	})
}

func TestNotices(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	s.Tell("a", "b", "c", "d", "e")
	other := s.Person()
	none, err := s.Casework.Notices(t.Context(), other.ID, uuid.Nil, 10)
	require.NoError(t, err)
	require.Empty(t, none)
	var seen []string
	for after := uuid.Nil; ; {
		page, err := s.Casework.Notices(t.Context(), s.Holder.ID, after, 2)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, notice := range page {
			seen, after = append(seen, notice.Params["code"]), notice.ID
		}
	}
	require.Equal(t, []string{"e", "d", "c", "b", "a"}, seen, "newest first, each once")
}
