package campus

// ApplicationCase is the kind of case that turns a student into a card holder.
const ApplicationCase CaseKind = "application"

// The stages of an application (C4).
const (
	StageChecking     Stage = "checking"     // registry, certificate and phone, side by side
	StageIdentity     Stage = "identity"     // liveness and comparison
	StageLiveness     Stage = "liveness"     // the student tries again
	StagePhoto        Stage = "photo"        // the photo on file is stale; Academic Affairs renews it
	StageInPerson     Stage = "in_person"    // the card centre looks at person and document
	StageReview       Stage = "review"       // a reviewer decides
	StageEvidence     Stage = "evidence"     // the student brings what the reviewer asked for
	StageProvisioning Stage = "provisioning" // the base package is set up
	StageActivation   Stage = "activation"   // the student activates the card
	StageLapsed       Stage = "lapsed"       // not activated in time; may be re-opened
	StageClosing      Stage = "closing"      // everything is undone, because it leads to no card
)

// Item is a piece of evidence with a verdict of its own (A3).
type Item string

// The items of evidence of a mainland student.
const (
	RegistryItem    Item = "registry"
	DocumentItem    Item = "identity_document"
	CertificateItem Item = "certificate"
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

// ReviewReasons are the reasons for which a reviewer rejects or asks for more, keys of the catalogue (C3).
func ReviewReasons() []string {
	return []string{"document_unreadable", "document_wrong", "certificate_unreadable", "certificate_wrong", "not_entitled"}
}

// Service is a package that a card gives access to.
type Service string

// The base package, always (C1).
const (
	CanteenService Service = "canteen"
	LibraryService Service = "library"
	AccessService  Service = "access"
)

// BasePackage is provisioned for every card (C1).
func BasePackage() []Service { return []Service{AccessService, CanteenService, LibraryService} }

// UploadPurpose is what a file is for.
type UploadPurpose string

// The purposes of a file.
const (
	DocumentUpload    UploadPurpose = "identity_document"
	CertificateUpload UploadPurpose = "certificate"
	FrameUpload       UploadPurpose = "live_frame"
)
