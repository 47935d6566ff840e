package campus_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

func TestCheckNewPassword(t *testing.T) {
	t.Parallel()
	const number, document = "s2026000001", "11010519491231002X"
	for name, line := range map[string]struct{ password, reason string }{
		"letters and digits":             {"correct horse 7", ""},
		"Chinese letters count as such":  {"校园卡密码很安全7", ""},
		"eight characters":               {"abcdefg7", ""},
		"seven characters":               {"abcdef7", "password_length"},
		"seven characters of many bytes": {"校园卡密码是7", "password_length"},
		"letters that nobody sees":       {"ab7" + strings.Repeat("\u200b", 8), "password_length"},
		"72 characters":                  {strings.Repeat("a", 71) + "7", ""},
		"73 characters":                  {strings.Repeat("a", 72) + "7", "password_length"},
		"no digit":                       {"correct horse", "password_plain"},
		"no letter":                      {"1234567890", "password_plain"},
		"a character that is no text":    {"correct horse 7\x07", "words_unreadable"},
		"the number":                     {"S2026000001", "password_known"},
		"the document":                   {"11010519491231002x", "password_known"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, line.reason, campus.ReasonOf(campus.CheckNewPassword(line.password, number, document)))
		})
	}
}

// One password, however a keyboard sends it (docs/security.md).
func TestPasswordsHaveOneForm(t *testing.T) {
	t.Parallel()
	require.NotEqual(t, "café2026", "cafe\u03012026")
	for _, typed := range []string{"café2026", "cafe\u03012026", "ｃａｆé２０２６"} {
		require.Equal(t, "café2026", campus.NormalizePassword(typed))
	}
	require.NotEqual(t, campus.NormalizePassword("Café2026"), campus.NormalizePassword("café2026"),
		"capitals stay capitals")
	require.NotEqual(t, campus.NormalizePassword("cafe2026"), campus.NormalizePassword("café2026"),
		"accents stay accents")
}
