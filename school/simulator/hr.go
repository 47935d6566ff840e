package simulator

import (
	"crypto/rand"
	"encoding/json"
	"net/http"

	"go.etcd.io/bbolt"

	"campuscard/school"
)

// employeeOf returns a member of staff as HR has them.
func employeeOf(p person) school.Employee {
	return school.Employee{Number: p.Number, Name: p.Name, Category: p.Category, DocumentType: p.DocumentType,
		DocumentNumber: p.DocumentNumber, Status: p.Status, Department: p.College, Campus: p.Campus, Phone: p.Phone,
		Email: p.Email, PhotoVersion: p.PhotoVersion}
}

func (s *Simulator) employee(c *call) act {
	c.reference = c.request.PathValue("number")
	return func(tx *bbolt.Tx) (answer, error) {
		p, found, err := s.person(tx, c.university, c.reference)
		if err != nil || !found || !p.staff() {
			return notFound(), err
		}
		return jsonAnswer(http.StatusOK, employeeOf(p)), nil
	}
}

// employees returns last night's export of HR.
func (s *Simulator) employees(c *call) act {
	employees := []school.Employee{}
	next, err := s.page(c, (*person).staff, func(p person) {
		p.Student = p.listed()
		employees = append(employees, employeeOf(p))
	})
	return exported(map[string]any{"employees": employees, "next": next}, err)
}

// submitStaff has the HR system of a university apply for its people (A2). It may name anybody, as a real one may.
func (s *Simulator) submitStaff(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Numbers []string `json:"numbers"`
	}
	university := r.PathValue("university")
	if _, known := universities()[university]; !known {
		refuse(http.StatusNotFound, "unknown_university").write(w)
		return
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&asked); err != nil {
		refuse(http.StatusBadRequest, "unreadable").write(w)
		return
	}
	if len(asked.Numbers) == 0 || len(asked.Numbers) > school.MostSubmitted {
		refuse(http.StatusUnprocessableEntity, "number_of_employees").write(w)
		return
	}
	if s.cfg.CallbackURL == "" || s.cfg.HRCallbackSecrets[university] == "" {
		refuse(http.StatusConflict, "callbacks_off").write(w)
		return
	}
	c := callback{ID: "msg_" + rand.Text(), Hook: hrHook, University: university, Subject: "hr-" + rand.Text(),
		Sequence: 1, NextAt: now()}
	err := s.store.update(func(tx *bbolt.Tx) error { return c.queue(tx, submissionOf(university, asked.Numbers)) })
	s.show(w, map[string]any{"id": c.ID, "university": university, "numbers": asked.Numbers}, err)
}

func submissionOf(university string, numbers []string) any {
	employees := make([]map[string]string, len(numbers))
	for i, number := range numbers {
		employees[i] = map[string]string{"number": number}
	}
	return map[string]any{"type": "staff.submitted", "university": university, "submitted_at": now(),
		"employees": employees}
}
