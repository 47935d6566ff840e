package campus

import (
	"slices"
	"time"
)

// InvitationCase is the kind of case that asks people of a university to apply, in waves (C5). It is about nobody in
// particular, and is called a campaign.
const InvitationCase CaseKind = "invitation"

// The stages of a campaign.
const (
	StageScheduled Stage = "scheduled" // its first day is to come
	StageInviting  Stage = "inviting"  // waves of invitations go out
	StageReminding Stage = "reminding" // who was invited and has not applied is reminded, in waves too
	StagePaused    Stage = "paused"    // an administrator has stopped it for a while
)

// The parties a campaign can wait for, besides the engine: nobody is late when a date is waited for.
const (
	WaitsForDate          Party = "date"
	WaitsForAdministrator Party = "administrator"
)

// Audience is whom a campaign invites, a word of ours for words of the roster.
type Audience string

// The audiences. Staff are in none: they apply through HR (A2).
const (
	Freshmen Audience = "freshmen" // on the admission list (A6)
	Students Audience = "students" // registered (A1)
	Everyone Audience = "everyone" // who may apply by themselves
)

// Statuses returns the words of the roster for an audience; none for a word that is no audience.
func (a Audience) Statuses() []string {
	switch a {
	case Freshmen:
		return []string{"admitted"}
	case Students:
		return []string{"registered"}
	case Everyone:
		return []string{"admitted", "registered"}
	}
	return nil
}

// WaveKind is what a wave brings.
type WaveKind string

// The kinds of wave.
const (
	InvitationWave WaveKind = "invitation"
	ReminderWave   WaveKind = "reminder"
)

// Period are the days of a campaign, both included. The last is the one by which people are asked to apply.
type Period struct {
	From  Date `json:"from"`
	Until Date `json:"until"`
}

// Check refuses a period that cannot be. Reasons: period_backwards, period_over, period_long.
func (p Period) Check(today Date, longest Duration) error {
	switch {
	case p.Until.Before(p.From):
		return FieldErrorf("until", "period_backwards", "the last day is before the first")
	case p.Until.Before(today):
		return FieldErrorf("until", "period_over", "the last day is in the past")
	case p.Until.End().Sub(today.Start()) > longest.Std():
		return FieldErrorf("until", "period_long", "the last day is more than %s ahead", longest.Std())
	}
	return nil
}

// Hours are the hours of the day in which messages are sent, in Asia/Shanghai.
type Hours struct {
	From  int `yaml:"from"`
	Until int `yaml:"until"` // the first in which none is sent
}

// Next returns the first moment from t on at which messages may be sent.
func (h Hours) Next(t time.Time) time.Time {
	day := DateOf(t)
	opens := func(d Date) time.Time { return d.Start().Add(time.Duration(h.From) * time.Hour) }
	switch {
	case t.Before(opens(day)):
		return opens(day)
	case t.Before(day.Start().Add(time.Duration(h.Until) * time.Hour)):
		return t
	}
	return opens(day.AddDays(1))
}

// InvitationPolicy holds the numbers of campaigns (C5).
type InvitationPolicy struct {
	Wave     int      `yaml:"wave"`
	Pause    Duration `yaml:"pause"`
	Hours    Hours    `yaml:"hours"`
	Line     int      `yaml:"line"`
	Look     Duration `yaml:"look"`
	Reminder Duration `yaml:"reminder"`
	Rest     Duration `yaml:"rest"`
	Longest  Duration `yaml:"longest"`
}

// largestWave keeps a wave one short transaction, for which nobody waits long.
const largestWave = 5000

func (p InvitationPolicy) check() error {
	switch {
	case p.Wave < 1 || p.Wave > largestWave:
		return Errorf(Invalid, "", "policy invitations.wave must be from 1 to %d", largestWave)
	case p.Hours.From < 0 || p.Hours.Until > 24 || p.Hours.From >= p.Hours.Until:
		return Errorf(Invalid, "", "policy invitations.hours must be hours of one day, the later one after the earlier")
	case p.Line < 1:
		return Errorf(Invalid, "", "policy invitations.line must be at least 1")
	case slices.Min([]Duration{p.Pause, p.Look, p.Reminder, p.Longest}) <= 0:
		return Errorf(Invalid, "", "policy invitations.pause, look, reminder and longest must be longer than nothing")
	case p.Rest < 0:
		return Errorf(Invalid, "", "policy invitations.rest must not be negative")
	}
	return nil
}

// InvitesUntil returns when the last wave of invitations has to be out: so long before the end of the last day that
// whom it invites can be reminded. A period too short for that is for invitations alone.
func (p InvitationPolicy) InvitesUntil(of Period) time.Time {
	last := of.Until.End().Add(-p.Reminder.Std())
	if last.After(of.From.Start()) {
		return last
	}
	return of.Until.End()
}

// Hold returns why a wave has to wait, nothing when it may go out: people are not asked to stand in a line that is long
// already, nor to hand in what nobody can work.
func (p InvitationPolicy) Hold(line int, busy bool) string {
	switch {
	case line > p.Line:
		return "line_long"
	case busy:
		return "engine_busy"
	}
	return ""
}

// Outlook is what a campaign would come to if no wave had to wait.
type Outlook struct {
	Waves  int
	LastAt time.Time // of the last wave; zero when there is none
	InTime bool      // everybody would be invited within the period
}

// Outlook tells how so many people would be invited.
func (p InvitationPolicy) Outlook(people int, of Period, now time.Time) Outlook {
	out := Outlook{Waves: (people + p.Wave - 1) / p.Wave, InTime: true}
	if out.Waves == 0 {
		return out
	}
	out.LastAt = p.FirstWave(of, now)
	for range out.Waves - 1 {
		out.LastAt = p.Hours.Next(out.LastAt.Add(p.Pause.Std()))
	}
	out.InTime = out.LastAt.Before(p.InvitesUntil(of))
	return out
}

// Opening returns the stage at which a campaign that is opened now begins, and when its first wave goes out.
func (p InvitationPolicy) Opening(of Period, now time.Time) (Stage, time.Time) {
	if of.From.Start().After(now) {
		return StageScheduled, p.FirstWave(of, now)
	}
	return StageInviting, p.FirstWave(of, now)
}

// FirstWave returns when a campaign that is opened now sends its first wave.
func (p InvitationPolicy) FirstWave(of Period, now time.Time) time.Time {
	if start := of.From.Start(); start.After(now) {
		now = start
	}
	return p.Hours.Next(now)
}
