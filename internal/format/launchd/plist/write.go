// SPDX-License-Identifier: Apache-2.0

package plist

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// header is what every property list of XML begins with.
const header = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
`

// XML writes a value as a property list, indented with tabs as plutil does.
func XML(v *Value) string {
	var b strings.Builder
	b.WriteString(header)
	write(&b, v, "")
	b.WriteString("</plist>\n")
	return b.String()
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func write(b *strings.Builder, v *Value, indent string) {
	element := func(name, text string) {
		b.WriteString(indent + "<" + name + ">" + escaper.Replace(text) + "</" + name + ">\n")
	}
	switch v.Kind {
	case String:
		element("string", v.Text)
	case Integer:
		element("integer", strconv.FormatInt(v.Int, 10))
	case Real:
		element("real", strconv.FormatFloat(v.Real, 'g', -1, 64))
	case Bool:
		b.WriteString(indent + "<" + strconv.FormatBool(v.Bool) + "/>\n")
	case Date:
		element("date", v.Time.UTC().Format("2006-01-02T15:04:05Z"))
	case Data:
		element("data", base64.StdEncoding.EncodeToString(v.Data))
	case Array:
		b.WriteString(indent + "<array>\n")
		for _, item := range v.Items {
			write(b, item, indent+"\t")
		}
		b.WriteString(indent + "</array>\n")
	case Dict:
		b.WriteString(indent + "<dict>\n")
		for _, e := range v.Entries {
			b.WriteString(indent + "\t<key>" + escaper.Replace(e.Key) + "</key>\n")
			write(b, e.Value, indent+"\t")
		}
		b.WriteString(indent + "</dict>\n")
	}
}
