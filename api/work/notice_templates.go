package work

import (
	"context"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/casework"
)

// TemplateView is a message that a university may word in its own way (L10).
type TemplateView struct {
	campus.NoticeTemplate
	Version int         `json:"version" doc:"0: never changed. A change names the version that was looked at"`
	Own     bool        `json:"own" doc:"The university's own words count, not the product's"`
	Texts   noticeTexts `json:"texts" doc:"The words that count"`
}

// noticeTexts are the words of a message in both languages.
type noticeTexts struct {
	Chinese campus.NoticeWords `json:"zh-CN"`
	English campus.NoticeWords `json:"en"`
}

func (n noticeTexts) texts() campus.NoticeTexts {
	return campus.NoticeTexts{campus.Chinese: n.Chinese, campus.English: n.English}
}

func textsOf(t campus.NoticeTexts) noticeTexts {
	return noticeTexts{t[campus.Chinese], t[campus.English]}
}

func templateOf(n campus.NoticeTemplate, counts casework.NoticeVersion) TemplateView {
	view := TemplateView{NoticeTemplate: n, Version: counts.Version, Own: counts.Texts != nil, Texts: textsOf(n.Default())}
	if view.Own {
		view.Texts = textsOf(counts.Texts)
	}
	return view
}

type templateList struct {
	Items []TemplateView `json:"items" nullable:"false"`
}

// listNoticeTemplates returns all messages with the words that count.
func (s *Server) listNoticeTemplates(ctx context.Context, _ *struct{}) (*core.Answer[templateList], error) {
	wording, err := s.Store.Casework.NoticeWording(ctx, core.Member(ctx).University)
	if err != nil {
		return nil, err
	}
	return core.Answered(templateList{core.Each(campus.NoticeTemplates(), func(n campus.NoticeTemplate) TemplateView {
		return templateOf(n, wording[n.Key()])
	})}), nil
}

// TemplateInput names a message in the path.
type TemplateInput struct {
	Name string `path:"name" maxLength:"60"`
}

type templateDetail struct {
	TemplateView
	Preview  previewAnswer `json:"preview" doc:"The words that count, filled with samples"`
	Defaults noticeTexts   `json:"defaults" doc:"The product's words"`
}

func (s *Server) getNoticeTemplate(ctx context.Context, in *TemplateInput) (*core.Answer[templateDetail], error) {
	n, err := campus.FindNoticeTemplate(in.Name)
	if err != nil {
		return nil, err
	}
	versions, err := s.Store.Casework.NoticeVersions(ctx, core.Member(ctx).University, n, 0, 1)
	if err != nil {
		return nil, err
	}
	detail := templateDetail{Defaults: textsOf(n.Default())}
	detail.TemplateView = templateOf(n, first(versions))
	detail.Preview = previewOf(n, detail.Texts)
	return core.Answered(detail), nil
}

// first returns the first of a list, or nothing.
func first[T any](list []T) (none T) {
	if len(list) > 0 {
		return list[0]
	}
	return none
}

type templateVersionsInput struct {
	TemplateInput
	core.PageQuery
}

// listNoticeVersions returns what a message has said, newest first.
func (s *Server) listNoticeVersions(ctx context.Context,
	in *templateVersionsInput) (*core.Answer[core.Page[casework.NoticeVersion]], error) {
	n, err := campus.FindNoticeTemplate(in.Name)
	if err != nil {
		return nil, err
	}
	return core.Listed(in.PageQuery, func(before int, limit int) ([]casework.NoticeVersion, error) {
		return s.Store.Casework.NoticeVersions(ctx, core.Member(ctx).University, n, before, limit)
	}, core.AsItIs, func(v casework.NoticeVersion) int { return v.Version })
}

type wordingInput struct {
	TemplateInput
	Body struct {
		Version int         `json:"version" minimum:"0" maximum:"2147483647" doc:"The one that was looked at"`
		Texts   noticeTexts `json:"texts"`
	}
}

// wordNotice gives a message the university's own words.
func (s *Server) wordNotice(ctx context.Context, in *wordingInput) (*core.Answer[TemplateView], error) {
	who := core.Member(ctx)
	n, err := campus.FindNoticeTemplate(in.Name)
	if err != nil {
		return nil, err
	}
	texts := in.Body.Texts.texts()
	if err := n.Check(texts, s.Policies.For(who.University).Notices); err != nil {
		return nil, err
	}
	next, err := s.Store.Casework.WordNotice(ctx, who, n, texts, in.Body.Version)
	return core.Answered(templateOf(n, next)), err
}

type unwordingInput struct {
	TemplateInput
	Version int `query:"version" minimum:"0" maximum:"2147483647" required:"true" doc:"The one that was looked at"`
}

// unwordNotice takes the university's words back: the product's count again.
func (s *Server) unwordNotice(ctx context.Context, in *unwordingInput) (*core.NoContent, error) {
	n, err := campus.FindNoticeTemplate(in.Name)
	if err != nil {
		return nil, err
	}
	_, err = s.Store.Casework.WordNotice(ctx, core.Member(ctx), n, nil, in.Version)
	return &core.NoContent{}, err
}

type previewInput struct {
	TemplateInput
	Body struct {
		Texts noticeTexts `json:"texts"`
	}
}

// previewWords are a message as somebody would get it.
type previewWords struct {
	Subject       string `json:"subject"`
	Mail          string `json:"mail"`
	SMS           string `json:"sms"`
	SMSCharacters int    `json:"sms_characters" doc:"As carriers count them: units of UTF-16, an emoji is two"`
}

type previewAnswer struct {
	Chinese previewWords `json:"zh-CN"`
	English previewWords `json:"en"`
}

// previewNotice shows words filled with samples, and refuses what could not be kept.
func (s *Server) previewNotice(ctx context.Context, in *previewInput) (*core.Answer[previewAnswer], error) {
	n, err := campus.FindNoticeTemplate(in.Name)
	if err != nil {
		return nil, err
	}
	if err := n.Check(in.Body.Texts.texts(), s.Policies.For(core.Member(ctx).University).Notices); err != nil {
		return nil, err
	}
	return core.Answered(previewOf(n, in.Body.Texts)), nil
}

func previewOf(n campus.NoticeTemplate, texts noticeTexts) previewAnswer {
	words := func(in campus.Language, w campus.NoticeWords) previewWords {
		m := n.Sample(in, w)
		return previewWords{m.Subject, m.Text, m.SMS, campus.SMSLength(m.SMS)}
	}
	return previewAnswer{words(campus.Chinese, texts.Chinese), words(campus.English, texts.English)}
}
