// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/rouse-init/rouse/internal/diag"
)

// Finding is a diagnostic as `--output=json` prints it.
type Finding struct {
	File     string `json:"file"`
	Line     int32  `json:"line"`
	Column   int32  `json:"column"`
	Unit     string `json:"unit"`
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Fix      string `json:"fix"`
}

// JSON writes the findings as one array, each on a line of its own.
func (r Report) JSON(w io.Writer) error {
	out := make([]Finding, len(r.List))
	for i, d := range r.List {
		out[i] = finding(d)
	}
	if len(out) == 0 {
		_, err := io.WriteString(w, "[]\n")
		return err
	}
	for i := range out {
		text, err := json.Marshal(out[i])
		if err != nil {
			return err
		}
		head, tail := ",\n", ""
		if i == 0 {
			head = "["
		}
		if i == len(out)-1 {
			tail = "]\n"
		}
		if _, err := fmt.Fprintf(w, "%s%s%s", head, text, tail); err != nil {
			return err
		}
	}
	return nil
}

func finding(d diag.Diagnostic) Finding {
	return Finding{
		File: d.Pos.File, Line: d.Pos.Line, Column: d.Pos.Col, Unit: d.Unit,
		Severity: d.Severity.String(), Code: d.Code, Message: d.Msg, Fix: d.Fix,
	}
}

// Text writes the findings as a compiler does, one or two lines each.
func (r Report) Text(w io.Writer) error {
	for _, d := range r.List {
		if _, err := fmt.Fprintln(w, d.String()); err != nil {
			return err
		}
	}
	return nil
}
