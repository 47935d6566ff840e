package campus

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/language"
)

// Language is a language the product speaks.
type Language string

// The languages. Chinese is for people who ask for neither.
const (
	Chinese Language = "zh-CN"
	English Language = "en"
)

// mostLanguages of a header are looked at: nobody reads more, and each costs time.
const mostLanguages = 32

// ParseLanguage picks from an Accept-Language header the language that weighs most among those the product speaks (RFC
// 9110, 12.5.4); of two that weigh the same, the one that is named first. False when the header names none of them:
// then the person's own counts, as with "*" alone. A weight of 0 is "not this one": then it is the other, unless that
// is not wanted either. Only a range that our texts are in refuses them (RFC 4647): "en;q=0" does, "en-GB;q=0" does
// not, and of two such ranges the narrower counts. An entry that is not well-formed is passed over.
func ParseLanguage(accept string) (Language, bool) {
	wishes, order, others := map[Language]wish{}, []Language{}, float32(-1)
	entries := strings.SplitN(accept, ",", mostLanguages+1)
	for _, entry := range entries[:min(len(entries), mostLanguages)] {
		name, heavy, ok := weighed(strings.TrimSpace(entry))
		if !ok {
			continue
		}
		if name == "*" {
			others = max(others, heavy)
		} else if ours, narrow, spoken := languageOf(name); spoken && (heavy > 0 || narrow > 0) {
			if _, told := wishes[ours]; !told {
				order = append(order, ours)
			}
			wishes[ours] = wishes[ours].add(heavy, narrow)
		}
	}
	for _, ours := range []Language{Chinese, English} { // "*" is every language that is not named beside it
		if _, told := wishes[ours]; !told && (others == 0 || others > 0 && len(order) > 0) {
			wishes[ours], order = wish{weight: others}, append(order, ours)
		}
	}
	if len(order) == 0 {
		return Chinese, false
	}
	best := slices.MaxFunc(order, func(a, b Language) int { return cmp.Compare(wishes[a].heavy(), wishes[b].heavy()) })
	if wishes[best].heavy() > 0 {
		return best, true
	}
	return notRefused(order)
}

// wish is what the entries of a header say about one of our languages.
type wish struct {
	weight  float32 // the greatest
	narrow  int     // of the narrowest range that our texts are in
	refused bool    // by that range
}

// add returns the wish with one more entry; narrow is that of languageOf.
func (w wish) add(weight float32, narrow int) wish {
	w.weight = max(w.weight, weight)
	switch {
	case narrow > w.narrow:
		w.narrow, w.refused = narrow, weight == 0
	case narrow == w.narrow && weight > 0:
		w.refused = false
	}
	return w
}

func (w wish) heavy() float32 {
	if w.refused {
		return 0
	}
	return w.weight
}

// notRefused returns what is left when a header only says which of the languages is not wanted ("zh;q=0").
func notRefused(refused []Language) (Language, bool) {
	switch {
	case len(refused) > 1: // neither is wanted, and there is no third
		return Chinese, false
	case refused[0] == Chinese:
		return English, true
	}
	return Chinese, true
}

var entryForm = regexp.MustCompile(`^(\*|[A-Za-z0-9-]+)\s*(?:;\s*[qQ]\s*=\s*([01](?:\.[0-9]*)?)\s*)?$`)

// weighed takes an entry of Accept-Language apart. One without a weight weighs 1, and 0 is "not this one".
func weighed(entry string) (name string, weight float32, ok bool) {
	parts := entryForm.FindStringSubmatch(entry)
	if parts == nil {
		return "", 0, false
	}
	heavy, err := strconv.ParseFloat(cmp.Or(parts[2], "1"), 32)
	return parts[1], float32(heavy), err == nil && heavy <= 1
}

// languageOf returns our language that a tag of BCP 47 means: Chinese of Taiwan counts as Chinese, and English of
// Britain as English. A language near to one of them, as Welsh to English, does not count as it. narrow counts the
// parts of a tag that our texts are in, as those in zh-CN are in zh; of any other it is 0.
func languageOf(name string) (ours Language, narrow int, spoken bool) {
	tag, err := language.Parse(name)
	if err != nil {
		return "", 0, false
	}
	if known, err := language.All.Canonicalize(tag); err == nil {
		tag = known
	}
	base, _, _ := tag.Raw() // as it is named: "und" is guessed to be English
	switch base.String() {
	case "zh":
		return Chinese, partsWithin(tag, language.MustParse("zh-Hans-CN")), true
	case "en":
		return English, partsWithin(tag, language.MustParse("en-Latn")), true
	}
	return "", 0, false
}

// partsWithin returns how many parts a tag of our language has when each is one of our texts', else 0.
func partsWithin(tag, ours language.Tag) int {
	_, noScript, noRegion := language.Tag{}.Raw()
	_, script, region := tag.Raw()
	_, ourScript, ourRegion := ours.Raw()
	if script != noScript && script != ourScript || region != noRegion && region != ourRegion ||
		len(tag.Variants())+len(tag.Extensions()) > 0 {
		return 0
	}
	parts := 1
	if script != noScript {
		parts++
	}
	if region != noRegion {
		parts++
	}
	return parts
}

//go:embed text/*.yaml
var textFiles embed.FS

// phrase is one text in each language; {name} marks a place to fill.
type phrase struct {
	ZH string `yaml:"zh"`
	EN string `yaml:"en"`
}

var catalogue = mustReadTexts()

func mustReadTexts() map[string]phrase {
	all := map[string]phrase{}
	names, _ := fs.Glob(textFiles, "text/*.yaml")
	for _, name := range names {
		content, err := textFiles.ReadFile(name)
		part := map[string]phrase{}
		if err == nil {
			err = yaml.UnmarshalWithOptions(content, &part, yaml.DisallowUnknownField())
		}
		if err != nil {
			panic(fmt.Sprintf("%s: %v", name, err)) // compiled in; a test reads them all
		}
		for key := range part {
			if _, twice := all[key]; twice {
				panic(fmt.Sprintf("%s: %s is in another file, too", name, key)) // compiled in, as above
			}
		}
		maps.Copy(all, part)
	}
	return all
}

// Text returns what a person reads for a key of the catalogue such as "stage.review", with {places} filled from params.
// A key that the catalogue lacks is returned as it is, so that no text is blank.
func Text(in Language, key string, params map[string]string) string {
	found, ok := catalogue[key]
	if !ok {
		return key
	}
	text := found.ZH
	if in == English {
		text = found.EN
	}
	text = counted.ReplaceAllStringFunc(text, func(form string) string {
		words := counted.FindStringSubmatch(form)
		if params[words[1]] == "1" {
			return words[2]
		}
		return words[3]
	})
	for name, value := range params {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

// counted is a form such as {count#case waits#cases wait}: the first words are for one, the others for any other
// number. English has these two forms, Chinese needs none.
var counted = regexp.MustCompile(`\{([a-z_]+)#([^#{}]*)#([^#{}]*)\}`)

// TimeText returns a moment as people read it. It names its zone, because a message is read wherever somebody is.
func TimeText(in Language, at time.Time) string {
	return Text(in, "time.zone", map[string]string{"time": at.In(Shanghai).Format("2006-01-02 15:04")})
}

// CellTime is a moment as a cell of a table, in the time of Shanghai; the head of its column names the zone.
func CellTime(at time.Time) string { return at.In(Shanghai).Format("2006-01-02 15:04:05") }

// CauseText returns why a step is parked, for staff.
func CauseText(in Language, cause Code) string { return Text(in, "cause."+string(cause), nil) }

// StepText returns a step in words; "order-2" is the second of its kind.
func StepText(in Language, step string) string {
	if step == "" {
		return ""
	}
	for _, verb := range []string{"subscribe", "unsubscribe", ChannelFileStep} { // at the system of a package; a channel's
		if system, ours := strings.CutPrefix(step, verb+"-"); ours {
			return Text(in, "step."+verb, map[string]string{"system": system})
		}
	}
	if key := "step." + trimCount(step); HasText(key) {
		return Text(in, key, nil)
	}
	return Text(in, "step.own", nil) // of ours, such as writing what was decided
}

func trimCount(step string) string {
	return strings.TrimSuffix(strings.TrimRight(step, "0123456789"), "-")
}

// WaitText returns a time to wait, never shorter than it is.
func WaitText(in Language, wait time.Duration) string {
	const short = 2 * time.Minute
	key, unit := "wait.minutes", time.Minute
	if wait <= short {
		key, unit = "wait.seconds", time.Second
	}
	return Text(in, key, map[string]string{"n": strconv.Itoa(int((wait + unit - 1) / unit))})
}

// HasText tells whether the catalogue has a key.
func HasText(key string) bool {
	_, found := catalogue[key]
	return found
}

// TextKeys returns all keys of the catalogue, sorted.
func TextKeys() []string {
	keys := make([]string, 0, len(catalogue))
	for key := range catalogue {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
