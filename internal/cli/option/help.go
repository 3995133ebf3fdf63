// SPDX-License-Identifier: Apache-2.0

package option

import (
	"fmt"
	"io"
	"strings"
)

// The columns of help texts.
const (
	nameColumn = 30
	helpWidth  = 80
)

// Help prints the options.
func Help(w io.Writer, options []Option) {
	_, _ = fmt.Fprintf(w, "\nOptions:\n")
	for _, o := range options {
		label := "      --" + o.Long
		switch {
		case o.Short != 0 && o.Long == "":
			label = fmt.Sprintf("  -%c", o.Short)
		case o.Short != 0:
			label = fmt.Sprintf("  -%c, --%s", o.Short, o.Long)
		}
		switch {
		case o.Arg != "" && o.Long == "":
			label += " " + o.Arg
		case o.Arg != "":
			label += "=" + o.Arg
		}
		Row(w, label, o.Help)
	}
}

// Row prints a name and what it means, wrapped, in two columns.
func Row(w io.Writer, label, text string) {
	line := fmt.Sprintf("%-*s", nameColumn-1, label)
	if len(line) >= nameColumn {
		_, _ = fmt.Fprintf(w, "%s\n", line)
		line = strings.Repeat(" ", nameColumn-1)
	}
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > helpWidth {
			_, _ = fmt.Fprintf(w, "%s\n", line)
			line = strings.Repeat(" ", nameColumn+1)
		}
		line += " " + word
	}
	_, _ = fmt.Fprintf(w, "%s\n", line)
}
