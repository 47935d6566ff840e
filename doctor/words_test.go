package doctor

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// Who reads the report in Chinese reads steps and causes in Chinese. Programs get the codes.
func TestStepsAndCausesAreInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	found := []Finding{{Check: "steps", Level: Warn, Code: "steps.parked",
		Values: values{"university": "lcu", "step": "phone", "cause": "unavailable", "count": "1", "time": "2h"}}}
	var zh, en, program bytes.Buffer
	require.NoError(t, WriteText(&zh, found, campus.Chinese))
	require.NoError(t, WriteText(&en, found, campus.English))
	require.NoError(t, WriteJSON(&program, found, campus.Chinese))
	require.Contains(t, zh.String(), "lcu：“核验手机号”挂起 1 件（没有应答），最早的已等 2h")
	require.Contains(t, en.String(), "lcu: 1 case is parked at “check the phone” (no answer), the first for 2h")
	require.Regexp(t, regexp.MustCompile(`"cause": "unavailable"`), program.String())
}
