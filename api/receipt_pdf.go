package api

import (
	"bytes"
	"fmt"
	"strings"

	"codeberg.org/go-pdf/fpdf"
)

// The page of a receipt: A5, in millimetres.
const (
	receiptMargin = 15.0
	receiptWidth  = 148.0 - 2*receiptMargin
	labelWidth    = 30.0
	lineHeight    = 6.5
	hanFont       = "han"
	latinFont     = "Helvetica" // every reader has it; fonts for Chinese often lack Latin
	noGlyph       = '〓'         // printers' mark for a character that is not there
)

// drawReceipt draws a receipt as PDF with the glyphs it needs.
func drawReceipt(font []byte, text receiptText) ([]byte, error) {
	pdf := fpdf.New("P", "mm", "A5", "")
	pdf.SetMargins(receiptMargin, receiptMargin, receiptMargin)
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetCatalogSort(true) // the same receipt is the same file
	pdf.SetCreationDate(text.at)
	pdf.SetModificationDate(text.at)
	pdf.SetTitle(text.title, true)
	pdf.AddUTF8FontFromBytes(hanFont, "", font)
	pdf.AddPage()
	d := &drawing{pdf: pdf, latin: pdf.UnicodeTranslatorFromDescriptor("")}
	d.centred(text.university, 13, 18)
	d.centred(text.title, 17, 29)
	d.rule(38)
	y := 48.0
	for _, row := range text.rows {
		d.write(row[0], 10, receiptMargin, y, 110)
		for _, line := range d.wrap(row[1], 11, receiptWidth-labelWidth) {
			d.write(line, 11, receiptMargin+labelWidth, y, 0)
			y += lineHeight
		}
		y += 3
	}
	d.rule(y)
	y += 7
	for _, line := range d.wrap(text.footer, 8.5, receiptWidth) {
		d.write(line, 8.5, receiptMargin, y, 110)
		y += 4.5
	}
	var out bytes.Buffer
	if err := pdf.Output(&out); err != nil {
		return nil, fmt.Errorf("draw a receipt: %w", err)
	}
	return out.Bytes(), nil
}

// drawing writes text of Latin and Chinese characters, each in its font.
type drawing struct {
	pdf   *fpdf.Fpdf
	latin func(string) string
}

// run is a piece of text in one font.
type run struct {
	font, text string
}

// runs splits a text by font. What neither font can have is marked, and control characters are left out.
func (d *drawing) runs(text string) (runs []run) {
	for _, r := range text {
		font := hanFont
		switch {
		case r < ' ' || r == 0x7f:
			continue
		case r <= 0xff:
			font = latinFont
		case r > 0xffff: // the library knows the first plane of Unicode only
			r = noGlyph
		}
		if n := len(runs); n > 0 && runs[n-1].font == font {
			runs[n-1].text += string(r)
			continue
		}
		runs = append(runs, run{font, string(r)})
	}
	for i := range runs {
		if runs[i].font == latinFont {
			runs[i].text = d.latin(runs[i].text)
		}
	}
	return runs
}

func (d *drawing) width(text string, size float64) (width float64) {
	for _, r := range d.runs(text) {
		d.pdf.SetFont(r.font, "", size)
		width += d.pdf.GetStringWidth(r.text)
	}
	return width
}

// write writes a line at its baseline, in a shade of grey.
func (d *drawing) write(text string, size, x, y float64, grey int) {
	d.pdf.SetTextColor(grey, grey, grey)
	for _, r := range d.runs(text) {
		d.pdf.SetFont(r.font, "", size)
		d.pdf.Text(x, y, r.text)
		x += d.pdf.GetStringWidth(r.text)
	}
}

func (d *drawing) centred(text string, size, y float64) {
	d.write(text, size, receiptMargin+(receiptWidth-d.width(text, size))/2, y, 0)
}

func (d *drawing) rule(y float64) {
	d.pdf.SetDrawColor(160, 160, 160)
	d.pdf.SetLineWidth(0.2)
	d.pdf.Line(receiptMargin, y, receiptMargin+receiptWidth, y)
}

// wrap breaks a text into lines: between words where there are any, and anywhere in Chinese.
func (d *drawing) wrap(text string, size, width float64) (lines []string) {
	line := ""
	for _, piece := range pieces(text) {
		if line != "" && d.width(line+strings.TrimRight(piece, " "), size) > width {
			lines = append(lines, strings.TrimRight(line, " "))
			line = strings.TrimLeft(piece, " ")
			continue
		}
		line += piece
	}
	return append(lines, strings.TrimRight(line, " "))
}

// pieces are what may not be broken: a word with the space after it, a Chinese character with the mark after it.
func pieces(text string) (pieces []string) {
	for _, r := range text {
		n := len(pieces)
		glued := n > 0 && (strings.ContainsRune("，。；：！？、）”", r) || r <= 0xff && !endsPiece(pieces[n-1]))
		if glued {
			pieces[n-1] += string(r)
			continue
		}
		pieces = append(pieces, string(r))
	}
	return pieces
}

// endsPiece tells whether a line may be broken behind a piece.
func endsPiece(piece string) bool {
	runes := []rune(piece)
	lastRune := runes[len(runes)-1]
	return lastRune == ' ' || lastRune > 0xff
}
