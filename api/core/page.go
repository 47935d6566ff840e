package core

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"

	"campuscard/campus"
)

// PageQuery is embedded in the input of every list. Like all that is embedded here it has an exported name, because
// huma passes over what is embedded under another.
type PageQuery struct {
	Cursor string `query:"cursor" maxLength:"300" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
}

// Page is one page of a list. A page without next_cursor is the last.
type Page[T any] struct {
	Items      []T    `json:"items" nullable:"false"`
	NextCursor string `json:"next_cursor,omitempty"`
}

// NewPage makes a page of rows that were asked for with limit+1, so that the row too many tells whether there is
// another page. key is what the list is ordered by.
func NewPage[R, T, K any](rows []R, limit int, item func(R) T, key func(R) K) Page[T] {
	list := Page[T]{Items: make([]T, 0, min(len(rows), limit))}
	if len(rows) > limit {
		rows = rows[:limit]
		list.NextCursor = WriteCursor(key(rows[limit-1]))
	}
	for _, row := range rows {
		list.Items = append(list.Items, item(row))
	}
	return list
}

// Listed answers a page of a list: find answers at most limit rows after a key, which is what the list is ordered by.
func Listed[R, T, K any](page PageQuery, find func(after K, limit int) ([]R, error), item func(R) T,
	key func(R) K) (*Answer[Page[T]], error) {
	after, err := ReadCursor[K](page.Cursor)
	if err != nil {
		return nil, err
	}
	rows, err := find(after, page.Limit+1)
	if err != nil {
		return nil, err
	}
	return Answered(NewPage(rows, page.Limit, item, key)), nil
}

// AsItIs is the item of a list that is answered as its area keeps it.
func AsItIs[T any](row T) T { return row }

// WriteCursor makes a key opaque: callers hand it back and do not make their own.
func WriteCursor(key any) string {
	text, err := json.Marshal(key)
	if err != nil {
		return "" // not reached: keys are ids and times
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// ReadCursor returns the key of a cursor, and the zero key for none.
func ReadCursor[K any](cursor string) (key K, err error) {
	if cursor == "" {
		return key, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(text, &key)
	}
	if err != nil || !fits(reflect.ValueOf(key)) {
		return key, campus.FieldErrorf("cursor", "cursor_invalid", "the cursor is none of ours")
	}
	return key, nil
}

// Each maps a list; an empty one stays a list.
func Each[A, B any](list []A, view func(A) B) []B {
	views := make([]B, len(list))
	for i, item := range list {
		views[i] = view(item)
	}
	return views
}

// fits tells whether the numbers of a key fit their columns: an int is of one of four bytes, an int64 of one of eight.
func fits(key reflect.Value) bool {
	switch key.Kind() {
	case reflect.Int:
		return math.MinInt32 <= key.Int() && key.Int() <= math.MaxInt32
	case reflect.Pointer:
		return key.IsNil() || fits(key.Elem())
	case reflect.Struct:
		for i := range key.NumField() {
			if !fits(key.Field(i)) {
				return false
			}
		}
	}
	return true
}
