package api_test

import (
	"bytes"
	"fmt"
)

// pagelessPDF is whole, and has nothing to show.
func pagelessPDF() []byte { return treePDF("<</Type/Pages/Kids[]/Count 0>>") }

// treePDF is a PDF whose tree of pages begins with the first of these objects, which has the number 2.
func treePDF(objects ...string) []byte {
	out, at := []byte("%PDF-1.4\n"), []int{}
	for i, object := range append([]string{"<</Type/Catalog/Pages 2 0 R>>"}, objects...) {
		object = fmt.Sprintf("%d 0 obj\n%s\nendobj\n", i+1, object)
		at = append(at, len(out))
		out = append(out, object...)
	}
	start := len(out)
	out = append(out, fmt.Sprintf("xref\n0 %d\n0000000000 65535 f \n", len(at)+1)...)
	for _, offset := range at {
		out = append(out, []byte(pad(offset)+" 00000 n \n")...)
	}
	return append(out, fmt.Sprintf("trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n"+pad(start)+"\n%%%%EOF\n", len(at)+1)...)
}

func pad(offset int) string { return fmt.Sprintf("%010d", offset) }

// rareJPEG is a JPEG whose frame has another marker than a program would write, and a height of its own.
func rareJPEG(picture []byte, marker byte, height int) []byte {
	rare := bytes.Clone(picture)
	frame := bytes.Index(rare, []byte("\xff\xc0"))
	rare[frame+1], rare[frame+5], rare[frame+6] = marker, byte(height>>8), byte(height)
	return rare
}
