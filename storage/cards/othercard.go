package cards

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Human is somebody on a roster, of those of one university who have one document.
type Human struct {
	ID     uuid.UUID
	Name   string
	Status string
	Campus string
}

// is tells whether two people on the roster, with one document, are one human who has two numbers: their names agree,
// too.
func (h Human) is(other Human) bool { return campus.SameName(h.Name, other.Name) }

// HeldStates are the states of a card that somebody holds, or can have back.
var HeldStates = []campus.CardState{campus.CardActive, campus.CardFrozen, campus.CardLost}

// LockOthers returns the other people on the roster who are the same human. Activations of one human lock the same rows
// in the same order, so that the second sees what the first has made.
func LockOthers(t db.Tx, person uuid.UUID) ([]Human, error) {
	var people []Human
	err := t.Raw(`select p.id, p.name, p.status, p.campus from people me
		join people p on p.university = me.university and p.document_hash = me.document_hash
		where me.id = ? order by p.id for no key update of p`, person).Scan(&people).Error
	if err != nil {
		return nil, err
	}
	me := slices.IndexFunc(people, func(p Human) bool { return p.ID == person })
	if me < 0 { // a roster has changed their document while this waited: who is the same human is asked anew
		return nil, db.ErrContested
	}
	is := people[me].is
	return slices.DeleteFunc(people, func(p Human) bool { return p.ID == person || !is(p) }), nil
}

// HumanIDs are the ids of people on the roster.
func HumanIDs(people []Human) []uuid.UUID {
	ids := make([]uuid.UUID, len(people))
	for i, person := range people {
		ids[i] = person.ID
	}
	return ids
}

// OtherCard tells what a card that the same human has under another number means for the activation of an application
// (D4): nothing when there is none, campus.OtherCardMark when it is refused, campus.OtherCardReplacedMark when that
// card ends with it.
func (s *Store) OtherCard(ctx context.Context, application uuid.UUID) (mark string, err error) {
	mark, err = otherCard(s.Read(ctx), application)
	return mark, db.Wrap("find another card of an applicant", err)
}

func otherCard(t db.Tx, application uuid.UUID) (mark string, err error) {
	var pairs []struct {
		Route campus.Route
		Name  string
		Other Human `gorm:"embedded;embeddedPrefix:other_"`
	}
	err = t.Raw(`select a.route, me.name, p.id as other_id, p.name as other_name, p.status as other_status
		from applications a join people me on me.id = a.person_id
			join people p on p.university = me.university and p.document_hash = me.document_hash and p.id <> me.id
		where a.id = ? and exists (select 1 from cards where person_id = p.id and state in ?)`, application, HeldStates).
		Scan(&pairs).Error
	for _, pair := range pairs {
		if !pair.Other.is(Human{Name: pair.Name}) {
			continue
		}
		if !campus.ReplacesCard(pair.Route, pair.Other.Status) {
			return campus.OtherCardMark, nil
		}
		mark = campus.OtherCardReplacedMark
	}
	return mark, err
}

// withOtherCard are the messages that ask for an activation or an application, and what is said in their place to who
// has a card under another number that keeps this one from being activated (D4): nobody is asked for what is refused.
var withOtherCard = map[string]string{
	"notice.approved":          "notice.other_card",
	"notice.remind_activation": "notice.other_card",
	"notice.approved_freshman": "notice.other_card_freshman",
	"notice.activation_lapsed": "notice.other_card_lapsed",
	"notice.expired":           "notice.other_card_expired",
}

func isOpenReview(item casework.WorkItem) bool {
	return item.Kind == campus.ReviewItem && item.ClosedAt == nil
}

func init() {
	casework.ItemMarks = append(casework.ItemMarks, markOtherCards)
	for usual, other := range withOtherCard {
		casework.ChooseNotice(usual, func(t db.Tx, application uuid.UUID) (string, error) {
			if mark, err := otherCard(t, application); err != nil || mark == campus.OtherCardMark {
				return other, err
			}
			return usual, nil
		})
	}
}

// markOtherCards marks the reviews of people who have a card, or one that waits to be activated, under another number.
func markOtherCards(db *gorm.DB, items []casework.WorkItem) error {
	var people []uuid.UUID
	for _, item := range items {
		if isOpenReview(item) {
			people = append(people, item.PersonID)
		}
	}
	if len(people) == 0 {
		return nil
	}
	var pairs []struct {
		Me    uuid.UUID
		Name  string
		Other Human `gorm:"embedded;embeddedPrefix:other_"`
	}
	err := db.Raw(`select me.id as me, me.name, p.id as other_id, p.name as other_name, p.status as other_status
		from people me join people p on p.university = me.university and p.document_hash = me.document_hash and p.id <> me.id
		where me.id in ? and exists (select 1 from cards where person_id = p.id and state in ?)`,
		people, append([]campus.CardState{campus.CardPending}, HeldStates...)).Scan(&pairs).Error
	if err != nil {
		return err
	}
	for i, item := range items {
		for _, pair := range pairs {
			if pair.Me != item.PersonID || !isOpenReview(item) || !pair.Other.is(Human{Name: pair.Name}) {
				continue
			}
			if campus.ReplacesCard(item.Route, pair.Other.Status) && items[i].Mark == "" {
				items[i].Mark = campus.OtherCardReplacedMark
			} else if !campus.ReplacesCard(item.Route, pair.Other.Status) {
				items[i].Mark = campus.OtherCardMark
			}
		}
	}
	return nil
}
