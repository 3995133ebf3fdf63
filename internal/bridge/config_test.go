// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestIdleAfter: as systemd-socket-proxyd --exit-idle-time=0 it ends with its last
// connection, and not before the first.
func TestIdleAfter(t *testing.T) {
	b, err := New(Config{Listen: []string{"127.0.0.1:0"}, To: []string{serving(t, "tcp", "", echo)}, Idle: 1, IdleAfter: true, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- b.Run() }()
	c := dial(t, b)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		t.Fatalf("it ended with a connection: %v", err)
	default:
	}
	c.Close()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("it did not end with its last connection")
	}
}

// TestDatagramOptions: what is for connections does not go with datagrams.
func TestDatagramOptions(t *testing.T) {
	for want, c := range map[string]Config{
		"--send-proxy": {SendProxy: HeaderV1}, "--accept-proxy": {AcceptProxy: true}, "--starting-page": {Page: true}, "": {},
	} {
		c.To = []string{"udp:127.0.0.1:1"}
		if err := c.Check(); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestFewFiles: a limit of open files that hardly fits anybody is told, once.
func TestFewFiles(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", `ulimit -n 80 && exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), "BRIDGE_TEST=1", "BRIDGE_LISTEN=127.0.0.1:0", "BRIDGE_TO=127.0.0.1:1", "BRIDGE_IDLE=1ms")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "room for 8 connections at a time, as 80 files may be open") != 1 {
		t.Errorf("%v: %s", err, out)
	}
}
