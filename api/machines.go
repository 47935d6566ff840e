package api

import (
	"context"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage"
)

type pickupInput struct {
	Body struct {
		Code           string `json:"code" pattern:"^[0-9]{8}$" doc:"Typed by the holder"`
		DocumentNumber string `json:"document_number" minLength:"5" maxLength:"20" doc:"Read from the document"`
	}
}

// pickUp opens a compartment for who has the code and the document (D3). It works while Temporal is away.
func (s *Server) pickUp(ctx context.Context, in *pickupInput) (*answer[storage.Opened], error) {
	opened, err := s.store.PickUp(ctx, s.request(ctx), storage.Pickup{
		Kiosk: machine(ctx).ID, Code: in.Body.Code, DocumentNumber: campus.NormalizeDocumentNumber(in.Body.DocumentNumber),
		Tries: func(university string) int { return s.policies.For(university).Plastic.PickupTries },
	})
	return answered(opened), err
}

type callbackInput struct {
	ID        string `header:"Webhook-Id"`
	Timestamp string `header:"Webhook-Timestamp"`
	Signature string `header:"Webhook-Signature"`
	RawBody   []byte
}

// bureauCallback takes what the card bureau reports, signed as Standard Webhooks.
func (s *Server) bureauCallback(ctx context.Context, in *callbackInput) (*noContent, error) {
	header := map[string][]string{
		"Webhook-Id": {in.ID}, "Webhook-Timestamp": {in.Timestamp}, "Webhook-Signature": {in.Signature},
	}
	callback, err := school.VerifyCallback(s.cfg.CallbackSecret, header, in.RawBody, s.store.Now())
	if err != nil {
		return nil, err
	}
	if callback.Delivery != nil {
		shipment, err := activities.ShipmentReport(*callback.Delivery)
		if err != nil {
			return nil, campus.Errorf(campus.Invalid, "report_unknown", "%s", err)
		}
		shipment.CallbackID, shipment.BodyHash = callback.ID, storage.BodyHash(in.RawBody)
		return &noContent{}, s.store.TakeShipment(ctx, shipment)
	}
	report, err := activities.ProductionReport(callback.Production)
	if err != nil {
		return nil, campus.Errorf(campus.Invalid, "report_unknown", "%s", err)
	}
	report.CallbackID, report.BodyHash = callback.ID, storage.BodyHash(in.RawBody)
	return &noContent{}, s.store.TakeReport(ctx, report)
}
