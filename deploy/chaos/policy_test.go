package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
)

func TestWaitsAreShortAndTheRestIsTheDemos(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "policy.yaml")
	require.NoError(t, writePolicy(path, 2*time.Minute))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	ours, err := campus.LoadPolicies(deploy.Policy, content)
	require.NoError(t, err)
	demo, err := campus.LoadPolicies(deploy.Policy, deploy.DemoPolicy)
	require.NoError(t, err)

	want, got := demo.For("lcvtc"), ours.For("lcvtc")
	minutes := func(m float64) campus.Duration { return campus.Duration(m * float64(time.Minute)) }
	want.Application.ReviewLimit, want.Activation.Wait, want.Plastic.PickupWait = minutes(2), minutes(2), minutes(2)
	want.Activation.FirstReminder, want.Plastic.PickupFirstReminder = minutes(0.6), minutes(0.6)
	want.Activation.LastReminder, want.Plastic.PickupLastReminder = minutes(1.6), minutes(1.6)
	want.Money.TopUp.OrderLife, want.Money.TopUp.LookFor = minutes(0.5), minutes(1)
	want.Money.TopUp.FirstLook, want.Money.TopUp.RefundTry = minutes(1./30), minutes(1./30)
	want.Money.Appeals.Objection, want.Money.Appeals.TwoPeopleAbove = minutes(1./6), 2000
	want.Money.Close.After, want.Money.Close.Tills, want.Money.Close.Fees = 0, minutes(0.25), map[string]int64{"canteen": 60}
	want.Money.Payouts.Look, want.Money.Payouts.BounceWithin = minutes(1./12), minutes(20)
	require.Equal(t, want, got)
}
