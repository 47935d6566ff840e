package campus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
)

func TestClaimStands(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.November, 17, 10, 0, 0, 0, campus.Shanghai)
	for name, line := range map[string]struct {
		until *time.Time
		want  bool
	}{
		"nobody's": {nil, false}, "still": {new(now.Add(time.Nanosecond)), true}, "at its last instant": {new(now), false},
		"over": {new(now.Add(-time.Hour)), false},
	} {
		require.Equal(t, line.want, campus.ClaimStands(line.until, now), name)
	}
}

func TestMasked(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{"2026080042": "2026****42", "1234567": "1234*67", "123456": "******",
		"": "", "学号二〇二六零一": "学号二〇**零一"} {
		require.Equal(t, want, campus.Masked(number))
	}
}

func TestAllDigits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"0123456789": true, "": false, "12a": false, "１２": false, "1\t": false} {
		require.Equal(t, want, campus.AllDigits(text), text)
	}
}

func TestHeads(t *testing.T) {
	t.Parallel()
	head := campus.StaffMember{Grants: []campus.Grant{{Role: campus.Head, Campuses: []string{"east"}}}}
	require.True(t, head.May(campus.AssignWork, "east"))
	require.False(t, head.May(campus.AssignWork, "west"))
	require.False(t, head.May(campus.ReviewCases, "east"), "who decides too has the team's role beside it")
}

func noticeTemplate(t *testing.T, name string) campus.NoticeTemplate {
	t.Helper()
	n, err := campus.FindNoticeTemplate(name)
	require.NoError(t, err)
	return n
}

// The product's own words keep the rules that staff's have to keep.
func TestEveryNoticeOfTheCatalogueIsValid(t *testing.T) {
	t.Parallel()
	all := campus.NoticeTemplates()
	require.Greater(t, len(all), 20)
	for _, n := range all {
		require.NoError(t, n.Check(n.Default(), campus.NoticePolicy{SMSCharacters: 268}), n.Name)
		require.True(t, n.Mail || n.SMS, n.Name)
		for _, language := range campus.Languages() {
			sample := n.Sample(language, n.Default()[language])
			require.NotContains(t, sample.Subject+sample.Text+sample.SMS, "{", n.Name)
			require.NotContains(t, sample.Subject+sample.Text+sample.SMS, "‹", "%s: a place has no sample", n.Name)
		}
	}
}

func TestChannelsOfNotices(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]bool{"approved": {true, true}, "phone_code": {false, true},
		"staff_reminder": {true, false}} {
		n := noticeTemplate(t, name)
		require.Equal(t, want, [2]bool{n.Mail, n.SMS}, name)
	}
	require.Equal(t, []string{"code", "kiosk"}, noticeTemplate(t, "ready_for_pickup").Places)
	for _, name := range []string{"approved.subject", "nothing", "", "../stage.review"} {
		_, err := campus.FindNoticeTemplate(name)
		require.Equal(t, "template_unknown", campus.ReasonOf(err), name)
	}
}

func TestCheckOfNoticeTexts(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]struct {
		template string
		change   func(*campus.NoticeWords) // of the English words
		reason   string
		field    string
	}{
		"other words": {"ready_for_pickup", func(w *campus.NoticeWords) { w.SMS = "{kiosk}: {code}" },
			"", ""},
		"a place in the subject": {"ready_for_pickup", func(w *campus.NoticeWords) { w.Subject = "{kiosk}" }, "",
			""},
		"a mail of many lines": {"ready_for_pickup",
			func(w *campus.NoticeWords) { w.Mail = "Hello,\n\n{kiosk}\n{code}" }, "", ""},
		"a place that nobody fills": {"ready_for_pickup", func(w *campus.NoticeWords) { w.SMS += "{name}" },
			"template_place_unknown", "texts.en.sms"},
		"a brace too many": {"ready_for_pickup", func(w *campus.NoticeWords) { w.Mail += "{" },
			"template_place_unknown", "texts.en.mail"},
		"a place of braces": {"ready_for_pickup", func(w *campus.NoticeWords) { w.Mail += "{{code}}" },
			"template_place_unknown", "texts.en.mail"},
		"a code left out of the SMS": {"ready_for_pickup", func(w *campus.NoticeWords) { w.SMS = "{kiosk}" },
			"template_place_missing", "texts.en.sms"},
		"a kiosk left out of the mail": {"ready_for_pickup", func(w *campus.NoticeWords) { w.Mail = "{code}" },
			"template_place_missing", "texts.en.mail"},
		"no SMS": {"approved", func(w *campus.NoticeWords) { w.SMS = " " }, "template_empty",
			"texts.en.sms"},
		"no subject": {"approved", func(w *campus.NoticeWords) { w.Subject = "" }, "template_empty",
			"texts.en.subject"},
		"a subject of two lines": {"approved", func(w *campus.NoticeWords) { w.Subject = "a\nBcc: x" },
			"template_line", "texts.en.subject"},
		"a control character": {"approved", func(w *campus.NoticeWords) { w.Mail = "a\x00" },
			"words_unreadable", "texts.en.mail"},
		"an SMS of blanks of Chinese": {"approved", func(w *campus.NoticeWords) { w.SMS = "\u3000\u200b" },
			"template_empty", "texts.en.sms"},
		"a mail in the wrong direction": {"approved", func(w *campus.NoticeWords) { w.Mail = "a\u202eb" },
			"words_unreadable", "texts.en.mail"},
		"a subject in the wrong direction": {"approved", func(w *campus.NoticeWords) { w.Subject = "a\u202eb" },
			"words_unreadable", "texts.en.subject"},
		"an SMS of emoji, two units each": {"approved", func(w *campus.NoticeWords) { w.SMS = strings.Repeat("😀", 135) },
			"template_sms_long", "texts.en.sms"},
		"an SMS of emoji that fits": {"approved", func(w *campus.NoticeWords) { w.SMS = strings.Repeat("😀", 134) },
			"", ""},
		"an SMS of a book": {"approved", func(w *campus.NoticeWords) { w.SMS = strings.Repeat("字", 269) },
			"template_sms_long", "texts.en.sms"},
		"an SMS of all that fits": {"approved", func(w *campus.NoticeWords) { w.SMS = strings.Repeat("字", 268) },
			"", ""},
		"a mail for what goes by SMS": {"phone_code", func(w *campus.NoticeWords) { w.Mail = "{code} {minutes}" },
			"template_channel", "texts.en.mail"},
		"an SMS for what goes to staff": {"staff_assigned", func(w *campus.NoticeWords) { w.SMS = "{campus} {kind}" },
			"template_channel", "texts.en.sms"},
		"the English left out": {"approved", func(w *campus.NoticeWords) { *w = campus.NoticeWords{} },
			"template_empty", "texts.en.subject"},
		"a sample that makes it too long": {"refused",
			func(w *campus.NoticeWords) {
				w.SMS = strings.Repeat("字",
					250) + "{reason}"
			}, "template_sms_long", "texts.en.sms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := noticeTemplate(t, line.template)
			texts := n.Default()
			words := texts[campus.English]
			line.change(&words)
			texts[campus.English] = words
			err := n.Check(texts, campus.NoticePolicy{SMSCharacters: 268})
			require.Equal(t, line.reason, campus.ReasonOf(err))
			if line.field != "" {
				require.Equal(t, line.field, err.(*campus.Error).Field) //nolint:errorlint // made by Check itself
			}
		})
	}
}

func TestRenderNotice(t *testing.T) {
	t.Parallel()
	params := map[string]string{"code": "{kiosk}", "kiosk_zh": "东校区", "kiosk_en": "East Campus"}
	own := campus.NoticeTexts{campus.English: {Subject: "S {kiosk}", Mail: "M {kiosk} {code}", SMS: "T {code}"}}
	en := campus.RenderNotice(campus.English, "notice.ready_for_pickup", params, own)
	require.Equal(t, campus.Message{Subject: "S East Campus", Text: "M East Campus {kiosk}", SMS: "T {kiosk}"}, en,
		"what is filled in is no place")
	zh := campus.RenderNotice(campus.Chinese, "notice.ready_for_pickup", params, own)
	require.Equal(t, campus.NoticeText(campus.Chinese, "notice.ready_for_pickup", params), zh,
		"a language without own words has the product's")
	late := campus.NoticeText(campus.Chinese, "notice.staff_reminder",
		map[string]string{"work_kind": "review", "campus_zh": "东校区", "count": "3", "due_zh": "未定"})
	require.Equal(t, campus.Message{Subject: "校园卡：待审核临近截止",
		Text: "东校区：待审核有 3 项临近截止，最早截止时间：未定。请登录处理。"}, late)
	code := campus.NoticeText(campus.English, "notice.phone_code", map[string]string{"code": "1", "minutes": "5"})
	require.Equal(t, code.SMS, code.Text)
}

func TestHashOfNoticeTexts(t *testing.T) {
	t.Parallel()
	texts := noticeTemplate(t, "approved").Default()
	before := texts.Hash()
	require.Equal(t, before, noticeTemplate(t, "approved").Default().Hash())
	words := texts[campus.English]
	words.Subject, words.Mail = words.Subject+words.Mail[:1], words.Mail[1:]
	texts[campus.English] = words
	require.NotEqual(t, before, texts.Hash(), "parts are kept apart")
}

func TestPoliciesOfStaffWork(t *testing.T) {
	t.Parallel()
	for name, over := range map[string]string{
		"a claim of no length": "work: {claim_life: 0s}", "mails without a pause": "work: {mail_every: 0s}",
		"retries without a pause":             "work: {retry_pause: 0s}",
		"a verification that is over at once": "counter: {verification_life: 0s}", "no try": "counter: {verification_tries: 0}",
		"an SMS of nothing": "notices: {sms_characters: 0}",
	} {
		_, err := campus.LoadPolicies(deploy.Policy, []byte(over))
		require.Equal(t, campus.Invalid, campus.CodeOf(err), name)
	}
}
