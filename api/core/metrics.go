package core

import (
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"campuscard/campus"
)

// metrics are what /metrics shows of this process.
type metrics struct {
	registry *prometheus.Registry
	duration *prometheus.HistogramVec
	refused  prometheus.Counter
	signIns  *prometheus.CounterVec
}

// newMetrics adds the server's metrics to those of its process; one that has none yet gets the usual ones.
func newMetrics(registry *prometheus.Registry) *metrics {
	if registry == nil {
		registry = prometheus.NewRegistry()
		registry.MustRegister(collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
			collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	m := &metrics{
		registry: registry,
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "campuscard_http_request_duration_seconds", Help: "Time to answer, by route pattern.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 30},
		}, []string{"method", "route", "status"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "campuscard_http_connections_refused_total", Help: "Connections closed because their address had as many as it may.",
		}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "campuscard_sign_ins_total", Help: "Entries at the sign-in, by who may sign in there and outcome.",
		}, []string{"who", "outcome"}),
	}
	for _, who := range []string{"student", "staff", "till"} { // so that the first of them is an increase
		for _, outcome := range signInOutcomes {
			m.signIns.WithLabelValues(who, outcome)
		}
		m.signIns.WithLabelValues(who, signInOpened)
	}
	m.registry.MustRegister(m.duration, m.refused, m.signIns)
	return m
}

const signInOpened = "opened"

// signInOutcomes are what a refused entry is counted as, by reason. Other errors are outages and nobody's tries.
var signInOutcomes = map[string]string{
	"wrong_password": "wrong", "sign_in_locked": "locked", "sign_in_delayed": "delayed",
	"unlock_code_wrong": "wrong_code", "unlock_code_spent": "wrong_code", "code_delayed": "delayed",
	"enrolment_code": "wrong_code", "enrolment_delayed": "delayed",
}

// CountSignIn counts an entry at the sign-in, for the alarm on a wave of wrong ones.
func (m *metrics) CountSignIn(who string, err error) {
	outcome, counted := signInOutcomes[campus.ReasonOf(err)]
	if err == nil {
		outcome, counted = signInOpened, true
	}
	if counted {
		m.signIns.WithLabelValues(who, outcome).Inc()
	}
}

func (s *Server) serveMetrics(c *gin.Context) {
	promhttp.HandlerFor(s.Metrics.registry, promhttp.HandlerOpts{}).ServeHTTP(c.Writer, c.Request)
}
