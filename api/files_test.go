package api_test

import "fmt"

// pagelessPDF is whole, and has nothing to show.
func pagelessPDF() []byte {
	out, at := []byte("%PDF-1.4\n"), []int{}
	for _, object := range []string{"1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n", "2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\n"} {
		at = append(at, len(out))
		out = append(out, object...)
	}
	start := len(out)
	out = append(out, "xref\n0 3\n0000000000 65535 f \n"...)
	for _, offset := range at {
		out = append(out, []byte(pad(offset)+" 00000 n \n")...)
	}
	return append(out, []byte("trailer\n<</Size 3/Root 1 0 R>>\nstartxref\n"+pad(start)+"\n%%EOF\n")...)
}

func pad(offset int) string { return fmt.Sprintf("%010d", offset) }
