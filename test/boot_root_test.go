// SPDX-License-Identifier: Apache-2.0

package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// copyProgram copies a program and the libraries that it needs.
func copyProgram(t *testing.T, root, program, as string) {
	t.Helper()
	copyFile(t, program, filepath.Join(root, as))
	out, err := exec.Command(needProgram(t, "ldd", "ldd"), program).Output()
	if err != nil {
		return // it is static
	}
	for field := range strings.FieldsSeq(string(out)) {
		if _, err := os.Stat(filepath.Join(root, field)); strings.HasPrefix(field, "/") && err != nil {
			noError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, field)), 0o755))
			copyFile(t, field, filepath.Join(root, field))
		}
	}
}

// copyFile copies a program. Another process writes it: what a story beside this
// one starts would hold our descriptor for a moment, and who has a file open
// for writing keeps it from being executed (ETXTBSY).
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	out, err := exec.Command("cp", from, to).CombinedOutput()
	if err != nil {
		t.Fatalf("cp %s %s: %v: %s", from, to, err, out)
	}
}

// enterRoot is process 1 before it is rouse: it makes the root its own and
// executes the rest of args in it. An empty root only tries whether it may.
func enterRoot(args []string) int {
	if err := setUpRoot(args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if args[0] == "" {
		return 0
	}
	err := unix.Exec(args[2], args[2:], os.Environ())
	fmt.Fprintf(os.Stderr, "%s: %v\n", args[2], err)
	return 1
}

func setUpRoot(args []string) error {
	root := args[0]
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err != nil || root == "" {
		if err == nil {
			err = unix.Mount("proc", "/proc", "proc", 0, "")
		}
		return err
	}
	mounts := []struct{ from, to, kind string }{{root, "", ""}, {"proc", "/proc", "proc"}, {args[1], "/dev/console", ""}}
	for _, dev := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		mounts = append(mounts, struct{ from, to, kind string }{"/dev/" + dev, "/dev/" + dev, ""})
	}
	for _, m := range mounts {
		to, flags := root+m.to, uintptr(0)
		if m.kind == "" {
			flags = unix.MS_BIND
		}
		if strings.HasPrefix(m.to, "/dev/") {
			if err := os.WriteFile(to, nil, 0o600); err != nil {
				return err
			}
		}
		if err := unix.Mount(m.from, to, m.kind, flags, ""); err != nil {
			return fmt.Errorf("cannot mount %s: %w", m.to, err)
		}
	}
	if err := unix.PivotRoot(root, root+"/old"); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	return errors.Join(os.Chdir("/"), unix.Unmount("/old", unix.MNT_DETACH), unix.Sethostname([]byte("box")))
}
