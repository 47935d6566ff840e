package campus

import (
	"strings"
	"time"
)

// Message is a notice in the words of a language. Subject is empty for templates that are sent by SMS only, and not
// shown again: codes. SMS is empty for those that are sent by mail only.
type Message struct {
	Subject string
	Text    string // of the mail, and in the app
	SMS     string
}

// NoticeText renders a notice in the catalogue's words.
func NoticeText(language Language, template string, params map[string]string) Message {
	return RenderNotice(language, template, params, nil)
}

// RenderNotice renders a notice, in a university's own words if there are any. The parameters "reason", "items" and
// "work_kind" become {reason}, {items} and {kind} in words, the moment "until" (RFC 3339) one of the clock here; of
// "kiosk_zh" and "kiosk_en" the one of the language becomes {kiosk}, and so for every such pair.
func RenderNotice(language Language, template string, params map[string]string, own NoticeTexts) Message {
	words, found := own[language]
	if !found {
		words = defaultWords(language, template)
	}
	places := noticePlaces(language, params)
	message := Message{Subject: places.Replace(words.Subject), Text: places.Replace(words.Mail),
		SMS: places.Replace(words.SMS)}
	if message.Text == "" {
		message.Text = message.SMS
	}
	return message
}

// noticePlaces fills all places at once, so that what is filled in is never taken for a place.
func noticePlaces(language Language, params map[string]string) *strings.Replacer {
	pairs := make([]string, 0, 2*len(params))
	for name, value := range params {
		switch name {
		case "reason":
			value = ReasonText(language, value)
		case "items":
			value = ItemsText(language, value)
		case "until":
			if at, err := time.Parse(time.RFC3339, value); err == nil {
				value = TimeText(language, at)
			}
		case "work_kind":
			name, value = "kind", Text(language, "work."+value, nil)
		default:
			name = strings.TrimSuffix(name, "_"+string(language[:2]))
		}
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...)
}

// ItemsText returns a list of items, as events and notices carry it, in words.
func ItemsText(language Language, items string) string {
	names := strings.Split(items, ",")
	for i, item := range names {
		names[i] = Text(language, "item."+item, nil)
	}
	if language == Chinese {
		return strings.Join(names, "、")
	}
	return strings.Join(names, ", ")
}

// ReasonText returns a reason code in words; empty for none.
func ReasonText(language Language, reason string) string {
	if reason == "" {
		return ""
	}
	return Text(language, "reason."+reason, nil)
}

// BounceText returns in words why the bank has sent a payout back; empty for no reason. A code that we do not know is
// named.
func BounceText(language Language, code string) string {
	if code == "" {
		return ""
	}
	if key := "bounce." + code; code != "other" && HasText(key) {
		return Text(language, key, nil)
	}
	return Text(language, "bounce.other", map[string]string{"code": code})
}
