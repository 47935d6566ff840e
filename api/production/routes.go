package production

import (
	"campuscard/api/core"
	"campuscard/campus"
)

// Routes adds the making and the delivery of physical cards (D3), kiosks, and the call-backs of the school's
// systems; calls of machines are signed.
func (s *Server) Routes() {
	core.Handle(s.Server, core.Post("/api/v1/staff/batches",
		"Open a batch of what waits", core.Staff(campus.HandlePlastic), core.Created), s.openBatch)
	core.Handle(s.Server, core.Get("/api/v1/staff/batches", "Batches, newest first", core.Staff(campus.HandlePlastic)),
		s.listBatches)
	core.Handle(s.Server, core.Get("/api/v1/staff/batches/{id}",
		"One batch with its cards and deliveries", core.Staff(campus.HandlePlastic)), s.getBatch)
	core.Handle(s.Server, core.Get("/api/v1/staff/batches/{id}/order-file",
		"What the bureau was sent", core.Staff(campus.ReadPeople)).Files(orderFileType), s.getOrderFile)
	core.Handle(s.Server, core.Get("/api/v1/staff/deliveries",
		"Deliveries to the kiosks, newest first", core.Staff(campus.HandlePlastic)), s.listDeliveries)
	core.Handle(s.Server, core.Post("/api/v1/staff/deliveries/{id}/receipt",
		"Give the receipt for a kiosk", core.Staff(campus.HandlePlastic)), s.receiveAsStaff)
	core.Handle(s.Server, core.Post("/api/v1/staff/cases/{id}/plastic-report",
		"A card is not in its compartment, or of no use", core.Staff(campus.HandlePlastic)), s.reportPlastic)
	core.Handle(s.Server, core.Get("/api/v1/kiosk/deliveries", "What is on its way to the kiosk", core.Kiosks()),
		s.listKioskDeliveries)
	core.Handle(s.Server, core.Post("/api/v1/kiosk/deliveries/{id}/receipt",
		"Give the receipt of a delivery", core.Kiosks()), s.receiveAtKiosk)

	core.Handle(s.Server, core.Post("/api/v1/kiosk/pickups", "Open a compartment", core.Kiosks()), s.pickUp)
	core.Handle(s.Server, core.Post("/api/v1/hooks/bureau", "The card bureau reports", core.Hooks()), s.bureauCallback)
	core.Handle(s.Server, core.Post("/api/v1/hooks/hr", "An HR system submits members of staff", core.Hooks()),
		s.hrCallback)
}
