package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/api/cards"
	"campuscard/campus"
)

// Somebody in the line reads how many are ahead, and when it begins, wherever they are (C5).
func TestThePlaceInTheLineInWords(t *testing.T) {
	t.Parallel()
	const stands = "At the moment none can begin, so no time can be told; " +
		"your application is kept and goes on by itself."
	at := time.Date(2026, 11, 20, 9, 30, 0, 0, campus.Shanghai).UTC()
	for name, want := range map[string]struct {
		place  campus.LinePlace
		zh, en string
	}{
		"the next one": {campus.LinePlace{Position: 1, Estimated: at},
			"您是下一位，预计 2026-11-20 09:30（北京时间） 开始处理。",
			"You are next. Your application should begin at 2026-11-20 09:30 (Beijing time)."},
		"behind one": {campus.LinePlace{Position: 2, Estimated: at},
			"前面还有 1 人，预计 2026-11-20 09:30（北京时间） 开始处理。",
			"1 person is ahead of you. Your application should begin at 2026-11-20 09:30 (Beijing time)."},
		"behind many": {campus.LinePlace{Position: 41, Estimated: at},
			"前面还有 40 人，预计 2026-11-20 09:30（北京时间） 开始处理。",
			"40 people are ahead of you. Your application should begin at 2026-11-20 09:30 (Beijing time)."},
		"the next one of a line that stands": {campus.LinePlace{Position: 1},
			"您是下一位，目前暂停处理，无法预计时间；您的申请已保存，恢复后自动继续。",
			"You are next. " + stands},
		"behind one of a line that stands": {campus.LinePlace{Position: 2},
			"前面还有 1 人，目前暂停处理，无法预计时间；您的申请已保存，恢复后自动继续。",
			"1 person is ahead of you. " + stands},
	} {
		require.Equal(t, want.zh, cards.LineText(campus.Chinese, want.place), name)
		require.Equal(t, want.en, cards.LineText(campus.English, want.place), name)
	}
}
