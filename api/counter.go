package api

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"campuscard/api/cards"
	"campuscard/api/core"
	"campuscard/api/files"
	"campuscard/campus"
	cardstore "campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/people"
	"campuscard/storage/production"
)

// searchLimit is how many people one page of a search shows: it is for finding one, not for reading a roster.
const searchLimit = 20

type personSearchInput struct {
	Cursor string            `query:"cursor" maxLength:"300" doc:"next_cursor of the page before"`
	Limit  int               `query:"limit" minimum:"1" maximum:"20" default:"20"`
	Q      string            `query:"q" required:"true" minLength:"2" maxLength:"60" words:"line" doc:"A whole number, a part of a name, or the last digits of a phone"`
	By     campus.SearchKind `query:"by" enum:"any,number,name,phone" default:"any"`
}

// findPeople looks for somebody who stands at the counter (L1). Every search is audited by its kind.
func (s *Server) findPeople(ctx context.Context, in *personSearchInput) (*core.Answer[core.Page[people.FoundPerson]],
	error) {
	after, err := core.ReadCursor[uuid.UUID](in.Cursor)
	if err != nil {
		return nil, err
	}
	if !searchable(in.By, in.Q) {
		return nil, campus.FieldErrorf("q", "search_short", "too little to search by")
	}
	return s.foundPeople(ctx, people.PersonSearch{By: in.By, Q: in.Q, After: after, Limit: in.Limit})
}

// searchable tells whether there is enough to search by: four digits of a phone, or one word of two signs. A number
// has no least length of its own.
func searchable(by campus.SearchKind, q string) bool {
	number := campus.PlainNumber(q)
	switch by {
	case campus.SearchPhone:
		return campus.AllDigits(number) && len(number) >= campus.PhoneTail
	case campus.SearchNumber:
		return utf8.RuneCountInString(number) > 1
	}
	return len(campus.SearchWords(campus.Typed(q))) > 0
}

func (s *Server) foundPeople(ctx context.Context, f people.PersonSearch) (*core.Answer[core.Page[people.FoundPerson]],
	error) {
	limit := f.Limit
	f.Limit++
	persons, err := s.Store.People.FindPeople(ctx, core.Member(ctx), f)
	if err != nil {
		return nil, err
	}
	return core.Answered(core.NewPage(persons, limit, core.AsItIs,
		func(p people.FoundPerson) uuid.UUID { return p.ID })), nil
}

type documentSearchInput struct {
	Body struct {
		DocumentNumber string `json:"document_number" minLength:"4" maxLength:"40"`
	}
}

// findByDocument is a POST because the number of a document has no place in an address, which others on the way
// log.
func (s *Server) findByDocument(ctx context.Context,
	in *documentSearchInput) (*core.Answer[core.Page[people.FoundPerson]], error) {
	number := campus.NormalizeDocumentNumber(in.Body.DocumentNumber)
	return s.foundPeople(ctx, people.PersonSearch{By: campus.SearchDocument, Q: number, Limit: searchLimit})
}

// PersonInput names a person in the path.
type PersonInput struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// counterActView is something that was done at the counter.
type counterActView struct {
	people.CounterAct
	KindText   string     `json:"kind_text"`
	ReasonText string     `json:"reason_text,omitempty"`
	ValidUntil *time.Time `json:"valid_until,omitempty" doc:"Of a verification: until then who made it may act for the person"`
	Receipt    string     `json:"receipt,omitempty" doc:"Where its receipt is, once it is done"`
}

func (s *Server) counterActOf(in campus.Language) func(people.CounterAct) counterActView {
	return func(a people.CounterAct) counterActView {
		view := counterActView{CounterAct: a, KindText: campus.Text(in, "act."+string(a.Kind), nil),
			ReasonText: campus.ReasonText(in, a.Reason)}
		if a.DoneAt != nil {
			view.Receipt = core.ReceiptPath(a.ID)
		}
		if a.Kind == campus.VerificationAct && a.Verdict == campus.Pass {
			until := a.At.Add(s.Policies.For(a.University).Counter.VerificationLife.Std())
			view.ValidUntil = &until
		}
		return view
	}
}

type verificationInput struct {
	PersonInput
	Body struct {
		DocumentType   campus.DocumentType `json:"document_type" maxLength:"40" pattern:"^[a-z_]+$"`
		DocumentNumber string              `json:"document_number" minLength:"1" maxLength:"40" doc:"As it stands on the original"`
		ExpiresOn      campus.Date         `json:"expires_on,omitempty" required:"false" format:"date" doc:"Last valid day; left out with never_expires"`
		NeverExpires   bool                `json:"never_expires,omitempty" required:"false" doc:"长期"`
	}
}

// verifyPerson keeps that a member of staff has seen a person with the original of the document (A3, L1).
func (s *Server) verifyPerson(ctx context.Context, in *verificationInput) (*core.Answer[counterActView], error) {
	number := campus.NormalizeDocumentNumber(in.Body.DocumentNumber)
	if err := campus.CheckWritten(in.Body.DocumentType, number, campus.DateOf(s.Store.Now())); err != nil {
		return nil, err
	}
	if err := campus.CheckExpiry(in.Body.ExpiresOn, in.Body.NeverExpires); err != nil {
		return nil, err
	}
	if err := campus.CheckLastDay(in.Body.DocumentType, in.Body.NeverExpires); err != nil {
		return nil, err
	}
	who := core.Member(ctx)
	act, err := s.Store.People.VerifyAtCounter(ctx, s.Request(ctx), who, s.Policies.For(who.University).Counter,
		people.Verification{
			Person: in.ID, DocumentType: in.Body.DocumentType, DocumentNumber: number, ExpiresOn: in.Body.ExpiresOn,
		})
	act.University = who.University
	return core.Answered(s.counterActOf(core.Language(ctx))(act)), err
}

// lookAt shows a person whom the caller serves; each look is audited under a name of its own.
func (s *Server) lookAt(ctx context.Context, id uuid.UUID, look string) error {
	p, err := s.Store.People.ServedPerson(ctx, core.Member(ctx), id)
	if err != nil {
		return err
	}
	return s.Store.Casework.RecordLook(ctx, core.Actor(ctx), look, "person/"+id.String(), p.University)
}

type personListInput struct {
	PersonInput
	core.PageQuery
}

// listPersonCases returns the cases of a person, newest first.
func (s *Server) listPersonCases(ctx context.Context, in *personListInput) (*core.Answer[core.Page[StaffCaseView]],
	error) {
	if err := s.lookAt(ctx, in.ID, "person.read_cases"); err != nil {
		return nil, err
	}
	return core.Listed(in.PageQuery, func(after uuid.UUID, limit int) ([]casework.Case, error) {
		return s.Store.Casework.PersonCases(ctx, in.ID, "", after, limit)
	}, s.staffCaseOf(core.Language(ctx)), func(c casework.Case) uuid.UUID { return c.ID })
}

// listPersonCards returns the cards of a person with their plastics. The pickup code is the holder's alone.
func (s *Server) listPersonCards(ctx context.Context, in *PersonInput) (*core.Answer[cards.CardList], error) {
	if err := s.lookAt(ctx, in.ID, "person.read_cards"); err != nil {
		return nil, err
	}
	return s.cards.CardsOf(ctx, in.ID, func(p production.Plastic) (*cards.PlasticView, error) {
		return s.cards.PlasticWithoutCode(core.Language(ctx), p), nil
	})
}

// listCounterActs returns what was done for a person at the counter, newest first, each with its receipt.
func (s *Server) listCounterActs(ctx context.Context, in *personListInput) (*core.Answer[core.Page[counterActView]],
	error) {
	if err := s.lookAt(ctx, in.ID, "person.read_acts"); err != nil {
		return nil, err
	}
	return core.Listed(in.PageQuery, func(after uuid.UUID, limit int) ([]people.CounterAct, error) {
		return s.Store.People.CounterActs(ctx, in.ID, after, limit)
	}, s.counterActOf(core.Language(ctx)), func(a people.CounterAct) uuid.UUID { return a.ID })
}

type counterUploadInput struct {
	PersonInput
	ContentType string `header:"Content-Type" required:"true"`
}

// addUploadFor keeps a document that a verified person has handed in on paper (L1). Frames are not taken: the counter
// is the way without a face (B3).
func (s *Server) addUploadFor(ctx context.Context, in *counterUploadInput) (*core.Answer[cards.UploadView], error) {
	who := core.Member(ctx)
	if _, err := s.Store.People.ServedPerson(ctx, who, in.ID); err != nil {
		return nil, err
	}
	policy := s.Policies.For(who.University)
	sent, err := files.ReadForm(in.ContentType, core.RawBody(ctx), policy.Uploads.MaxBytes)
	if err != nil {
		return nil, err
	}
	if sent.Purpose == campus.FrameUpload {
		return nil, campus.FieldErrorf("purpose", "purpose_counter", "no pictures of a face at the counter")
	}
	looked, err := s.Looking.Inspect(ctx, core.Actor(ctx), policy.Uploads, sent)
	if err != nil {
		return nil, err
	}
	request := s.Request(ctx)
	request.BodyHash = core.Hash(append([]byte(sent.Purpose+"\n"), sent.Content...)) // the form's boundary is new each time
	kept, err := s.Store.AddUploadAtCounter(ctx, request, who, cardstore.NewUpload{
		Person: in.ID, Purpose: sent.Purpose, ContentType: looked.ContentType,
		Width: looked.Width, Height: looked.Height, Content: sent.Content,
	}, policy.Counter)
	return core.Answered(cards.UploadOf(kept)), err
}

type staffNoticeInput struct {
	PersonInput
	Body struct {
		Subject string `json:"subject" minLength:"1" maxLength:"60" words:"line"`
		Text    string `json:"text" minLength:"1" maxLength:"500" words:"line" doc:"One line; it goes by SMS, too"`
	}
}

// writeNotice sends a person a message in the words of a member of staff (L10).
func (s *Server) writeNotice(ctx context.Context, in *staffNoticeInput) (*core.NoContent, error) {
	who := core.Member(ctx)
	p, err := s.Store.People.ServedPerson(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	notice := campus.Notice{Template: "notice.message",
		Params: map[string]string{"subject": in.Body.Subject, "text": in.Body.Text}}
	limit := s.Policies.For(who.University).Notices.SMSCharacters
	if sms := campus.NoticeText(p.Language, notice.Template, notice.Params).SMS; campus.SMSLength(sms) > limit {
		return nil, campus.FieldErrorf("text", "template_sms_long", "the SMS has more than %d units of UTF-16", limit)
	}
	_, err = s.Store.People.WriteNotice(ctx, s.Request(ctx), who, p, notice)
	return &core.NoContent{}, err
}
