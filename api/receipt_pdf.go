package api

import (
	"bytes"
	"fmt"
	"math"

	"codeberg.org/go-pdf/fpdf"
	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/font/opentype"
)

// The page of a receipt: A5, in millimetres.
const (
	receiptMargin = 15.0
	receiptWidth  = 148.0 - 2*receiptMargin
	receiptBottom = 210.0 - receiptMargin
	labelWidth    = 30.0
	lineHeight    = 6.5
	perPoint      = 25.4 / 72 // millimetres
)

// drawReceipt draws a receipt as PDF. Letters are drawn as shapes, so that every reader and printer shows the same,
// whatever the script, and the file holds the shapes it needs and no font.
func drawReceipt(f fonts, text receiptText) ([]byte, error) {
	d := newDrawing(f, text)
	d.centred(text.university, 13, 8)
	d.y += 3
	d.centred(text.title, 17, 9)
	d.rule()
	for _, row := range text.rows {
		d.row(row[0], row[1])
	}
	d.rule()
	d.paragraph(text.footer, 8.5, 4.5)
	if d.missing {
		d.paragraph(text.missing, 8.5, 4.5)
	}
	if d.set.err != nil {
		return nil, fmt.Errorf("read the fonts of a receipt: %w", d.set.err)
	}
	var out bytes.Buffer
	if err := d.pdf.Output(&out); err != nil {
		return nil, fmt.Errorf("draw a receipt: %w", err)
	}
	return out.Bytes(), nil
}

// drawing is a receipt that is being drawn, from above.
type drawing struct {
	pdf     *fpdf.Fpdf
	set     *typesetter
	y       float64 // of the next baseline
	missing bool    // a character is in no font
}

func newDrawing(f fonts, text receiptText) *drawing {
	pdf := fpdf.New("P", "mm", "A5", "")
	pdf.SetMargins(receiptMargin, receiptMargin, receiptMargin)
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetCatalogSort(true) // the same receipt is the same file
	pdf.SetCreationDate(text.at)
	pdf.SetModificationDate(text.at)
	pdf.SetTitle(text.title, true)
	pdf.AddPage()
	return &drawing{pdf: pdf, set: newTypesetter(f), y: 18}
}

// lines sets a text for a width in millimetres.
func (d *drawing) lines(text string, size, width float64) []line {
	return d.set.lines(text, size, width/perPoint)
}

// turnPage goes on to the next page when this one is full.
func (d *drawing) turnPage() {
	if d.y > receiptBottom {
		d.pdf.AddPage()
		d.y = receiptMargin + lineHeight
	}
}

// centred writes a heading.
func (d *drawing) centred(text string, size, height float64) {
	for _, l := range d.lines(text, size, receiptWidth) {
		d.turnPage()
		d.write(l, size, receiptMargin+(receiptWidth-l.width*perPoint)/2, 0)
		d.y += height
	}
}

// row writes a label with its value beside it.
func (d *drawing) row(label, value string) {
	names, values := d.lines(label, 10, labelWidth-2), d.lines(value, 11, receiptWidth-labelWidth)
	for i := range max(len(names), len(values)) {
		d.turnPage()
		if i < len(names) {
			d.write(names[i], 10, receiptMargin, 110)
		}
		if i < len(values) {
			d.write(values[i], 11, receiptMargin+labelWidth, 0)
		}
		d.y += lineHeight
	}
	d.y += 3
}

// paragraph writes small print.
func (d *drawing) paragraph(text string, size, height float64) {
	for _, l := range d.lines(text, size, receiptWidth) {
		d.turnPage()
		d.write(l, size, receiptMargin, 110)
		d.y += height
	}
}

func (d *drawing) rule() {
	d.turnPage()
	d.pdf.SetDrawColor(160, 160, 160)
	d.pdf.SetLineWidth(0.2)
	d.pdf.Line(receiptMargin, d.y, receiptMargin+receiptWidth, d.y)
	d.y += 9
}

// write draws a line, its baseline at y, in a shade of grey.
func (d *drawing) write(l line, size, x float64, grey int) {
	d.pdf.SetFillColor(grey, grey, grey)
	d.pdf.SetDrawColor(grey, grey, grey)
	for _, g := range l.glyphs {
		if g.id == 0 {
			d.mark(g, size, x)
			continue
		}
		d.shape(g, size, x)
	}
}

// mark draws a crossed box in the place of a character that no font has.
func (d *drawing) mark(g placed, size, x float64) {
	d.missing = true
	left, width, height := x+g.x*perPoint+0.3, g.advance*perPoint-0.6, 0.7*size*perPoint
	d.pdf.SetLineWidth(0.2)
	d.pdf.Rect(left, d.y-height, width, height, "D")
	d.pdf.Line(left, d.y-height, left+width, d.y)
	d.pdf.Line(left, d.y, left+width, d.y-height)
}

// shape fills the outline of a glyph.
func (d *drawing) shape(g placed, size, x float64) {
	outline, drawn := g.face.GlyphDataOutline(g.id)
	if !drawn || len(outline.Segments) == 0 { // a space
		return
	}
	scale := size / float64(g.face.Upem())
	at := func(p font.SegmentPoint) (float64, float64) {
		return x + hundredth(g.x+float64(p.X)*scale)*perPoint, d.y - hundredth(g.y+float64(p.Y)*scale)*perPoint
	}
	var x0, y0 float64 // where the pen is
	for i, s := range outline.Segments {
		x1, y1 := at(s.Args[0])
		x2, y2 := at(s.Args[1])
		switch s.Op {
		case opentype.SegmentOpMoveTo:
			if i > 0 {
				d.pdf.ClosePath()
			}
			d.pdf.MoveTo(x1, y1)
		case opentype.SegmentOpLineTo:
			d.pdf.LineTo(x1, y1)
		case opentype.SegmentOpQuadTo: // PDF has cubic curves only
			d.pdf.CurveBezierCubicTo(x0+(x1-x0)*2/3, y0+(y1-y0)*2/3, x2+(x1-x2)*2/3, y2+(y1-y2)*2/3, x2, y2)
			x1, y1 = x2, y2
		case opentype.SegmentOpCubeTo:
			x3, y3 := at(s.Args[2])
			d.pdf.CurveBezierCubicTo(x1, y1, x2, y2, x3, y3)
			x1, y1 = x3, y3
		}
		x0, y0 = x1, y1
	}
	d.pdf.ClosePath()
	d.pdf.DrawPath("F")
}

// hundredth of a point is finer than any printer.
func hundredth(p float64) float64 { return math.Round(p*100) / 100 }
