package files

import (
	"errors"
	"mime"
	"path"
	"slices"
	"strings"
)

// agrees tells whether name and declared type, where they say anything, say what the content is.
func (k format) agrees(f file) bool {
	if extension := extensionOf(f.name); extension != "" && !slices.Contains(k.extensions, extension) {
		return false
	}
	if f.declared == "" {
		return true
	}
	declared, _, err := mime.ParseMediaType(f.declared)
	if errors.Is(err, mime.ErrInvalidMediaParameter) { // a name with blanks and no quotes: the type is told all the same
		err = nil
	}
	return err == nil && (declared == k.ContentType || slices.Contains(k.aliases, declared) ||
		slices.Contains(anyType(), declared))
}

// anyType are declared types that say nothing.
func anyType() []string {
	return []string{"application/octet-stream", "binary/octet-stream", "application/unknown", "content/unknown", "image/*"}
}

// extensionOf returns the extension of a name, in small letters, when it says what kind of file that is. What stands
// behind the last point of "IMG.2026.11.28" or "证件.正面" says nothing of that kind.
func extensionOf(name string) string {
	extension := strings.ToLower(path.Ext(strings.TrimRight(name, " .")))
	ours := func(k format) bool { return slices.Contains(k.extensions, extension) }
	if slices.ContainsFunc(Formats(), ours) || strings.Contains(otherExtensions, extension+" ") {
		return extension
	}
	return ""
}

// otherExtensions say that a file is of a kind that we do not take: pictures, papers, archives, sound, films, programs.
const otherExtensions = ".gif .webp .heic .heif .avif .bmp .dib .tif .tiff .svg .ico .jp2 .jxl .psd .raw .dng " +
	".doc .docx .xls .xlsx .ppt .pptx .wps .odt .rtf .txt .csv .ofd .ps .eps .htm .html .xml .json .md " +
	".zip .rar .7z .gz .tar .mp3 .wav .mp4 .mov .avi .mkv .webm " +
	".exe .dll .com .bat .cmd .msi .scr .ps1 .sh .js .vbs .jar .php .py .apk .app .iso .lnk "
