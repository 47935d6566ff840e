package production

import (
	"context"

	"campuscard/activities"
	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage"
	"campuscard/storage/casework"
	"campuscard/storage/production"
)

type pickupInput struct {
	Body struct {
		Code           string `json:"code" maxLength:"100" doc:"Typed by the holder, eight digits"`
		DocumentNumber string `json:"document_number" minLength:"5" maxLength:"20" doc:"Read from the document"`
	}
}

// pickUp opens a compartment for the holder of the code and the document (D3). It works while Temporal is away.
func (s *Server) pickUp(ctx context.Context, in *pickupInput) (*core.Answer[production.Opened], error) {
	code, err := campus.ParseCode(in.Body.Code, campus.LongCodeDigits, campus.PickupCodeForm)
	if err != nil {
		return nil, err
	}
	opened, err := s.Store.PickUp(ctx, s.Request(ctx), production.Pickup{
		Kiosk: core.Machine(ctx).ID, Code: code, DocumentNumber: campus.NormalizeDocumentNumber(in.Body.DocumentNumber),
		Tries: func(university string) int { return s.Policies.For(university).Plastic.PickupTries },
	})
	return core.Answered(opened), err
}

type callbackInput struct {
	ID        string `header:"Webhook-Id"`
	Timestamp string `header:"Webhook-Timestamp"`
	Signature string `header:"Webhook-Signature"`
	RawBody   []byte
}

// header returns the headers of a signed call, as the library that verifies it wants them.
func (in *callbackInput) header() map[string][]string {
	return map[string][]string{
		"Webhook-Id": {in.ID}, "Webhook-Timestamp": {in.Timestamp}, "Webhook-Signature": {in.Signature},
	}
}

// bureauCallback takes what the card bureau reports, signed as Standard Webhooks.
func (s *Server) bureauCallback(ctx context.Context, in *callbackInput) (*core.NoContent, error) {
	callback, err := school.VerifyCallback(s.Cfg.CallbackSecret, in.header(), in.RawBody, s.Store.Now())
	if err != nil {
		return nil, err
	}
	if callback.Delivery != nil {
		shipment, err := activities.ShipmentReport(*callback.Delivery)
		if err != nil {
			return nil, campus.Errorf(campus.Invalid, "report_unknown", "%s", err)
		}
		shipment.CallbackID, shipment.BodyHash = callback.ID, production.BodyHash(in.RawBody)
		return &core.NoContent{}, s.conflictLogged(ctx, callback.ID, s.Store.Production.TakeShipment(ctx, shipment))
	}
	report, err := activities.ProductionReport(callback.Production)
	if err != nil {
		return nil, campus.Errorf(campus.Invalid, "report_unknown", "%s", err)
	}
	report.CallbackID, report.BodyHash = callback.ID, production.BodyHash(in.RawBody)
	return &core.NoContent{}, s.conflictLogged(ctx, callback.ID, s.Store.TakeReport(ctx, report))
}

// conflictLogged writes down that a call-back came under the id of another one: its sender takes it for delivered or
// gives up, and nobody else would notice.
func (s *Server) conflictLogged(ctx context.Context, id string, err error) error {
	if campus.ReasonOf(err) == campus.CallbackConflict {
		call := core.CallOf(ctx)
		s.Log.WarnContext(ctx, "a call-back has the id of another one", "route", call.Route.Path, "callback", id,
			"request_id", call.ID)
	}
	return err
}

type submissionsView struct {
	Employees []storage.Submission `json:"employees" doc:"What became of each, in the order of the call"`
}

// hrCallback takes the members of staff whom an HR system submits, signed as Standard Webhooks (A2).
func (s *Server) hrCallback(ctx context.Context, in *callbackInput) (*core.Answer[submissionsView], error) {
	submission, err := school.VerifySubmission(s.Cfg.HRSecrets, in.header(), in.RawBody, s.Store.Now())
	if err != nil {
		return nil, err
	}
	call := casework.Callback{Sender: casework.HRSender(submission.University), ID: submission.ID,
		BodyHash: production.BodyHash(in.RawBody)}
	opened, err := s.Store.SubmitEmployees(ctx, call, submission.University, submission.Numbers, s.Policies.Version())
	return core.Answered(submissionsView{opened}), s.conflictLogged(ctx, submission.ID, err)
}
