package casework_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
)

func template(t *testing.T, name string) campus.NoticeTemplate {
	t.Helper()
	n, err := campus.FindNoticeTemplate(name)
	require.NoError(t, err)
	return n
}

// worded are texts that say a word in both languages.
func worded(n campus.NoticeTemplate, word string) campus.NoticeTexts {
	texts := n.Default()
	for language, words := range texts {
		words.Mail, words.SMS = word+words.Mail, word+words.SMS
		texts[language] = words
	}
	return texts
}

func TestWordNotice(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	s.University("lcvtc")
	admin, n := s.Colleague(campus.Grant{Role: campus.Administrator}), template(t, "approved")
	word := func(texts campus.NoticeTexts, base int) error {
		return storagetest.Err(s.Casework.WordNotice(t.Context(), admin, n, texts, base))
	}
	require.Equal(t, "template_same", storagetest.Outcome(word(n.Default(), 0)), "the words that count already")
	require.Equal(t, "template_same", storagetest.Outcome(word(nil, 0)))
	require.Equal(t, "template_changed", storagetest.Outcome(word(worded(n, "a"), 1)))
	require.NoError(t, word(worded(n, "a"), 0))
	require.Equal(t, "template_changed", storagetest.Outcome(word(worded(n, "b"), 0)))
	require.Equal(t, "template_same", storagetest.Outcome(word(worded(n, "a"), 1)))
	errs := storagetest.AtOnce(6, func(i int) error { return word(worded(n, string(rune('b'+i))), 1) })
	require.Equal(t, map[string]int{"done": 1, "template_changed": 5}, storagetest.Outcomes(errs),
		"of many one is in time")
	require.NoError(t, word(nil, 2))

	versions, err := s.Casework.NoticeVersions(t.Context(), admin.University, n, 0, 10)
	require.NoError(t, err)
	require.Len(t, versions, 3)
	require.Equal(t, []any{3, campus.NoticeTexts(nil), n.Default().Hash(), admin.Name},
		[]any{versions[0].Version, versions[0].Texts, versions[0].Hash, versions[0].StaffName})
	require.Equal(t, worded(n, "a"), versions[2].Texts, "what was said stays")
	older, err := s.Casework.NoticeVersions(t.Context(), admin.University, n, 3, 1)
	require.NoError(t, err)
	require.Equal(t, 2, older[0].Version)
	counts, err := s.Casework.NoticeWording(t.Context(), admin.University)
	require.NoError(t, err)
	require.Equal(t, 3, counts[n.Key()].Version)
	elsewhere, err := s.Casework.NoticeWording(t.Context(), "lcvtc")
	require.NoError(t, err)
	require.Empty(t, elsewhere)
	require.Equal(t, 1, storagetest.Count(s.Env,
		`audit where action = 'notice_template.change' and subject = $1 and actor = $2`,
		"notice_template/approved/"+n.Default().Hash()+"/"+worded(n, "a").Hash(), "staff/"+admin.ID.String()))
}

// A message reads as it was when it was made, whatever becomes of the words.
func TestNoticesKeepTheirWords(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	s.University("lcvtc")
	admin, n := s.Colleague(campus.Grant{Role: campus.Administrator}), template(t, "approved")
	tell := func() {
		m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
		m.Notices = []campus.Notice{{Template: n.Key()}}
		require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)))
	}
	tell()
	foreign, _ := s.Staff("lcvtc", campus.Grant{Role: campus.Administrator})
	require.NoError(t, storagetest.Err(s.Casework.WordNotice(t.Context(), foreign, n, worded(n, "x"), 0)))
	for base, word := range []string{"a", "b"} {
		require.NoError(t, storagetest.Err(s.Casework.WordNotice(t.Context(), admin, n, worded(n, word), base)))
		tell()
	}
	require.NoError(t, storagetest.Err(s.Casework.WordNotice(t.Context(), admin, n, nil, 2)))
	tell()
	said := func(notices []casework.Notice) (words []string) {
		for _, notice := range notices {
			words = append(words, notice.In(campus.English).SMS)
		}
		return words
	}
	plain := campus.NoticeText(campus.English, n.Key(), nil).SMS
	shown, err := s.Casework.Notices(t.Context(), s.Holder.ID, uuid.Nil, 10)
	require.NoError(t, err)
	require.Equal(t, []string{plain, "b" + plain, "a" + plain, plain}, said(shown))
	require.ElementsMatch(t, []string{plain, "b" + plain, "a" + plain, plain}, said(claim(s, 10)))
}

func TestReadNotices(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	s.Tell("a", "b")
	other := s.Person()
	unread := func() int {
		n, err := s.Casework.UnreadNotices(t.Context(), s.Holder.ID)
		require.NoError(t, err)
		return n
	}
	require.Equal(t, 2, unread())
	shown, err := s.Casework.Notices(t.Context(), s.Holder.ID, uuid.Nil, 10)
	require.NoError(t, err)
	id := shown[0].ID
	require.Equal(t, "notice_unknown", storagetest.Outcome(s.Casework.ReadNotice(t.Context(), other.ID, id)),
		"somebody else's")
	require.NoError(t, s.Casework.ReadNotice(t.Context(), s.Holder.ID, id))
	read := s.Clock.Now()
	s.Clock.Advance(time.Minute)
	require.NoError(t, s.Casework.ReadNotice(t.Context(), s.Holder.ID, id))
	require.Equal(t, 1, unread())
	shown, err = s.Casework.Notices(t.Context(), s.Holder.ID, uuid.Nil, 10)
	require.NoError(t, err)
	require.True(t, shown[0].ReadAt.Equal(read), "the first time stays")
	require.Nil(t, shown[1].ReadAt)
	s.Exec(`update notices set expires_at = now() where id = $1`, shown[1].ID)
	require.Equal(t, "notice_unknown", storagetest.Outcome(s.Casework.ReadNotice(t.Context(), s.Holder.ID, shown[1].ID)),
		"a code is not in the app")
	require.Zero(t, unread())
}
