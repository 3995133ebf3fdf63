// SPDX-License-Identifier: Apache-2.0

package show

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/rouse-init/rouse/internal/unit"
)

// Cat writes the files of a unit as systemctl cat does: each below a line
// with its path, drop-ins after the unit file, an empty line between them. A
// unit that exists without a file has only its drop-ins, or what it is made of.
func Cat(w io.Writer, u *unit.Unit) error {
	var paths []string
	switch {
	case u.Fragment != "":
		paths = append(paths, u.Fragment)
	case u.SourcePath != "":
		paths = append(paths, u.SourcePath)
	}
	paths = append(paths, u.DropIns...)
	for i, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			return fmt.Errorf("cannot show %s: %w", u.Name, err)
		}
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
			text = append(text, '\n')
		}
		if _, err := fmt.Fprintf(w, "# %s\n%s", p, text); err != nil {
			return err
		}
	}
	return nil
}
