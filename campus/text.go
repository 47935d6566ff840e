package campus

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/text/language"
)

// Language is a language the product speaks.
type Language string

// The languages. Chinese is the one of anybody who asks for none of them.
const (
	Chinese Language = "zh-CN"
	English Language = "en"
)

// languages is what the product speaks as BCP 47 has it: Taiwan's Chinese is Chinese to it, and Britain's English English.
var languages = language.NewMatcher([]language.Tag{language.SimplifiedChinese, language.English})

// mostLanguages of a header are looked at: nobody reads more, and each costs time.
const mostLanguages = 32

// ParseLanguage picks from an Accept-Language header the language that weighs most among those the product speaks
// (RFC 9110, 12.5.4). False when the header asks for none of them: then the person's own counts, as with "*". An entry
// that is not well-formed is passed over.
func ParseLanguage(accept string) (Language, bool) {
	best, heaviest := Chinese, float32(0)
	entries := strings.SplitN(accept, ",", mostLanguages+1)
	for _, entry := range entries[:min(len(entries), mostLanguages)] {
		// One by one: for the library one entry that it does not know spoils the whole header.
		tags, weights, err := language.ParseAcceptLanguage(strings.TrimSpace(entry))
		if err != nil || len(tags) != 1 || !(weights[0] <= 1) || weights[0] <= heaviest {
			continue
		}
		if _, index, confidence := languages.Match(tags[0]); confidence != language.No {
			best, heaviest = []Language{Chinese, English}[index], weights[0]
		}
	}
	return best, heaviest > 0
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
		maps.Copy(all, part)
	}
	return all
}

// Text is what a person reads for a key of the catalogue such as "stage.review", with {places} filled from params.
// A key the catalogue lacks is answered as itself, so that nothing is ever blank.
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

// TimeText is a moment as people read it. It names its zone, because a message is read wherever somebody is.
func TimeText(in Language, at time.Time) string {
	return Text(in, "time.zone", map[string]string{"time": at.In(Shanghai).Format("2006-01-02 15:04")})
}

// CauseText is why a step is parked, for staff.
func CauseText(in Language, cause Code) string { return Text(in, "cause."+string(cause), nil) }

// StepText is a step in words; "order-2" is the second of its kind.
func StepText(in Language, step string) string {
	if step == "" {
		return ""
	}
	for _, verb := range []string{"subscribe", "unsubscribe"} { // at the system of a package
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

// WaitText is a time to wait, never shorter than it is.
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

// TextKeys are all keys of the catalogue, sorted.
func TextKeys() []string {
	keys := make([]string, 0, len(catalogue))
	for key := range catalogue {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
