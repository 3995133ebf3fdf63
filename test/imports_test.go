// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/rouse-init/rouse/"

// rules say what a package must not import, and why.
var rules = []struct {
	pkg, not, why string
}{
	{"internal/engine", "os", "the engine is pure: facts in, orders out"},
	{"internal/engine", "net", "the engine is pure: facts in, orders out"},
	{"internal/engine", "syscall", "the engine is pure: facts in, orders out"},
	{"internal/engine", "golang.org/x/sys/unix", "the engine is pure: facts in, orders out"},
	{"internal/engine", "log", "the engine is pure: it emits Record"},
	{"internal/engine", module + "internal/linux", "the manager alone sees both sides"},
	{"internal/engine", module + "internal/format", "the engine knows unit only"},
	{"internal/engine", module + "internal/load", "the engine knows unit only"},
	{"internal/unit", "os", "the model is plain data"},
	{"internal/unit", module + "internal/engine", "the model is below everything"},
	{"internal/diag", module, "diag is below everything"},
	{"internal/format", module + "internal/engine", "formats know unit"},
	{"internal/format", module + "internal/linux", "formats read text"},
	{"internal/format", "os/exec", "a format starts nothing"},
	{"internal/load", module + "internal/engine", "load gathers units, the engine decides"},
	{"internal/load", module + "internal/manager", "load is below the manager"},
	{"internal/linux", module + "internal/engine", "adapters know neither engine nor formats"},
	{"internal/linux", module + "internal/format", "adapters know neither engine nor formats"},
	{"internal/linux", module + "internal/load", "adapters know neither engine nor formats"},
	{"internal/guardian", module + "internal/manager", "the guardian must not fail: it decides nothing"},
	{"internal/guardian", module + "internal/engine", "the guardian must not fail: it decides nothing"},
	{"internal/guardian", module + "internal/format", "the guardian parses no configuration"},
	{"internal/guardian", "github.com/godbus", "the guardian speaks no bus protocol"},
	{"internal/guardian", "os/exec", "os/exec waits for its own children and fights the reaper"},
	{"internal/manager", "os/exec", "os/exec waits for its own children and fights the reaper"},
	{"internal/manager", "net/http", "PID 1 stays small"},
	{"internal/bus", module + "internal/manager", "the bus sees the manager as a Backend"},
	{"internal/source", module + "internal/engine", "sources tell of the machine, the engine decides"},
	{"internal/source", module + "internal/manager", "sources are below the manager"},
	{"internal/source", module + "internal/format", "sources know no format"},
	{"internal/calendar", module + "internal", "calendar is pure: text and time"},
	{"internal/calendar", "golang.org/x/sys/unix", "calendar is pure: text and time"},
	{"internal/convert", module + "internal/engine", "convert is text to text"},
	{"internal/convert", module + "internal/linux", "convert is text to text"},
	{"internal/convert", module + "internal/manager", "convert is text to text"},
	{"internal/builtin", module + "internal/engine", "a builtin is a service like any other"},
	{"internal/builtin", module + "internal/manager", "a builtin is a service like any other"},
	{"internal/bridge", module + "internal/engine", "the bridge is a service like any other"},
	{"internal/bridge", module + "internal/manager", "the bridge is a service like any other"},
	{"internal/manager", module + "internal/bridge", "the bridge is a service like any other"},
	{"cmd/rouse", "net/http", "one static binary, and PID 1 is it: HTTP lives elsewhere"},
}

// TestImports keeps the map of packages in ARCHITECTURE.md true.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		for _, r := range rules {
			if !within(pkg, r.pkg) || strings.HasPrefix(pkg, r.pkg+"/sim") {
				continue
			}
			for _, imp := range fields[1:] {
				if within(imp, r.not) && !within(imp, module+r.pkg) {
					t.Errorf("%s imports %s, but %s", pkg, imp, r.why)
				}
			}
		}
	}
}

// within tells whether path is root or below it.
func within(path, root string) bool {
	return path == root || strings.HasPrefix(path, strings.TrimSuffix(root, "/")+"/")
}

// TestPackageDocs: every package says in its comment what it does and what it may import.
func TestPackageDocs(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}|{{.Doc}}|{{len .GoFiles}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		f := strings.Split(line, "|")
		if len(f) == 3 && f[1] == "" && f[2] != "0" {
			t.Errorf("%s has no package comment", f[0])
		}
	}
}
