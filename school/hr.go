package school

import (
	"context"
	"encoding/json"
	"net/http"
)

// HR is the personnel system (人事) of each university: who works here, and with which photo (A2).
type HR struct{ client *client }

// Employee is a member of faculty or staff as HR has them.
type Employee struct {
	Number         string `json:"number"` // staff number, unique within the university
	Name           string `json:"name"`
	Category       string `json:"category"`      // mainland, hong_kong_macau, taiwan, foreign
	DocumentType   string `json:"document_type"` // one of campus.DocumentType
	DocumentNumber string `json:"document_number"`
	Status         string `json:"status"` // employed, left
	Department     string `json:"department"`
	Campus         string `json:"campus"` // campus code
	Phone          string `json:"phone"`  // E.164
	Email          string `json:"email"`
	PhotoVersion   string `json:"photo_version"` // changes when the photo is renewed; empty without a photo
}

func (e *Employee) complete() bool {
	for _, required := range []string{e.Number, e.Name, e.DocumentNumber, e.Department, e.Campus} {
		if required == "" {
			return false
		}
	}
	return knownCategory(e.Category) && knownDocument(e.DocumentType) && opaque(e.PhotoVersion) &&
		(e.Status == "employed" || e.Status == "left")
}

// Employee looks one person up. NotFound if HR has nobody of that number.
func (h *HR) Employee(ctx context.Context, university, number string) (Employee, error) {
	var e Employee
	if err := h.client.json(ctx, employeeCall(university, number), &e); err != nil {
		return Employee{}, err
	}
	if e.Number != number {
		return Employee{}, h.client.badAnswer("about somebody else")
	}
	return e, nil
}

// Photo fetches HR's picture. NotFound if there is no person or no picture.
func (h *HR) Photo(ctx context.Context, university, number string) (Photo, error) {
	return h.client.photo(ctx, employeeCall(university, number, "photo"))
}

func employeeCall(university, number string, more ...string) call {
	return call{method: http.MethodGet, university: university, path: append([]string{"employees", number}, more...)}
}

type employeePage struct {
	Employees []json.RawMessage `json:"employees"`
	Next      *string           `json:"next"`
}

func (p *employeePage) complete() bool { return p.Employees != nil && isNext(p.Next) }

// Employees reads a page of HR's export in the order of numbers, as Academic.Roster does.
func (h *HR) Employees(ctx context.Context, university, cursor string, limit int) (employees []Line[Employee],
	next string, err error) {
	var page employeePage
	if err := h.client.json(ctx, exportCall(university, "employees", cursor, limit), &page); err != nil {
		return nil, "", err
	}
	return readLines[Employee](page.Employees), *page.Next, nil
}
