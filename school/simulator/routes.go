package simulator

import (
	"fmt"
	"net"
	"net/http"
)

// route is one operation of one system. Method and path are a pattern of http.ServeMux, which is all the router this
// needs.
type route struct {
	system    string
	operation string
	pattern   string
	handle    func(*call) act
}

func (s *Simulator) routes() []route {
	routes := []route{
		{"academic", "student", "GET /academic/{university}/v1/students/{number}", s.student},
		{"academic", "roster", "GET /academic/{university}/v1/students", s.roster},
		{"academic", "photo", "GET /academic/{university}/v1/students/{number}/photo", s.photo},
		{"academic", "certificate", "GET /academic/{university}/v1/certificates/{code}", s.certificate},
		{"carrier", "verification", "POST /carrier/v1/verifications", s.verification},
		{"face", "liveness_check", "POST /face/v1/liveness-checks", s.livenessCheck},
		{"face", "comparison", "POST /face/v1/comparisons", s.comparison},
		{"bureau", "order", "POST /bureau/v1/orders", s.placeOrder},
		{"bureau", "production", "GET /bureau/v1/orders/{order}", s.production},
		{"bureau", "cancellation", "POST /bureau/v1/orders/{order}/cancellation", s.cancelOrder},
		{"bureau", "batch", "POST /bureau/v1/batches", s.placeBatch},
		{"bureau", "batch_production", "GET /bureau/v1/batches/{batch}", s.getBatch},
		{"bureau", "batch_cancellation", "POST /bureau/v1/batches/{batch}/cancellation", s.cancelBatch},
		{"access", "grant", "POST /access/{university}/v1/grants", s.openHolder},
		{"access", "revoke", "DELETE /access/{university}/v1/grants/{card}", s.closeHolder},
		{"library", "open_patron", "POST /library/{university}/v1/patrons", s.openHolder},
		{"library", "close_patron", "DELETE /library/{university}/v1/patrons/{card}", s.closeHolder},
		{"canteen", "open_account", "POST /canteen/{university}/v1/accounts", s.openHolder},
		{"canteen", "close_account", "DELETE /canteen/{university}/v1/accounts/{card}", s.closeHolder},
		{"sms", "message", "POST /sms/v1/messages", s.sendMessage},

		{"academic", "admission", "GET /academic/{university}/v1/admissions/{number}", s.admission},
		{"hr", "employee", "GET /hr/{university}/v1/employees/{number}", s.employee},
		{"hr", "employees", "GET /hr/{university}/v1/employees", s.employees},
		{"hr", "photo", "GET /hr/{university}/v1/employees/{number}/photo", s.photo},
		{"international", "letter", "GET /international/{university}/v1/letters/{code}", s.letter},
		{"international", "residence_registration", "GET /international/{university}/v1/residence-registrations/{code}",
			s.residenceRegistration},
	}
	for _, channel := range channels() {
		path := "/" + channel + "/{university}/v1/"
		routes = append(routes, route{channel, "order", "POST " + path + "orders", s.placeWalletOrder},
			route{channel, "closure", "POST " + path + "orders/{order}/closure", s.closeWalletOrder},
			route{channel, "order_state", "GET " + path + "orders/{order}", s.walletOrder},
			route{channel, "file", "GET " + path + "files/{day}", s.channelFile},
			route{channel, "refund", "POST " + path + "refunds", s.refundWallet},
			route{channel, "refund_state", "GET " + path + "refunds/{refund}", s.walletRefund})
	}
	routes = append(routes, route{bankSystem, "payout_file", "POST /bank/{university}/v1/payout-files", s.takePayoutFile},
		route{bankSystem, "payout_file_state", "GET /bank/{university}/v1/payout-files/{file}", s.payoutFile})
	for _, service := range s.cfg.Services {
		path := "/" + service + "/{university}/v1/subscriptions"
		routes = append(routes, route{service, "subscribe", "POST " + path, s.openHolder},
			route{service, "unsubscribe", "DELETE " + path + "/{card}", s.closeHolder})
	}
	return routes
}

func (s *Simulator) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.HandleFunc(r.pattern, s.serve(r))
	}
	admin := map[string]http.HandlerFunc{
		"GET /admin/faults":                       s.listFaults,
		"PUT /admin/faults/{system}":              s.setFault,
		"GET /admin/calls":                        s.listCalls,
		"GET /admin/effects":                      s.listEffects,
		"GET /admin/people":                       s.listPeople,
		"GET /admin/people/{university}/{number}": s.getPerson,
		"PUT /admin/people/{university}/{number}": s.changePerson,
		"PUT /admin/photos/{university}/{number}": s.renewPhoto,
		"GET /admin/messages":                     s.listMessages,
		"GET /admin/mails":                        s.listMails,
		"GET /admin/bureau":                       s.getBureau,
		"PUT /admin/bureau":                       s.setBureau,
		"GET /admin/callbacks":                    s.listCallbacks,
		"GET /admin/chips/{plastic}":              s.getChip,
		"POST /admin/reset":                       s.reset,

		"PUT /admin/letters/{university}/{code}":                 s.changeLetter,
		"PUT /admin/residence-registrations/{university}/{code}": s.changeRegistration,
		"POST /admin/hr/{university}/submissions":                s.submitStaff,
	}
	admin["GET /admin/payouts"] = s.listPayouts
	admin["PUT /admin/payouts"] = s.setPayouts
	admin["POST /admin/payouts/{university}/lines"] = s.endPayout
	for _, channel := range channels() {
		for what, handle := range map[string]http.HandlerFunc{
			"GET %s": s.listWallet, "GET %s/payments": s.listWalletPayments, "GET %s/refunds": s.listWalletRefunds,
			"PUT %s": s.setWallet, "POST %s/{university}/payments": s.payWallet,
			"PUT %s/{university}/file":      s.spoilChannelFile,
			"POST %s/{university}/closures": s.closeWallet, "POST %s/{university}/refunds": s.endWalletRefund,
		} {
			admin[fmt.Sprintf(what, "/admin/"+channel)] = atChannel(channel, handle)
		}
	}
	for pattern, handle := range admin {
		mux.HandleFunc(pattern, fromHere(handle))
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		jsonAnswer(http.StatusOK, map[string]string{"status": "ok"}).write(w)
	})
	return mux
}

// fromHere lets this machine only in: the admin side has no key.
func fromHere(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			refuse(http.StatusForbidden, "loopback_only").write(w)
			return
		}
		next(w, r)
	}
}
