package db

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// JSONList is a list in a jsonb column; nil is kept as the empty list.
type JSONList[T any] []T

// Value implements driver.Valuer.
func (l JSONList[T]) Value() (driver.Value, error) {
	if l == nil {
		return "[]", nil
	}
	b, err := json.Marshal([]T(l))
	return string(b), err
}

// Scan implements sql.Scanner.
func (l *JSONList[T]) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*l = nil
		return nil
	case string:
		return json.Unmarshal([]byte(v), (*[]T)(l))
	case []byte:
		return json.Unmarshal(v, (*[]T)(l))
	default:
		return fmt.Errorf("scan %T into a list", src)
	}
}

// TextArray is a text[] column that is written only.
type TextArray []string

// Value implements driver.Valuer: the array as Postgres writes it.
func (a TextArray) Value() (driver.Value, error) {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	quoted := make([]string, len(a))
	for i, text := range a {
		quoted[i] = `"` + quote.Replace(text) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}", nil
}

// JSONText returns a value of ours as JSON, for a column.
func JSONText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("%T is no JSON: %v", v, err)) // by its type: no value changes that
	}
	return string(b)
}

// Texts returns words, for any and all.
func Texts[T ~string](words []T) pgtype.Array[string] {
	return Column(words, func(word T) string { return string(word) })
}

// Column returns one field of many rows as a list as a list, for unnest.
func Column[R, V any](rows []R, value func(R) V) pgtype.Array[V] {
	values := make([]V, len(rows))
	for i, row := range rows {
		values[i] = value(row)
	}
	return pgtype.Array[V]{
		Elements: values, Dims: []pgtype.ArrayDimension{{Length: int32(len(rows)), LowerBound: 1}}, Valid: true, //nolint:gosec // a lot
	}
}

// IDs returns such a column of ids; none, where one is zero. As Postgres has them: pgx would send each as a text and
// read it again.
func IDs[R any](rows []R, value func(R) uuid.UUID) pgtype.Array[pgtype.UUID] {
	return Column(rows, func(row R) pgtype.UUID {
		id := value(row)
		return pgtype.UUID{Bytes: id, Valid: id != uuid.Nil}
	})
}
