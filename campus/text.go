package campus

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"sort"
	"strings"

	"github.com/goccy/go-yaml"
)

// Language is a language the product speaks.
type Language string

// The languages. Chinese is the one of anybody who asks for none of them.
const (
	Chinese Language = "zh-CN"
	English Language = "en"
)

// ParseLanguage picks the first language of an Accept-Language header that the product speaks.
func ParseLanguage(accept string) Language {
	for part := range strings.SplitSeq(accept, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		switch base, _, _ := strings.Cut(strings.ToLower(tag), "-"); base {
		case "zh":
			return Chinese
		case "en":
			return English
		}
	}
	return Chinese
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
func Text(language Language, key string, params map[string]string) string {
	found, ok := catalogue[key]
	if !ok {
		return key
	}
	text := found.ZH
	if language == English {
		text = found.EN
	}
	for name, value := range params {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
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
