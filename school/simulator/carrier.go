package simulator

import (
	"net/http"

	"go.etcd.io/bbolt"

	"campuscard/campus"
)

func (s *Simulator) verification(c *call) act {
	var asked struct {
		Phone          string `json:"phone"`
		Name           string `json:"name"`
		DocumentNumber string `json:"document_number"`
	}
	if c.read(&asked) != nil || asked.Phone == "" || asked.Name == "" || asked.DocumentNumber == "" {
		return always(refuse(http.StatusBadRequest, "incomplete"))
	}
	return func(tx *bbolt.Tx) (answer, error) {
		p, found, err := s.phoneOwner(tx, asked.Phone)
		if err != nil {
			return answer{}, err
		}
		match := found && !p.PhoneForeign &&
			campus.SameDocument(campus.DocumentType(p.DocumentType), asked.DocumentNumber, p.DocumentNumber) &&
			(asked.Name == p.Name || asked.Name == p.listed().Name) // letter by letter, as a carrier does
		return jsonAnswer(http.StatusOK, map[string]bool{"match": match}), nil
	}
}
