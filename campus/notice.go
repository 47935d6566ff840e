package campus

import (
	"maps"
	"strings"
)

// Message is a notice in the words of a language. Subject is empty for templates that are sent by SMS only, and not
// shown again: codes.
type Message struct {
	Subject string
	Text    string
}

// NoticeText renders a notice. The parameters "reason", "items", "kiosk_zh"/"kiosk_en" and "package_zh"/"package_en" become
// {reason}, {items}, {kiosk} and {package} in the language.
func NoticeText(language Language, template string, params map[string]string) Message {
	filled := maps.Clone(params)
	if reason, found := params["reason"]; found {
		filled["reason"] = ReasonText(language, reason)
	}
	if items, found := params["items"]; found {
		filled["items"] = ItemsText(language, items)
	}
	if kiosk, found := params["kiosk_"+string(language[:2])]; found {
		filled["kiosk"] = kiosk
	}
	if name, found := params["package_"+string(language[:2])]; found {
		filled["package"] = name
	}
	message := Message{Text: Text(language, template, filled)}
	if subject := template + ".subject"; HasText(subject) {
		message.Subject = Text(language, subject, filled)
	}
	return message
}

// ItemsText is a list of items, as events and notices carry it, in words.
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

// ReasonText is a reason code in words; empty for none.
func ReasonText(language Language, reason string) string {
	if reason == "" {
		return ""
	}
	return Text(language, "reason."+reason, nil)
}
