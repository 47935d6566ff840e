package api

import "campuscard/campus"

// productionRoutes are the making and the delivery of physical cards (D3), kiosks, and the call-backs of the school's
// systems; calls of machines are signed.
func (s *Server) productionRoutes() {
	handle(s, post("/api/v1/staff/batches",
		"Open a batch of what waits", staff(campus.HandlePlastic), created), s.openBatch)
	handle(s, get("/api/v1/staff/batches", "Batches, newest first", staff(campus.HandlePlastic)), s.listBatches)
	handle(s, get("/api/v1/staff/batches/{id}",
		"One batch with its cards and deliveries", staff(campus.HandlePlastic)), s.getBatch)
	handle(s, get("/api/v1/staff/batches/{id}/order-file",
		"What the bureau was sent", staff(campus.ReadPeople)), s.getOrderFile)
	handle(s, get("/api/v1/staff/deliveries",
		"Deliveries to the kiosks, newest first", staff(campus.HandlePlastic)), s.listDeliveries)
	handle(s, post("/api/v1/staff/deliveries/{id}/receipt",
		"Give the receipt for a kiosk", staff(campus.HandlePlastic)), s.receiveAsStaff)
	handle(s, post("/api/v1/staff/cases/{id}/plastic-report",
		"A card is not in its compartment, or of no use", staff(campus.HandlePlastic)), s.reportPlastic)
	handle(s, get("/api/v1/kiosk/deliveries", "What is on its way to the kiosk", kiosks()), s.listKioskDeliveries)
	handle(s, post("/api/v1/kiosk/deliveries/{id}/receipt",
		"Give the receipt of a delivery", kiosks()), s.receiveAtKiosk)

	handle(s, post("/api/v1/kiosk/pickups", "Open a compartment", kiosks()), s.pickUp)
	handle(s, post("/api/v1/hooks/bureau", "The card bureau reports", hooks()), s.bureauCallback)
	handle(s, post("/api/v1/hooks/hr", "An HR system submits members of staff", hooks()), s.hrCallback)
}
