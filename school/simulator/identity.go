package simulator

import (
	"fmt"
	"strings"
)

// identify gives the person a name and a document.
func (g *generator) identify(p *person, enrolled int) {
	birthday := fmt.Sprintf("%04d%02d%02d", enrolled-18-g.rng.IntN(2), 1+g.rng.IntN(12), 1+g.rng.IntN(28))
	p.Name = g.chineseName()
	for p.DocumentNumber == "" || g.documents[p.DocumentNumber] {
		switch n := g.rng.IntN(1000); {
		case p.Level == "exchange":
			p.Name = g.foreignName()
			p.DocumentType, p.DocumentNumber = "passport", fmt.Sprintf("E%08d", g.rng.IntN(100_000_000))
		case n < 5:
			p.DocumentType, p.DocumentNumber = "travel_permit", fmt.Sprintf("H%08d", g.rng.IntN(100_000_000))
		case n < 10:
			p.DocumentType, p.DocumentNumber = "residence_permit", g.resident("830000", birthday)
		default:
			p.DocumentType, p.DocumentNumber = "resident_card", g.resident(g.district(), birthday)
		}
	}
	g.documents[p.DocumentNumber] = true
	p.Category = categoryOf(p.DocumentType, p.DocumentNumber)
}

// categoryOf returns where somebody comes from, as their document tells.
func categoryOf(documentType, number string) string {
	switch {
	case documentType == "passport" || documentType == "permanent_residence_card":
		return "foreign"
	case documentType == "travel_permit":
		return "hong_kong_macau"
	case documentType == "residence_permit" && strings.HasPrefix(number, "83"):
		return "taiwan"
	case documentType == "residence_permit":
		return "hong_kong_macau"
	}
	return "mainland"
}

// district returns where the person was first registered; most come from around Liaocheng.
func (g *generator) district() string {
	codes := []string{"371502", "371521", "371522", "371523", "371524", "371525", "371526", "371581", "370102", "130435"}
	return codes[g.rng.IntN(len(codes))]
}

// resident returns a number with its check digit, GB 11643-1999.
func (g *generator) resident(district, birthday string) string {
	digits := fmt.Sprintf("%s%s%03d", district, birthday, 1+g.rng.IntN(998))
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		sum += w * int(digits[i]-'0')
	}
	return digits + string("10X98765432"[sum%11])
}

// chineseName returns a plausible name; a few are long ones with a dot, a few have characters that old systems cannot
// write.
func (g *generator) chineseName() string {
	surnames := []rune("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕")
	given := []rune("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华慧建文玉兰红梅子轩浩宇欣怡梓涵思远嘉琪雨桐俊晨佳宁博雅")
	rare := []rune("龑堃喆昇淼翀旻珺𬭎𫍽㛃𠅤")
	pick := func(from []rune) string { return string(from[g.rng.IntN(len(from))]) }
	switch n := g.rng.IntN(100); {
	case n < 2:
		long := []string{"阿依古丽·买买提", "迪丽努尔·艾力", "古丽巴哈尔·吐尔逊", "扎西·多吉",
			"艾合买提江·阿布都热合曼"}
		return long[g.rng.IntN(len(long))]
	case n < 4:
		return pick(surnames) + pick(rare)
	case n < 25:
		return pick(surnames) + pick(given)
	}
	return pick(surnames) + pick(given) + pick(given)
}

func (g *generator) foreignName() string {
	first := []string{"Anna", "José", "Kwame", "Linh", "Minjun", "Olga", "Søren", "Zeynep"}
	last := []string{"Nguyễn", "Kim", "Müller", "García", "Petrova", "Mensah", "Yılmaz", "Okafor"}
	return strings.ToUpper(last[g.rng.IntN(len(last))]) + " " + first[g.rng.IntN(len(first))]
}
