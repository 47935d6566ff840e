package school_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
)

// answering are the clients of systems that all give one answer.
func answering(t *testing.T, header map[string]string, body string) *school.Systems {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for name, value := range header {
			w.Header().Set(name, value)
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	systems, err := school.New(school.Config{BaseURL: server.URL})
	require.NoError(t, err)
	return systems
}

const studentLine = `{"number":"7","name":"张伟","category":"mainland","document_type":"resident_card","document_number":"1","phone":"","email":"",
	"level":"undergraduate","college":"","campus":"east","dormitory":"","status":"registered","enrolled_on":"2024-09-01",
	"graduates_on":"2028-06-30","photo_version":"2024-09-01T08:00:00Z"}`

// Whatever another system says as a word for machines goes into histories and logs: a sentence, which may be about a
// person, is none.
func TestWordsOfOtherSystemsAreWords(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]campus.Code{"too_dark": "", "张三 370102": campus.BadAnswer,
		"Too dark":              campus.BadAnswer,
		strings.Repeat("a", 41): campus.BadAnswer} {
		_, err := answering(t, nil, `{"passed":false,"reason":"`+reason+`","score":0}`).Face.Liveness(t.Context(), "k",
			"nod", nil)
		require.Equal(t, want, campus.CodeOf(err), reason)
		_, err = answering(t, nil, `{"same":false,"reason":"`+reason+`","score":0}`).Face.Compare(t.Context(), "k",
			[]byte{1}, nil)
		require.Equal(t, want, campus.CodeOf(err), reason)
		order, err := answering(t, nil,
			`{"order_id":"1","reference":"r","status":"spoilt","sequence":1,"updated_at":"2026-11-22T08:00:00Z",
			"reason":"`+reason+`"}`).Bureau.Production(t.Context(), "1")
		require.NoError(t, err)
		require.Equal(t, want == "", order.Reason != "", "a reason that is none is not kept: %s", reason)
	}
	var picture bytes.Buffer
	require.NoError(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8))))
	for version, want := range map[string]campus.Code{"1": "", `W/"2024-09-01"`: "", "Zhang San": campus.BadAnswer,
		"张三":                     campus.BadAnswer,
		strings.Repeat("a", 201): campus.BadAnswer} {
		_, err := answering(t, map[string]string{"Content-Type": "image/png", "Photo-Version": version},
			picture.String()).HR.Photo(t.Context(), lcu, "7")
		require.Equal(t, want, campus.CodeOf(err), version)
		line := strings.Replace(studentLine, "2024-09-01T08:00:00Z", strings.ReplaceAll(version, `"`, `\"`), 1)
		_, err = answering(t, nil, line).Academic.Student(t.Context(), lcu, "7")
		require.Equal(t, want, campus.CodeOf(err), version)
	}
}

// A line of an export is read as every answer is: names in their own case, each once. The others are read all the same.
func TestLinesOfAnExportAreReadStrictly(t *testing.T) {
	t.Parallel()
	with := func(more string) string { return strings.Replace(studentLine, `"name"`, more+`"name"`, 1) }
	for name, c := range map[string]struct{ line, fault string }{
		"as agreed on":            {studentLine, ""},
		"one more word":           {with(`"nickname":"x",`), ""},
		"words much alike":        {with(`"photoversion":"x","photo-version":"x","Order":{"name":[{"NAME":"x"}]},"order":"order",`), "roster.unreadable"},
		"words alike":             {with(`"photoversion":"x","photo-version":"x","order":{"NAME":[{"Name":"name"}]},`), ""},
		"a name twice":            {with(`"name":"李四",`), "roster.unreadable"},
		"another twice":           {with(`"x":1,"x":2,`), "roster.unreadable"},
		"in two cases":            {with(`"NAME":"李四",`), "roster.unreadable"},
		"in another case alone":   {strings.Replace(studentLine, `"name"`, `"Name"`, 1), "roster.incomplete"},
		"of a megabyte":           {with(`"x":"` + strings.Repeat("x", 2<<20) + `",`), "roster.unreadable"},
		"a half of a pair":        {strings.Replace(studentLine, "张伟", `\ud800`, 1), "roster.unreadable"},
		"a number that is a text": {strings.Replace(studentLine, `"7"`, "7", 1), "roster.unreadable"},
		"a raw line feed":         {strings.Replace(studentLine, "张伟", "张\n伟", 1), "roster.unreadable"},
		"a raw NUL":               {strings.Replace(studentLine, "张伟", "张\x00", 1), "roster.unreadable"},
		"one behind a backslash":  {strings.Replace(studentLine, "张伟", "张\\\\\\\x1f", 1), "roster.unreadable"},
		"one in a name":           {with("\"x\ty\":1,"), "roster.unreadable"},
		"blanks between":          {with("\r\n\t\"x\": \"\\\\\",\n"), ""},
		"texts with marks":        {with(`"x\"":"\"{\\\"",`), ""},
	} {
		page := `{"students":[` + c.line + `,` + studentLine + `],"next":""}`
		lines, _, err := answering(t, nil, page).Academic.Roster(t.Context(), lcu, "", 3)
		require.NoError(t, err, name)
		require.Len(t, lines, 2)
		require.Equal(t, c.fault, lines[0].Fault, name)
		require.Empty(t, lines[1].Fault, name)
	}
}

// A raw control byte outside of the lines is no line's, and no page is read with it.
func TestAPageWhoseNextIsNoCursor(t *testing.T) {
	t.Parallel()
	_, _, err := answering(t, nil, `{"students":[`+studentLine+`],"next":"`+"a\nb"+`"}`).Academic.Roster(t.Context(), lcu, "", 3)
	require.Equal(t, campus.BadAnswer, campus.CodeOf(err))
}
