// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestOnArguments: whatever the arguments of `rouse on` hold, the command
// gets them, and none of them becomes a directive.
func TestOnArguments(t *testing.T) {
	dir := t.TempDir()
	port, mark, got := freePort(t), filepath.Join(dir, "injected"), filepath.Join(dir, "got")
	evil := "x\n[Service]\nExecStartPre=/bin/touch " + mark + "\n#"
	args := []string{evil, "\xff", "%h", "$HOME", ";", ""}
	script := `shift; printf '%s|' "$@" > ` + got + `.new; mv ` + got + `.new ` + got + `; exec cat`
	sh := needProgram(t, "sh", "/bin/sh")
	p := start(t, append([]string{"on", "--accept", fmt.Sprintf("127.0.0.1:%d", port), "--", sh, "-c", script, "sh", "-"}, args...)...)
	p.awaitLine("ready")
	if line, err := ask("tcp", fmt.Sprintf("127.0.0.1:%d", port), "hello"); err != nil || !strings.Contains(line, "hello") {
		t.Fatalf("the command answers %q, %v", line, err)
	}
	text, err := os.ReadFile(got)
	if want := strings.Join(args, "|") + "|"; err != nil || string(text) != want {
		t.Errorf("the command was given %q, want %q (%v)", text, want, err)
	}
	if _, err := os.Lstat(mark); err == nil {
		t.Error("an argument was carried out as a directive")
	}
}

// TestOnTakenPort: an address that is taken ends it, as it has nothing else to do.
func TestOnTakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.Command(rouse, "on", l.Addr().String(), "--", needProgram(t, "cat", "cat"))
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "address already in use") || strings.Contains(string(out), "rouse: ready") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestUpUnit: --unit takes the names that the clients take.
func TestUpUnit(t *testing.T) {
	p := up(t, map[string]string{"one.service": "[Service]\nExecStart=" + needProgram(t, "sleep", "sleep") + " 1000\n"}, "--unit", "one")
	p.awaitLine("ready")
	p.await("one.service", "ActiveState", "active")
}

// TestInitInUserNamespace: root of a user namespace, to whom /run does not
// belong, has its manager below XDG_RUNTIME_DIR, and clients find it there.
func TestInitInUserNamespace(t *testing.T) {
	unshare := needProgram(t, "unshare", "unshare")
	base, err := os.MkdirTemp("/tmp", "rouse-ns-") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	script := `"$0" init --unit-path "$XDG_RUNTIME_DIR/units" &
i=0
until [ "$("$0" is-system-running)" = running ] || [ $i -ge 2000 ]; do i=$((i+1)); "$0" is-system-running --wait >/dev/null; done
"$0" is-active default.target; ls "$XDG_RUNTIME_DIR/rouse/private"
kill $!; wait $!`
	cmd := exec.Command(unshare, "-Urpf", "--mount-proc", "/bin/sh", "-c", script, rouse)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+base, "ROUSE_SOCKET=")
	if os.Getuid() == 0 {
		const somebody = 65533
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: somebody, Gid: somebody}}
		if err := os.Chown(base, somebody, somebody); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(base, "units"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(base, "units", "default.target"), []byte("[Unit]\nDescription=all\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	probe := exec.Command(unshare, "-Urpf", "--mount-proc", "true")
	probe.SysProcAttr = cmd.SysProcAttr
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("needs user namespaces: %s", bytes.TrimSpace(out))
	}
	cmd.WaitDelay = 20 * time.Second
	out, err := cmd.CombinedOutput()
	if want := "active\n" + base + "/rouse/private\n"; !strings.Contains(string(out), want) {
		t.Errorf("%v\n%s", err, out)
	}
}
