package school

import (
	"context"
	"net/http"

	"campuscard/campus"
)

// Holder is a card holder as access control, library and canteen get to know them.
type Holder struct {
	CardID string `json:"card_id"`
	Number string `json:"number"`
	Name   string `json:"name"`
	Group  string `json:"group"`  // rights group, such as undergraduate
	Campus string `json:"campus"` // campus code
}

// Grant is the other system's confirmation.
type Grant struct {
	Reference string `json:"reference"` // the other system's id
}

func (g *Grant) complete() bool { return g.Reference != "" }

// open makes the holder known in a collection of a system.
func (c *client) open(ctx context.Context, university, collection, key string, h Holder) (Grant, error) {
	var g Grant
	r := call{method: http.MethodPost, university: university, path: []string{collection}, key: key, body: h}
	if err := c.json(ctx, r, &g); err != nil {
		return Grant{}, err
	}
	return g, nil
}

// close takes a card out of a collection; a card that is not there is what was wanted.
func (c *client) close(ctx context.Context, university, collection, key, cardID string) error {
	r := call{method: http.MethodDelete, university: university, path: []string{collection, cardID}, key: key}
	_, err := c.do(ctx, r, maxAnswer)
	if campus.CodeOf(err) == campus.NotFound && campus.ReasonOf(err) == "not_found" {
		return nil
	}
	return err
}
