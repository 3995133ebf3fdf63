// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouse-init/rouse/internal/diag"
	"github.com/rouse-init/rouse/internal/format/systemd"
)

func TestCondense(t *testing.T) {
	w := func(code, msg string) diag.Diagnostic {
		return diag.Diagnostic{Severity: diag.Warning, Code: code, Msg: msg}
	}
	few := diag.List{w(systemd.CodeInsecure, "PrivateTmp= is not supported: x"), w(systemd.CodeRefused, "no")}
	if rest, line := condense(few); line != "" || len(rest) != 2 {
		t.Errorf("few are condensed: %q, %v", line, rest)
	}
	many := few
	for range 6 {
		many = append(many, w(systemd.CodeInsecure, "ProtectHome= is not supported: y"))
	}
	many = append(many, w(systemd.CodeUnsupported, "Slice= is not supported: z"))
	rest, line := condense(many)
	want := `8 settings of units are not supported, so that some services are less confined: ProtectHome= (6) PrivateTmp= (1) Slice= (1); "rouse verify" names each`
	if d := cmp.Diff(want, line); d != "" || len(rest) != 1 || rest[0].Msg != "no" {
		t.Error(d, rest)
	}
}
