package campus

import (
	"maps"
	"regexp"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// PackageCase is the kind of case that changes one value-added package of one card: grants or withdraws it (C2).
const PackageCase CaseKind = "package"

// The stages of a package's case.
const (
	StageSubscribing   Stage = "subscribing"   // its system is asked to take the card
	StageUnsubscribing Stage = "unsubscribing" // its system is asked to let the card go
)

// PackageChange is what one case does with a package.
type PackageChange string

// The changes of a package.
const (
	GrantPackage    PackageChange = "grant"
	WithdrawPackage PackageChange = "withdraw"
)

// Stage is where the case of such a change begins.
func (c PackageChange) Stage() Stage {
	if c == WithdrawPackage {
		return StageUnsubscribing
	}
	return StageSubscribing
}

// PackageState is a state of one package of one card.
type PackageState string

// The states of a package.
const (
	PackageRequested   PackageState = "requested"   // its system is being asked
	PackageGranted     PackageState = "granted"     // its system has the card
	PackageWithdrawing PackageState = "withdrawing" // its system is being asked to let the card go
	PackageWithdrawn   PackageState = "withdrawn"
	PackageRefused     PackageState = "refused" // its system said no
)

// packageMoves are all changes a package can make. A package that was refused or withdrawn stays so; asking again makes
// another.
var packageMoves = map[PackageState][]PackageState{
	PackageRequested:   {PackageGranted, PackageRefused, PackageWithdrawn},
	PackageGranted:     {PackageWithdrawing},
	PackageWithdrawing: {PackageWithdrawn, PackageGranted},
	PackageWithdrawn:   {},
	PackageRefused:     {},
}

// CanBecome tells whether a package may go from s to next.
func (s PackageState) CanBecome(next PackageState) bool {
	return slices.Contains(packageMoves[s], next)
}

// Terminal tells whether nothing can happen to the package any more.
func (s PackageState) Terminal() bool { return len(packageMoves[s]) == 0 }

// ChosenPackage is a package somebody asks for, with the system that provides it. The system is kept with it, because a
// card is taken out where it was taken in, whatever the policy says by then.
type ChosenPackage struct {
	Code   string `json:"code"`
	System string `json:"system"`
}

// PackagePolicy is one value-added package that a university offers.
type PackagePolicy struct {
	System         string   `yaml:"system"`          // of the school; names its address and its queue
	Name           Words    `yaml:"name"`            //
	About          Words    `yaml:"about"`           // what the holder gets by it
	For            []string `yaml:"for"`             // words of the roster; empty: everybody
	NeedsDormitory bool     `yaml:"needs_dormitory"` // only for residents
	Retired        bool     `yaml:"retired"`         // nobody gets it any more; who has it keeps it
}

// Words are a text of the policy in each language.
type Words struct {
	ZH string `yaml:"zh"`
	EN string `yaml:"en"`
}

// In returns the text in a language.
func (w Words) In(language Language) string {
	if language == English {
		return w.EN
	}
	return w.ZH
}

// Bars tells why a package is not for somebody whom the roster has under these words: a key of the text catalogue, or
// nothing when they may choose it.
func (p PackagePolicy) Bars(words []string, dormitory string) (reason string) {
	allowed := func(word string) bool { return slices.Contains(p.For, word) }
	switch {
	case p.Retired:
		return "package_retired"
	case len(p.For) > 0 && !slices.ContainsFunc(words, allowed):
		return "package_not_for_you"
	case p.NeedsDormitory && dormitory == "":
		return "package_needs_dormitory"
	}
	return ""
}

// PackagePolicies are the packages of a university by their codes.
type PackagePolicies map[string]PackagePolicy

// Codes returns the codes of all packages in their order.
func (p PackagePolicies) Codes() []string { return slices.Sorted(maps.Keys(p)) }

// UnmarshalYAML lays packages over those that are there: a new code is one more package, a known one is changed. The
// map itself is another one afterwards, because universities share what they do not override.
func (p *PackagePolicies) UnmarshalYAML(decode func(any) error) error {
	var nodes map[string]ast.Node
	if err := decode(&nodes); err != nil {
		return err
	}
	merged := PackagePolicies{}
	maps.Copy(merged, *p)
	for code, node := range nodes {
		entry := merged[code]
		if err := yaml.NodeToValue(node, &entry, yaml.DisallowUnknownField()); err != nil {
			return err
		}
		merged[code] = entry
	}
	*p = merged
	return nil
}

// Codes stand in our addresses, names of systems in those of the school and in the names of steps and queues.
var (
	packageCode   = regexp.MustCompile(`^[a-z][a-z0-9_]{1,39}$`)
	packageSystem = regexp.MustCompile(`^[a-z][a-z0-9-]{1,29}$`)
)

// check refuses packages that nobody could provide, or tell from each other.
func (p PackagePolicies) check() error {
	provides := map[string]string{}
	for _, code := range p.Codes() {
		one := p[code]
		switch other, taken := provides[one.System]; {
		case !packageCode.MatchString(code):
			return Errorf(Invalid, "", "policy packages: %q is no code of a package", code)
		case !packageSystem.MatchString(one.System):
			return Errorf(Invalid, "", "policy packages.%s.system: %q is no name of a system", code, one.System)
		case taken: // a system knows cards, not packages
			return Errorf(Invalid, "", "policy packages: %s provides %s and %s", one.System, other, code)
		case one.Name.ZH == "" || one.Name.EN == "" || one.About.ZH == "" || one.About.EN == "":
			return Errorf(Invalid, "", "policy packages.%s: name and about are needed in both languages", code)
		}
		provides[one.System] = code
	}
	return nil
}

// ServiceSystems returns the systems behind the packages of all universities, sorted. Each has a queue of its own (K2).
func (p *Policies) ServiceSystems() []string {
	systems := map[string]bool{}
	collect := func(policy Policy) {
		for _, one := range policy.Packages {
			systems[one.System] = true
		}
	}
	collect(p.common)
	for _, special := range p.special {
		collect(special)
	}
	return slices.Sorted(maps.Keys(systems))
}
