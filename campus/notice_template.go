package campus

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

// NoticePolicy holds the limits of messages that staff may word (L10).
type NoticePolicy struct {
	SMSCharacters int `yaml:"sms_characters"`
}

func (p NoticePolicy) check() error {
	if p.SMSCharacters < 1 {
		return Errorf(Invalid, "", "policy notices.sms_characters must be at least 1")
	}
	return nil
}

// NoticeWords are the words of a message in one language, with {places}.
type NoticeWords struct {
	Subject string `json:"subject" maxLength:"120" doc:"Of the mail; empty for messages that go by SMS only"`
	Mail    string `json:"mail" maxLength:"4000" doc:"Text of the mail and in the app; empty for messages that go by SMS only"`
	SMS     string `json:"sms" maxLength:"1000" doc:"Empty for messages that go by mail only"`
}

// NoticeTexts are the words of a message in every language.
type NoticeTexts map[Language]NoticeWords

// Languages returns the languages that every text has.
func Languages() []Language { return []Language{Chinese, English} }

const (
	noticePrefix  = "notice."
	subjectSuffix = ".subject"
	staffNotice   = "staff_" // messages to staff, of whom there is an address and no phone
)

// NoticeTemplate is a message that a university may word in its own way.
type NoticeTemplate struct {
	Name   string   `json:"name"`
	Places []string `json:"places" doc:"What has to stand in the text of the mail and in the SMS, as {place}"`
	Mail   bool     `json:"mail"`
	SMS    bool     `json:"sms"`

	known []string // these, and what the subject may say
}

// Key returns the template's key of the text catalogue.
func (n NoticeTemplate) Key() string { return noticePrefix + n.Name }

var placeForm = regexp.MustCompile(`\{[a-z_]+\}`)

// NoticeTemplates returns all messages of the catalogue, in the order of their names.
func NoticeTemplates() []NoticeTemplate {
	var all []NoticeTemplate
	for _, key := range TextKeys() {
		if name, found := strings.CutPrefix(key, noticePrefix); found && !strings.HasSuffix(key, subjectSuffix) {
			all = append(all, newNoticeTemplate(name))
		}
	}
	return all
}

// FindNoticeTemplate returns the template of a name.
func FindNoticeTemplate(name string) (NoticeTemplate, error) {
	if !HasText(noticePrefix+name) || strings.HasSuffix(name, subjectSuffix) {
		return NoticeTemplate{}, Errorf(NotFound, "template_unknown", "no notice template of that name")
	}
	return newNoticeTemplate(name), nil
}

func newNoticeTemplate(name string) NoticeTemplate {
	n := NoticeTemplate{Name: name, Mail: HasText(noticePrefix + name + subjectSuffix),
		SMS: !strings.HasPrefix(name, staffNotice)}
	n.Places = placesOf(Text(Chinese, n.Key(), nil))
	n.known = n.Places
	if n.Mail {
		n.known = append(placesOf(Text(Chinese, n.Key()+subjectSuffix, nil)), n.Places...)
	}
	return n
}

// placesOf returns the names of the places of a text, sorted.
func placesOf(text string) []string {
	places := []string{}
	for _, place := range placeForm.FindAllString(text, -1) {
		places = append(places, strings.Trim(place, "{}"))
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// Default returns the catalogue's words.
func (n NoticeTemplate) Default() NoticeTexts {
	texts := NoticeTexts{}
	for _, language := range Languages() {
		texts[language] = defaultWords(language, n.Key())
	}
	return texts
}

func defaultWords(language Language, key string) NoticeWords {
	words, text := NoticeWords{}, Text(language, key, nil)
	if subject := key + subjectSuffix; HasText(subject) {
		words.Subject, words.Mail = Text(language, subject, nil), text
	}
	if !strings.HasPrefix(key, noticePrefix+staffNotice) {
		words.SMS = text
	}
	return words
}

// Hash names the words of a message, for the audit trail.
func (texts NoticeTexts) Hash() string {
	sum := sha256.New()
	for _, language := range Languages() {
		words := texts[language]
		for _, part := range []string{string(language), words.Subject, words.Mail, words.SMS} {
			sum.Write([]byte(part + "\x00"))
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// Sample returns a message filled with what it may say, for a preview.
func (n NoticeTemplate) Sample(language Language, words NoticeWords) Message {
	params := map[string]string{}
	for _, place := range n.known {
		params[place] = "‹" + place + "›"
		if key := "sample." + place; HasText(key) {
			params[place] = Text(language, key, nil)
		}
	}
	pairs := make([]string, 0, 2*len(params))
	for name, value := range params {
		pairs = append(pairs, "{"+name+"}", value)
	}
	places := strings.NewReplacer(pairs...)
	return Message{Subject: places.Replace(words.Subject), Text: places.Replace(words.Mail),
		SMS: places.Replace(words.SMS)}
}

// Check refuses words that would not make a message: a place nobody fills, one that is missing, an SMS that is too
// long, a language that is left out. Fields are named as in "texts.en.sms".
func (n NoticeTemplate) Check(texts NoticeTexts, policy NoticePolicy) error {
	for _, language := range Languages() {
		words := texts[language]
		for _, part := range []struct {
			name, text string
			wanted     bool
			whole      bool // has to name every place
			line       bool // is one line
		}{
			{"subject", words.Subject, n.Mail, false, true},
			{"mail", words.Mail, n.Mail, true, false},
			{"sms", words.SMS, n.SMS, true, true},
		} {
			field := "texts." + string(language) + "." + part.name
			if err := n.checkPart(field, part.text, part.wanted, part.whole, part.line); err != nil {
				return err
			}
		}
		if length := SMSLength(n.Sample(language, words).SMS); length > policy.SMSCharacters {
			return FieldErrorf("texts."+string(language)+".sms", "template_sms_long",
				"the SMS has %d characters, not at most %d", length, policy.SMSCharacters)
		}
	}
	return nil
}

func (n NoticeTemplate) checkPart(field, text string, wanted, whole, line bool) error {
	switch {
	case !wanted && text != "":
		return FieldErrorf(field, "template_channel", "the message does not go this way")
	case !wanted:
		return nil
	case Blank(text):
		return FieldErrorf(field, "template_empty", "the text is empty")
	case !Readable(text, true):
		return FieldErrorf(field, "words_unreadable", "the text has a character that is no text")
	case line && !Readable(text, false):
		return FieldErrorf(field, "template_line", "the text has more than one line")
	}
	for _, place := range placesOf(text) {
		if !slices.Contains(n.known, place) {
			return FieldErrorf(field, "template_place_unknown", "nobody fills a place of the text")
		}
	}
	if strings.ContainsAny(placeForm.ReplaceAllString(text, ""), "{}") {
		return FieldErrorf(field, "template_place_unknown", "the text has a brace that is no place")
	}
	for _, place := range n.Places {
		if whole && !strings.Contains(text, "{"+place+"}") {
			return FieldErrorf(field, "template_place_missing", "the text leaves out {%s}", place)
		}
	}
	return nil
}
