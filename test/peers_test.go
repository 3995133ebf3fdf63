// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// onDemand runs a program by `rouse on`, asks it, waits until it sleeps, and
// asks it again.
func onDemand(t *testing.T, address string, ask func() error, args ...string) {
	t.Helper()
	p := start(t, append([]string{"on", address, "--idle", "300ms", "--"}, args...)...)
	p.awaitLine("rouse: ready")
	unit := filepath.Base(args[0]) + ".service"
	if got := p.property(unit, "ActiveState"); got != "inactive" {
		t.Errorf("%s is %s before anybody asked", unit, got)
	}
	for round := range 2 {
		if err := ask(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if got := p.property(unit, "MainPID"); got == "0" {
			t.Errorf("round %d: nothing runs", round)
		}
		p.await(unit, "ActiveState", "inactive")
		if got := p.property(unit, "MainPID"); got != "0" {
			t.Errorf("round %d: process %s is left", round, got)
		}
	}
}

// get fetches a page over a connection of its own.
func get(url, want string) func() error {
	return func() error {
		c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
		r, err := c.Get(url)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err == nil && !strings.Contains(string(b), want) {
			err = fmt.Errorf("the page is %q", b)
		}
		return err
	}
}

func TestPython(t *testing.T) {
	python := needProgram(t, "python", "python3")
	port := strconv.Itoa(freePort(t))
	onDemand(t, "127.0.0.1:"+port, get("http://127.0.0.1:"+port+"/", "Directory listing"), python, "-m", "http.server", port, "--bind", "127.0.0.1")
}

func TestNode(t *testing.T) {
	node := needProgram(t, "node", "node")
	port := strconv.Itoa(freePort(t))
	script := fmt.Sprintf("require('http').createServer((q,r)=>r.end('from node')).listen(%s,'127.0.0.1')", port)
	onDemand(t, "127.0.0.1:"+port, get("http://127.0.0.1:"+port+"/", "from node"), node, "-e", script)
}

func TestNginx(t *testing.T) {
	nginx := needProgram(t, "nginx", "nginx")
	port, dir := strconv.Itoa(freePort(t)), t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf("pid %[1]s/pid; error_log stderr; events {} http { access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e; server { listen 127.0.0.1:%[2]s; return 200 'from nginx'; } }", dir, port)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	onDemand(t, "127.0.0.1:"+port, get("http://127.0.0.1:"+port+"/", "from nginx"), nginx, "-c", conf, "-g", "daemon off;")
}

func TestRedis(t *testing.T) {
	redis := needProgram(t, "redis", "redis-server")
	port := strconv.Itoa(freePort(t))
	ping := func() error {
		answer, err := ask("tcp", "127.0.0.1:"+port, "PING\r")
		if err == nil && answer != "+PONG" {
			err = fmt.Errorf("the answer is %q", answer)
		}
		return err
	}
	onDemand(t, "127.0.0.1:"+port, ping, redis, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
}

// TestStaticGo is a static program that binds by itself.
func TestStaticGo(t *testing.T) {
	port := strconv.Itoa(freePort(t))
	who := func() error {
		_, err := ask("tcp", "127.0.0.1:"+port, "who")
		return err
	}
	onDemand(t, "127.0.0.1:"+port, who, append(strings.Fields(self(t, "bind")), "127.0.0.1:"+port)...)
}

// TestPostgres is behind its own unix socket, which it unlinks before it
// binds and changes the mode of after.
func TestPostgres(t *testing.T) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	need(t, "postgres", err == nil && len(found) > 0 && os.Getuid() == 0, "PostgreSQL is not installed, or this is not root")
	who, err := user.Lookup("postgres")
	need(t, "postgres", err == nil, "there is no user postgres")
	dir, err := os.MkdirTemp("", "pg") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	uid, _ := strconv.Atoi(who.Uid)
	if err := os.Chown(dir, uid, -1); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Dir(found[0])
	data := filepath.Join(dir, "data")
	initdb := exec.Command("setpriv", "--reuid", who.Uid, "--clear-groups", filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "--no-sync")
	initdb.Dir = dir
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	sock := filepath.Join(dir, ".s.PGSQL.5432")
	p := up(t, map[string]string{
		"pg.socket": "[Socket]\nListenStream=" + sock + "\nSocketUser=postgres\nX-Handover=bind\nX-IdleSec=1s\n",
		"pg.service": fmt.Sprintf("[Service]\nType=notify\nX-Readiness=hold\nUser=postgres\nKillSignal=SIGINT\nWorkingDirectory=%s\nExecStart=%s -D %s -c listen_addresses= -c unix_socket_directories=%s\n",
			dir, found[0], data, dir),
	})
	for round := range 2 {
		out, err := exec.Command("psql", "-h", dir, "-U", "postgres", "-Atc", "select 6*7").CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "42" {
			t.Fatalf("round %d: %v: %s", round, err, out)
		}
		p.await("pg.service", "ActiveState", "inactive")
	}
}
