package school_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

type caughtMail struct {
	MessageID string `json:"message_id"`
	To        []string
	Subject   string
	Text      string
	Copies    int
}

func (b *bundle) mails(to string) []caughtMail {
	b.t.Helper()
	var got struct{ Mails []caughtMail }
	b.admin(http.MethodGet, "/admin/mails?to="+to, nil, &got)
	return got.Mails
}

func TestMailArrivesAsWritten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	subject := "您的校园卡申请已通过,请尽快激活虚拟卡 (" + strings.Repeat("长", 60) + ")"
	text := "同学:\n\n您的校园卡已可激活。\n聊城大学"
	require.NoError(t, b.Mail.Send(t.Context(), "notice-1", "one@stu.lcu.example", subject, text))
	got := b.mails("one@stu.lcu.example")
	require.Len(t, got, 1)
	require.Equal(t, "notice-1@campuscard.example", got[0].MessageID)
	require.Equal(t, subject, got[0].Subject)
	require.Equal(t, text, strings.ReplaceAll(got[0].Text, "\r\n", "\n"))
}

func TestRepeatedMailIsKnownByItsID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fault("mail", fields{"mode": "flaky", "rate": 1, "moment": "after"})
	err := b.Mail.Send(t.Context(), "notice-2", "two@stu.lcu.example", "subject", "text")
	require.Equal(t, campus.Unavailable, campus.CodeOf(err))
	b.fault("mail", fields{"mode": "none"})
	require.NoError(t, b.Mail.Send(t.Context(), "notice-2", "two@stu.lcu.example", "subject", "text"))
	got := b.mails("two@stu.lcu.example")
	require.Len(t, got, 1)
	require.Equal(t, 2, got[0].Copies)
	require.Equal(t, 1, b.effects("notice-2@campuscard.example"))
}

func TestMailThatCannotBeSent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, args := range map[string][3]string{
		"message id with an at": {"a@b", "one@stu.lcu.example", "subject"},
		"no message id":         {"", "one@stu.lcu.example", "subject"},
		"no address":            {"id", "one", "subject"},
		"second header line":    {"id", "one@stu.lcu.example", "subject\r\nBcc: all@stu.lcu.example"},
	} {
		err := b.Mail.Send(t.Context(), args[0], args[1], args[2], "text")
		require.Equal(t, campus.Invalid, campus.CodeOf(err), name)
	}
	b.stop()
	err := b.Mail.Send(t.Context(), "id", "one@stu.lcu.example", "subject", "text")
	require.Equal(t, campus.Unavailable, campus.CodeOf(err))
	require.NotContains(t, err.Error(), "one@")
}
