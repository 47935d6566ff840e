package campus

import (
	"slices"
	"strings"
)

// ApplicationCase is the kind of case that turns a student into a card holder.
const ApplicationCase CaseKind = "application"

// The stages of an application (C4).
const (
	StageChecking     Stage = "checking"     // everything but the face, side by side
	StageIdentity     Stage = "identity"     // liveness and comparison
	StageLiveness     Stage = "liveness"     // the student shows their face, or does so again
	StagePhoto        Stage = "photo"        // the photo on file is stale; Academic Affairs renews it
	StageInPerson     Stage = "in_person"    // the card centre looks at person and document
	StageReview       Stage = "review"       // a reviewer decides
	StageEvidence     Stage = "evidence"     // the student brings what is missing or wrong
	StageProvisioning Stage = "provisioning" // the base package is set up
	StageActivation   Stage = "activation"   // the student activates the card
	StageEnrolment    Stage = "enrolment"    // the card activates when the freshman has enrolled (A6)
	StageLapsed       Stage = "lapsed"       // not activated in time; may be re-opened
	StageClosing      Stage = "closing"      // everything is undone, because it leads to no card
)

// Item is a piece of evidence with a verdict of its own (A3).
type Item string

// The items of evidence.
const (
	RegistryItem    Item = "registry"
	DocumentItem    Item = "identity_document"
	CertificateItem Item = "certificate"
	ResidenceItem   Item = "residence_registration" // A4: 临时住宿登记
	LetterItem      Item = "issc_letter"            // A4: of the International Student Service Centre
	PhoneItem       Item = "phone"
	LivenessItem    Item = "liveness"
	PhotoItem       Item = "photo"
)

// Verdict is the result of a check. Unknown never passes: it parks, or a person decides.
type Verdict string

// The verdicts.
const (
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
	Unknown Verdict = "unknown"
)

// Finding is the verdict on one item and why.
type Finding struct {
	Item    Item    `json:"item"`
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason,omitempty"` // a key of the text catalogue
	Score   float64 `json:"score,omitempty"`  // similarity of faces, 0 to 1
	Hash    string  `json:"hash,omitempty"`   // SHA-256 of the picture judged, hex; kept when the picture is deleted (B4)
}

// ConsentVersion names the text of the biometric consent in the catalogue (B4). A new text gets a new version.
const ConsentVersion = "2026-11"

// Gesture is what a liveness check asks for (B1).
type Gesture string

// The gestures.
const (
	Nod   Gesture = "nod"
	Blink Gesture = "blink"
)

// ReviewAction is what a reviewer decides (C3).
type ReviewAction string

// The actions.
const (
	Approve ReviewAction = "approve"
	Reject  ReviewAction = "reject"
	AskMore ReviewAction = "ask_more"
)

// reviewReasons are all reasons of reviewers, keys of the catalogue (C3).
var reviewReasons = []string{"document_unreadable", "document_wrong", "document_expired", "certificate_unreadable",
	"certificate_wrong",
	"residence_unreadable", "residence_wrong", "letter_unreadable", "letter_wrong", PhoneChangedReason, "not_entitled"}

// IsReviewReason tells whether this is a reason that reviewers can give for some applicant.
func IsReviewReason(reason string) bool { return slices.Contains(reviewReasons, reason) }

// ReviewReasons returns the reasons that a reviewer has for an action on an application (C3). A reason about an item is
// offered only if the item is on the applicant's checklist (A4). Asking for more is offered only for items that can be
// brought or put right: otherwise the applicant could do nothing.
func ReviewReasons(action ReviewAction, route Route, category Category) []string {
	if action == Approve {
		return nil
	}
	checklist, reasons := Checklist(route, category), []string{}
	for _, reason := range reviewReasons {
		item := ItemOfReason(reason)
		if item == "" && action == Reject || slices.Contains(checklist, item) {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// ItemOfReason returns the item that a reviewer's reason is about; none for one about the whole application.
func ItemOfReason(reason string) Item {
	subject, _, _ := strings.Cut(reason, "_")
	return map[string]Item{"document": DocumentItem, "certificate": CertificateItem, "residence": ResidenceItem,
		"letter": LetterItem,
		"phone":  PhoneItem}[subject]
}

// Service is a package that a card gives access to.
type Service string

// The base package, always (C1).
const (
	CanteenService Service = "canteen"
	LibraryService Service = "library"
	AccessService  Service = "access"
)

// BasePackage returns the services that are set up for every card (C1).
func BasePackage() []Service { return []Service{AccessService, CanteenService, LibraryService} }

// UploadPurpose is what a file is for.
type UploadPurpose string

// The purposes of a file. One that is evidence has the name of its item.
const (
	DocumentUpload    UploadPurpose = "identity_document"
	CertificateUpload UploadPurpose = "certificate"
	ResidenceUpload   UploadPurpose = "residence_registration"
	LetterUpload      UploadPurpose = "issc_letter"
	FrameUpload       UploadPurpose = "live_frame"
)
