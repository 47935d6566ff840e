package worker

import (
	"context"
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"campuscard/campus"
)

// metrics are what a worker counts itself, beside what the Temporal SDK does.
type metrics struct {
	notices  *prometheus.CounterVec
	failures *prometheus.CounterVec
	cacheMax prometheus.Gauge
	outages  *prometheus.CounterVec
	apart    *prometheus.GaugeVec
	silent   prometheus.Gauge
	rounds   *prometheus.CounterVec
	months   prometheus.Gauge
	held     prometheus.Gauge
	waiting  *waiting // shown with the figures
}

// What becomes of a try to send a message.
const (
	noticeDelivered = "delivered"
	noticeAgain     = "again"    // some channel is tried again
	noticeGivenUp   = "given_up" // refused, or nobody waits for it any more
	noticeExpired   = "expired"  // it was a code
)

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		waiting: newWaiting(),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "campuscard_notices_total", Help: "Tries to send a message, by what became of it.",
		}, []string{"outcome"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "campuscard_activity_failures_total", Help: "Tries of activities that failed, by code; local ones touch our own facts only.",
		}, []string{"activity", "code", "local"}),
		cacheMax: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "campuscard_workflow_cache_max",
			Help: "Cases that may stay in memory; temporal_sticky_cache_size says how many do.",
		}),
	}
	m.outages = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "campuscard_step_outages_total", Help: "Tries of steps that an outage of our own parts ended; they do not count.",
	}, []string{"reason"})
	for _, reason := range campus.OwnOutages() {
		m.outages.WithLabelValues(reason)
	}
	m.apart = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "campuscard_cases_apart",
		Help: "Open cases that do not stand where their workflows do: those have ended, know less, know more, or were lost before they began.",
	}, []string{"how"})
	m.silent = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "campuscard_cases_silent",
		Help: "Open cases whose workflows have not answered for several rounds in a row although Temporal does.",
	})
	for _, how := range []Apart{Missing, Behind, Ahead, Unstarted} {
		m.apart.WithLabelValues(string(how))
	}
	for _, outcome := range []string{noticeDelivered, noticeAgain, noticeGivenUp, noticeExpired} {
		m.notices.WithLabelValues(outcome) // from the start, so that the first one is an increase
	}
	m.rounds = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "campuscard_rounds_total", Help: "Rounds of the worker's loops, by what became of them.",
	}, []string{"loop", "outcome"})
	m.months = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "campuscard_transfer_months_ahead", Help: "Months after this one to which transfers can be written.",
	})
	m.held = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "campuscard_accounts_held", Help: "Accounts that pay no more because they do not agree with their transfers.",
	})
	registry.MustRegister(m.months, m.held, m.rounds, m.notices, m.failures, m.cacheMax, m.outages, m.apart, m.silent)
	return m
}

// failureCounter counts the failures of activities. It has to be inside of Faults, where errors are still ours.
type failureCounter struct {
	interceptor.WorkerInterceptorBase
	failures *prometheus.CounterVec
	outages  *prometheus.CounterVec
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (f *failureCounter) InterceptActivity(_ context.Context,
	next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &activityFailures{interceptor.ActivityInboundInterceptorBase{Next: next}, f}
}

type activityFailures struct {
	interceptor.ActivityInboundInterceptorBase
	count *failureCounter
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (a *activityFailures) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	result, err := a.Next.ExecuteActivity(ctx, in)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		info := activity.GetInfo(ctx)
		a.count.failures.WithLabelValues(info.ActivityType.Name, string(campus.CodeOf(err)),
			strconv.FormatBool(info.IsLocalActivity)).Inc()
		if !info.IsLocalActivity && campus.OwnOutage(err) {
			a.count.outages.WithLabelValues(campus.ReasonOf(err)).Inc()
		}
	}
	return result, err
}
