package storagetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/people"
)

// The university that every factory uses unless told otherwise: two campuses with a kiosk each.
const (
	University  = "lcu"
	EastCampus  = "east"
	WestCampus  = "west"
	EastKiosk   = "lcu-east-1"
	WestKiosk   = "lcu-west-1"
	KioskSecret = "the secret of every test kiosk"
)

// University seeds a university with an east and a west campus and a kiosk on each.
func (h *Env) University(code string) {
	h.t.Helper()
	ctx := h.t.Context()
	require.NoError(h.t, h.People.SeedUniversity(ctx,
		people.University{Code: code, NameZH: "聊城大学", NameEN: "Liaocheng University",
			Campuses: []people.Campus{
				{Code: EastCampus, NameZH: "东校区", NameEN: "East Campus"},
				{Code: WestCampus, NameZH: "西校区", NameEN: "West Campus"},
			}}))
	for _, place := range []string{EastCampus, WestCampus} {
		require.NoError(h.t, h.People.SeedKiosk(ctx,
			people.Kiosk{ID: code + "-" + place + "-1", University: code, Campus: place,
				NameZH: "图书馆一楼", NameEN: "Library, ground floor"}, []byte(KioskSecret)))
	}
}

// Person is somebody on the roster.
type Person struct {
	ID         uuid.UUID
	Roster     people.RosterPerson
	Initial    string // the initial password
	University string
}

// Person imports a person of the default university, which is seeded if it has to be. change may alter the roster.
func (h *Env) Person(change ...func(*people.RosterPerson)) Person {
	h.t.Helper()
	h.haveUniversity()
	return h.PersonOf(University, change...)
}

// haveUniversity makes the default university, unless it is there.
func (h *Env) haveUniversity() {
	h.t.Helper()
	if One[int](h, `select count(*) from universities where code = $1`, University) == 0 {
		h.University(University)
	}
}

// PersonOf imports a person of a university that is there.
func (h *Env) PersonOf(university string, change ...func(*people.RosterPerson)) Person {
	h.t.Helper()
	h.number++
	roster := people.RosterPerson{
		Number: fmt.Sprintf("2026%06d", h.number), Name: "张伟", DocumentType: campus.ResidentCard,
		DocumentNumber: ResidentNumber(h.number), Phone: fmt.Sprintf("138%08d", h.number),
		Email: fmt.Sprintf("s%d@example.edu.cn", h.number), Level: "undergraduate", College: "计算机学院",
		Campus: EastCampus, Dormitory: "E3", Status: "registered",
		EnrolledOn: campus.Date{Year: 2026, Month: 9, Day: 1}, GraduatesOn: campus.Date{Year: 2030, Month: 6, Day: 30},
	}
	for _, fn := range change {
		fn(&roster)
	}
	faults, err := h.People.ImportPeople(h.t.Context(), university, []people.RosterPerson{roster})
	require.NoError(h.t, err)
	require.False(h.t, slices.ContainsFunc(faults, func(f people.RosterFault) bool { return !f.Taken }), "%v", faults)
	return Person{
		ID:     One[uuid.UUID](h, `select id from people where university = $1 and number = $2`, university, roster.Number),
		Roster: roster, Initial: campus.InitialPassword(roster.DocumentNumber), University: university,
	}
}

// ResidentNumber returns a valid identity number, another one for each n below 1,000.
func ResidentNumber(n int) string {
	body := fmt.Sprintf("37150220060901%03d", n%1000)
	for _, check := range "0123456789X" {
		if number := body + string(check); campus.CheckResidentNumber(number,
			campus.Date{Year: 2026, Month: 1, Day: 1}) == nil {
			return number
		}
	}
	return "" // not reached: one of the eleven is right
}

// SignedIn returns the token of a full session of a person, without the work of a sign-in.
func (h *Env) SignedIn(person uuid.UUID) string {
	return h.session("person_id", person, people.FullSession)
}

// InitialSession returns the token of a session that may only finish the first sign-in.
func (h *Env) InitialSession(person uuid.UUID) string {
	return h.session("person_id", person, people.InitialSession)
}

// Staff makes a member of staff of a university that is there and signs them in. They have no password that matches.
func (h *Env) Staff(university string, grants ...campus.Grant) (campus.StaffMember, string) {
	h.t.Helper()
	member := campus.StaffMember{ID: uuid.Must(uuid.NewV7()), University: university, Username: "staff-" + randomHex(4),
		Name: "王老师", Grants: grants}
	h.Exec(`insert into staff (id, university, username, name, password_hash, grants) values ($1, $2, $3, $4, '', $5)`,
		member.ID, member.University, member.Username, member.Name, grants)
	return member, h.session("staff_id", member.ID, people.FullSession)
}

func (h *Env) session(column string, id uuid.UUID, level people.SessionLevel) string {
	h.t.Helper()
	token := randomHex(32)
	hash := sha256.Sum256([]byte(token))
	h.Exec(`insert into sessions (id, token_hash, `+column+`, level, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)`,
		uuid.Must(uuid.NewV7()), hash[:], id, level, h.Clock.Now(), h.Clock.Now().Add(30*24*time.Hour))
	return token
}

// Request returns a request that nobody made before.
func Request(actor campus.Actor) casework.Request {
	return casework.Request{
		ID: uuid.Must(uuid.NewV7()), Key: randomHex(16), Actor: actor, Route: "POST /test", BodyHash: []byte("body"),
	}
}

// NewPhoneCode returns the newest code sent to a number that is not on file, empty if none was; like a sender it takes
// the messages away.
func (h *Env) NewPhoneCode(ctx context.Context) string {
	h.t.Helper()
	messages, err := h.People.ClaimPhoneMessages(ctx, 100, time.Minute)
	require.NoError(h.t, err)
	return newestCode(messages)
}

// PhoneCode returns the newest code sent to anybody; like a sender it takes the messages away.
func (h *Env) PhoneCode(ctx context.Context) string {
	h.t.Helper()
	notices, err := h.Casework.ClaimNotices(ctx, 100, time.Minute)
	require.NoError(h.t, err)
	code := newestCode(notices)
	require.NotEmpty(h.t, code)
	return code
}

// UnlockCodes returns the codes that get past a lock, sent to anybody since they were last asked for.
func (h *Env) UnlockCodes(ctx context.Context) (codes []string) {
	h.t.Helper()
	notices, err := h.Casework.ClaimNotices(ctx, 100, 24*time.Hour)
	require.NoError(h.t, err)
	for _, notice := range notices {
		if notice.Template == "notice.unlock_code" {
			codes = append(codes, notice.Params["code"])
		}
	}
	return codes
}

func newestCode(messages []casework.Notice) (code string) {
	for _, message := range messages {
		if message.Template == "notice.phone_code" {
			code = message.Params["code"]
		}
	}
	return code
}
