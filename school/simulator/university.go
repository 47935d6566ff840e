package simulator

import (
	"fmt"
	"strconv"
	"strings"
)

// university is one of the city's universities, with the colleges of each campus.
type university struct {
	name     string // 中文
	campuses []string
	colleges []college
	years    []int // of enrolment
}

type college struct{ name, campus string }

// universities returns the city.
func universities() map[string]university {
	return map[string]university{
		"lcu": {
			name: "聊城大学", campuses: []string{"east", "west"}, years: []int{2023, 2024, 2025, 2026},
			colleges: []college{
				{"文学院", "east"}, {"数学科学学院", "west"}, {"计算机学院", "west"}, {"外国语学院", "east"},
				{"教育科学学院", "east"}, {"化学化工学院", "west"}, {"历史文化与旅游学院",
					"east"}, {"机械与汽车工程学院", "west"},
			},
		},
		"lcvtc": {
			name: "聊城职业技术学院", campuses: []string{"main"}, years: []int{2025, 2026},
			colleges: []college{{"护理学院", "main"}, {"机电工程系", "main"}, {"信息工程系", "main"},
				{"旅游管理系", "main"}},
		},
	}
}

// knownKiosk tells whether there is such a kiosk: {university}-{campus}-{1 to 9}, as in lcu-east-1.
func knownKiosk(code, universityCode string) bool {
	for _, campus := range universities()[universityCode].campuses {
		number, ok := strings.CutPrefix(code, fmt.Sprintf("%s-%s-", universityCode, campus))
		if n, err := strconv.Atoi(number); ok && err == nil && n >= 1 && n <= 9 {
			return true
		}
	}
	return false
}
