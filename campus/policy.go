package campus

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Policy is every number and switch of the product. The fields are explained in deploy/policy.yaml, the default.
// A case keeps the policy it began with.
type Policy struct {
	Application ApplicationPolicy `yaml:"application" json:"application"`
	Identity    IdentityPolicy    `yaml:"identity" json:"identity"`
	Activation  ActivationPolicy  `yaml:"activation" json:"activation"`
	Plastic     PlasticPolicy     `yaml:"plastic" json:"plastic"`
	Steps       StepPolicy        `yaml:"steps" json:"steps"`
	SignIn      SignInPolicy      `yaml:"sign_in" json:"sign_in"`
	Uploads     UploadPolicy      `yaml:"uploads" json:"uploads"`
	Calendar    Calendar          `yaml:"calendar" json:"calendar"`
	Production  ProductionPolicy  `yaml:"production" json:"production"`
	Packages    PackagePolicies   `yaml:"packages" json:"packages"`
	Work        WorkPolicy        `yaml:"work" json:"work"`
	Counter     CounterPolicy     `yaml:"counter" json:"counter"`
	Notices     NoticePolicy      `yaml:"notices" json:"notices"`
	Watch       WatchPolicy       `yaml:"watch" json:"watch"`
	Rush        RushPolicy        `yaml:"rush" json:"rush"`
	Invitations InvitationPolicy  `yaml:"invitations" json:"invitations"`
	Money       MoneyPolicy       `yaml:"money" json:"money"`
	Portrait    PortraitPolicy    `yaml:"portrait" json:"portrait"`
}

// ApplicationPolicy holds the numbers of the review (C3).
type ApplicationPolicy struct {
	ReviewWorkingDays int      `yaml:"review_working_days"`
	ReviewReminder    Duration `yaml:"review_reminder"`   // before the deadline
	ReviewEscalation  Duration `yaml:"review_escalation"` // before the deadline
	ReviewLimit       Duration `yaml:"review_limit"`
	EvidenceWait      Duration `yaml:"evidence_wait"`
	EvidenceReminder  Duration `yaml:"evidence_reminder"`
	Levels            []string `yaml:"levels"`          // that have a card (A1)
	EnrolmentPoll     Duration `yaml:"enrolment_poll"`  // how often Academic Affairs is asked for a freshman (A6)
	EnrolmentGrace    Duration `yaml:"enrolment_grace"` // from the day of enrolment to the cancellation
}

// IdentityPolicy holds the numbers of the identity check (B1, B2).
type IdentityPolicy struct {
	LivenessTries    int      `yaml:"liveness_tries"`
	ChallengeLife    Duration `yaml:"challenge_life"`
	LivenessWait     Duration `yaml:"liveness_wait"`
	LivenessReminder Duration `yaml:"liveness_reminder"`
	PhotoPoll        Duration `yaml:"photo_poll"`
	PhotoReminder    Duration `yaml:"photo_reminder"`
	PhotoWait        Duration `yaml:"photo_wait"`
	InPersonWait     Duration `yaml:"in_person_wait"`
	InPersonReminder Duration `yaml:"in_person_reminder"`
}

// ActivationPolicy holds the numbers of the activation (D1).
type ActivationPolicy struct {
	Wait          Duration `yaml:"wait"`
	FirstReminder Duration `yaml:"first_reminder"`
	LastReminder  Duration `yaml:"last_reminder"`
	Reopen        Duration `yaml:"reopen"`
	CardLife      Duration `yaml:"card_life"`
}

// PlasticPolicy holds the numbers of production and pickup (D2, D3).
type PlasticPolicy struct {
	PromiseWorkingDays  int      `yaml:"promise_working_days"`
	EscalateBefore      Duration `yaml:"escalate_before"`
	Poll                Duration `yaml:"poll"`
	SpoiltLimit         int      `yaml:"spoilt_limit"`
	ProductionLimit     Duration `yaml:"production_limit"`
	PickupWait          Duration `yaml:"pickup_wait"`
	PickupFirstReminder Duration `yaml:"pickup_first_reminder"`
	PickupLastReminder  Duration `yaml:"pickup_last_reminder"`
	PickupTries         int      `yaml:"pickup_tries"`
	ReturnedWait        Duration `yaml:"returned_wait"`
	ReturnedReminder    Duration `yaml:"returned_reminder"`
	PromiseHorizon      Duration `yaml:"promise_horizon"` // how far from today one may ask for a promise
}

// StepPolicy holds the budget of a step (K3).
type StepPolicy struct {
	Call    Duration `yaml:"call"`
	Tries   int      `yaml:"tries"`
	Backoff Duration `yaml:"backoff"`
	Budget  Duration `yaml:"budget"`
}

// SignInPolicy holds the numbers of the sign-in (A5, F5).
type SignInPolicy struct {
	StudentSession    Duration    `yaml:"student_session"`
	StaffSession      Duration    `yaml:"staff_session"`
	InitialSession    Duration    `yaml:"initial_session"`
	PhoneCode         Duration    `yaml:"phone_code"`
	PhoneCodeTries    int         `yaml:"phone_code_tries"`
	PhoneCodesPerHour int         `yaml:"phone_codes_per_hour"`
	WrongEntries      int         `yaml:"wrong_entries"`
	UnlockCodes       int         `yaml:"unlock_codes"`      // for one lock
	UnlockCodeTries   int         `yaml:"unlock_code_tries"` // entries with a right code, after each code that was sent
	CodeDelays        EntryDelays `yaml:"code_delays"`       // account is not used
	StaffDelays       EntryDelays `yaml:"staff_delays"`
	UsualAddress      Duration    `yaml:"usual_address"`
}

func (p SignInPolicy) check() error {
	return errors.Join(p.CodeDelays.Pair.check("code_delays.pair"), p.CodeDelays.Address.check("code_delays.address"),
		p.StaffDelays.Pair.check("staff_delays.pair"), p.StaffDelays.Account.check("staff_delays.account"),
		p.StaffDelays.Address.check("staff_delays.address"))
}

// UploadPolicy holds the limits of a file.
type UploadPolicy struct {
	MaxBytes        int64       `yaml:"max_bytes"`
	MaxPixels       int64       `yaml:"max_pixels"`
	MaxScans        int         `yaml:"max_scans"`        // of a JPEG
	MaxCoefficients int64       `yaml:"max_coefficients"` // of a progressive JPEG
	MaxChunks       int         `yaml:"max_chunks"`       // of a PNG, beside those of its pixels
	MaxStreams      int         `yaml:"max_streams"`      // of a PDF
	StreamBytes     int64       `yaml:"stream_bytes"`     // that all streams of a PDF may unpack to
	PDFMemory       int64       `yaml:"pdf_memory"`       // of the process that reads a PDF
	LookTime        Duration    `yaml:"look_time"`
	LookShare       Duration    `yaml:"look_share"` // of one caller, within the window
	LookWindow      Duration    `yaml:"look_window"`
	Frame           FramePolicy `yaml:"frame"`
	UnusedLife      Duration    `yaml:"unused_life"`
}

// Policies are the policies of all universities, read from files and checked.
type Policies struct {
	version string
	common  Policy
	special map[string]Policy
	first   []byte // the file that all others were laid over
}

// Version names the content: two processes with the same version decide alike.
func (p *Policies) Version() string { return p.version }

// For returns the policy of a university.
func (p *Policies) For(university string) Policy {
	if special, found := p.special[university]; found {
		return special
	}
	return p.common
}

// Kept reads a policy that was kept for the cases that began with it. Numbers that it does not have, because it is
// older than this program, have the value of this program's default; but cases from before there were batches or
// packages have none until they end.
func (p *Policies) Kept(files ...[]byte) (*Policies, error) {
	base, _, err := readPolicy(Policy{}, p.first)
	if err != nil {
		return nil, err
	}
	base.Production, base.Packages = ProductionPolicy{}, nil
	return loadPolicies(base, files)
}

// LoadPolicies reads YAML files, a later one over an earlier one, and the universities' overrides over both.
// Unknown fields and impossible numbers are errors.
func LoadPolicies(files ...[]byte) (*Policies, error) {
	return loadPolicies(Policy{}, files)
}

// readPolicy lays a file over a policy; what it has for single universities is read later.
func readPolicy(under Policy, file []byte) (Policy, map[string]ast.Node, error) {
	var top struct {
		Policy       `yaml:",inline"`
		Universities map[string]ast.Node `yaml:"universities"`
	}
	top.Policy = under
	if err := yaml.UnmarshalWithOptions(file, &top, yaml.DisallowUnknownField()); err != nil {
		return under, nil, fmt.Errorf("read the policy: %w", err)
	}
	return top.Policy, top.Universities, nil
}

func loadPolicies(base Policy, files [][]byte) (*Policies, error) {
	loaded := &Policies{common: base, special: map[string]Policy{}}
	if len(files) > 0 {
		loaded.first = files[0]
	}
	overrides := map[string][]ast.Node{}
	for _, file := range files {
		common, universities, err := readPolicy(loaded.common, file)
		if err != nil {
			return nil, err
		}
		loaded.common = common
		for university, node := range universities {
			overrides[university] = append(overrides[university], node)
		}
	}
	if err := loaded.common.check(); err != nil {
		return nil, err
	}
	for university, nodes := range overrides {
		special := loaded.common
		for _, node := range nodes {
			if err := yaml.NodeToValue(node, &special, yaml.DisallowUnknownField()); err != nil {
				return nil, fmt.Errorf("read the policy of %s: %w", university, err)
			}
		}
		if err := special.check(); err != nil {
			return nil, fmt.Errorf("policy of %s: %w", university, err)
		}
		loaded.special[university] = special
	}
	sum := sha256.Sum256(bytes.Join(files, []byte("\n---\n")))
	loaded.version = hex.EncodeToString(sum[:6])
	return loaded, nil
}

// check refuses a policy under which the product could not work.
func (p Policy) check() error {
	positive := map[string]Duration{
		"application.review_limit": p.Application.ReviewLimit, "application.evidence_wait": p.Application.EvidenceWait,
		"application.enrolment_poll": p.Application.EnrolmentPoll, "application.enrolment_grace": p.Application.EnrolmentGrace,
		"identity.challenge_life": p.Identity.ChallengeLife, "identity.liveness_wait": p.Identity.LivenessWait,
		"identity.photo_poll": p.Identity.PhotoPoll, "identity.photo_wait": p.Identity.PhotoWait,
		"identity.in_person_wait": p.Identity.InPersonWait, "activation.wait": p.Activation.Wait,
		"activation.reopen": p.Activation.Reopen, "activation.card_life": p.Activation.CardLife,
		"plastic.promise_horizon": p.Plastic.PromiseHorizon,
		"plastic.poll":            p.Plastic.Poll, "plastic.pickup_wait": p.Plastic.PickupWait,
		"plastic.production_limit": p.Plastic.ProductionLimit, "steps.call": p.Steps.Call, "steps.backoff": p.Steps.Backoff,
		"sign_in.student_session": p.SignIn.StudentSession, "sign_in.staff_session": p.SignIn.StaffSession,
		"sign_in.initial_session": p.SignIn.InitialSession, "sign_in.phone_code": p.SignIn.PhoneCode,
		"sign_in.usual_address": p.SignIn.UsualAddress,
		"uploads.unused_life":   p.Uploads.UnusedLife, "uploads.look_time": p.Uploads.LookTime,
		"uploads.look_share": p.Uploads.LookShare, "uploads.look_window": p.Uploads.LookWindow,
	}
	for name, value := range positive {
		if value <= 0 {
			return Errorf(Invalid, "", "policy %s must be longer than nothing", name)
		}
	}
	counts := map[string]int{
		"application.review_working_days": p.Application.ReviewWorkingDays, "identity.liveness_tries": p.Identity.LivenessTries,
		"plastic.promise_working_days": p.Plastic.PromiseWorkingDays, "plastic.spoilt_limit": p.Plastic.SpoiltLimit,
		"plastic.pickup_tries": p.Plastic.PickupTries, "steps.tries": p.Steps.Tries, "sign_in.wrong_entries": p.SignIn.WrongEntries,
		"sign_in.phone_code_tries": p.SignIn.PhoneCodeTries, "sign_in.phone_codes_per_hour": p.SignIn.PhoneCodesPerHour,
		"sign_in.unlock_codes": p.SignIn.UnlockCodes, "sign_in.unlock_code_tries": p.SignIn.UnlockCodeTries,
		"uploads.max_bytes": int(p.Uploads.MaxBytes), "uploads.max_pixels": int(p.Uploads.MaxPixels),
		"uploads.max_scans": p.Uploads.MaxScans, "uploads.max_streams": p.Uploads.MaxStreams,
		"uploads.max_coefficients": int(p.Uploads.MaxCoefficients), "uploads.max_chunks": p.Uploads.MaxChunks,
		"uploads.stream_bytes": int(p.Uploads.StreamBytes), "uploads.frame.min_side": p.Uploads.Frame.MinSide,
		"uploads.frame.max_side": p.Uploads.Frame.MaxSide, "uploads.frame.max_bytes": p.Uploads.Frame.MaxBytes,
	}
	for name, value := range counts {
		if value < 1 {
			return Errorf(Invalid, "", "policy %s must be at least 1", name)
		}
	}
	if p.Uploads.PDFMemory < 2*p.Uploads.StreamBytes {
		return Errorf(Invalid, "", "policy uploads.pdf_memory is less than twice stream_bytes")
	}
	if p.Steps.Budget < p.Steps.Call {
		return Errorf(Invalid, "", "policy steps.budget is shorter than one call")
	}
	return errors.Join(p.Packages.check(), p.Production.check(), p.Work.check(), p.Counter.check(), p.Notices.check(),
		p.Watch.check(), p.Rush.check(),
		p.Calendar.check(), p.Invitations.check(), p.SignIn.check(), p.Money.check(), p.Portrait.check())
}
