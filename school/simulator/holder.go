package simulator

import (
	"net/http"

	"go.etcd.io/bbolt"

	"campuscard/school"
)

// openHolder serves access, library, canteen and the services: they keep the same about a card, each for itself.
// The power of dormitories is for who has a bed in one.
func (s *Simulator) openHolder(c *call) act {
	var h school.Holder
	if c.read(&h) != nil || h.CardID == "" || h.Number == "" || h.Name == "" || h.Group == "" || h.Campus == "" {
		return always(refuse(http.StatusUnprocessableEntity, "incomplete"))
	}
	c.reference = h.CardID
	return func(tx *bbolt.Tx) (answer, error) {
		place := c.system + "/" + c.university + "/" + h.CardID
		_, there, err := get[school.Holder](tx, holderBucket, place)
		if err != nil {
			return answer{}, err
		}
		granted := jsonAnswer(http.StatusCreated, school.Grant{Reference: c.system + "-" + h.CardID})
		if !there && c.system == "dormitory-power" {
			who, found, err := s.person(tx, c.university, h.Number)
			if err != nil {
				return answer{}, err
			}
			if !found || who.Dormitory == "" {
				return refuse(http.StatusUnprocessableEntity, "not_a_resident"), nil
			}
		}
		if there { // another key, the same card: what was asked for is already so
			return granted, put(tx, holderBucket, place, h)
		}
		if err := put(tx, holderBucket, place, h); err != nil {
			return answer{}, err
		}
		return granted, c.happened(tx)
	}
}

func (s *Simulator) closeHolder(c *call) act {
	c.reference = c.request.PathValue("card")
	return func(tx *bbolt.Tx) (answer, error) {
		place := []byte(c.system + "/" + c.university + "/" + c.reference)
		b := tx.Bucket([]byte(holderBucket))
		if b.Get(place) == nil {
			return notFound(), nil
		}
		if err := b.Delete(place); err != nil {
			return answer{}, err
		}
		return answer{Status: http.StatusNoContent}, c.happened(tx)
	}
}
