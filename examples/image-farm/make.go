// SPDX-License-Identifier: Apache-2.0

package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed units images
var files embed.FS

// kind is one kind of image server.
type kind struct {
	name, what string
	count      int    // how many there are where nobody says
	program    string // what it needs, "" for nothing
	build      func(f *farm, program string) error
}

var kinds = []kind{
	{"sbcl", "SBCL (Debian: sbcl)", 500, "sbcl", func(f *farm, program string) error {
		return command(program, "--non-interactive", "--no-sysinit", "--no-userinit",
			"--load", f.image("server.lisp"), "--end-toplevel-options", f.image("sbcl-server"))
	}},
	{"pharo", "a stand-in for a Smalltalk VM", 0, "go", func(f *farm, program string) error {
		return command(program, "build", "-o", f.image("pharo"), "github.com/rouse-init/rouse/examples/image-farm/vm")
	}},
	{"node", "node", 0, "node", func(*farm, string) error { return nil }},
	{"jvm", "a Java virtual machine", 0, "javac", func(f *farm, program string) error {
		return command(program, "-d", filepath.Join(f.dir, "images"), f.image("Server.java"))
	}},
}

// farm is what make makes.
type farm struct {
	dir                 string
	port                int
	counts              map[string]*int
	idle, reclaim, stop time.Duration
	awake               int
}

// plan is what make tells walk.
type plan struct {
	Servers []server      `json:"servers"`
	Reclaim time.Duration `json:"reclaim"` // X-IdleReclaimSec=
	Stop    time.Duration `json:"stop"`    // X-IdleStopSec=
}

// server is one image server.
type server struct {
	Kind string `json:"kind"`
	Port int    `json:"port"`
	// Awake is the most of its kind that may be awake at once.
	Awake int `json:"awake"`
}

func (s *server) unit() string { return fmt.Sprintf("%s@%d.service", s.Kind, s.Port) }

const planFile = "plan.json"

func (f *farm) image(name string) string { return filepath.Join(f.dir, "images", name) }

func (f *farm) build() error {
	for _, sub := range []string{"units", "images"} {
		if err := os.RemoveAll(filepath.Join(f.dir, sub)); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(f.dir, sub), 0o755); err != nil {
			return err
		}
	}
	if err := f.copyAll("images"); err != nil {
		return err
	}
	p := plan{Reclaim: f.reclaim, Stop: f.stop}
	wants := "[Unit]\nDescription=The image farm\n"
	for _, k := range kinds {
		n := *f.counts[k.name]
		if n == 0 {
			continue
		}
		program, err := exec.LookPath(k.program)
		if err != nil {
			return fmt.Errorf("%s cannot be had: %w; give -%s 0 to do without", k.what, err, k.name)
		}
		if err := k.build(f, program); err != nil {
			return err
		}
		if err := f.units(k.name); err != nil {
			return err
		}
		for range n {
			s := server{k.name, f.port + len(p.Servers), f.awake}
			p.Servers = append(p.Servers, s)
			wants += fmt.Sprintf("Wants=%s@%d.socket\n", s.Kind, s.Port)
		}
		fmt.Printf("%d images of %s\n", n, k.what)
	}
	if err := f.write("units/default.target", wants); err != nil {
		return err
	}
	list, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return f.write(planFile, string(list))
}

// units writes the template, the socket and the slice of a kind.
func (f *farm) units(name string) error {
	for _, file := range []string{name + "@.socket", name + "@.service"} {
		text, err := files.ReadFile("units/" + file)
		if err != nil {
			return err
		}
		if err := f.write("units/"+file, f.fill(string(text))); err != nil {
			return err
		}
	}
	return f.write("units/system-"+name+".slice", fmt.Sprintf("[Slice]\nX-RunningMax=%d\n", f.awake))
}

// fill puts in what only this machine knows, and the times.
func (f *farm) fill(text string) string {
	return strings.NewReplacer(
		"@FARM@", f.dir, "@IDLE@", seconds(f.idle), "@RECLAIM@", seconds(f.reclaim), "@STOP@", seconds(f.stop),
		"@NODE@", programPath("node"), "@JAVA@", programPath("java"),
	).Replace(text)
}

// seconds prints a duration as unit files have it.
func seconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }

func programPath(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return name // the unit is not written, or its start says so
	}
	return path
}

func (f *farm) copyAll(dir string) error {
	entries, err := files.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := files.ReadFile(dir + "/" + e.Name())
		if err != nil {
			return err
		}
		if err := f.write(dir+"/"+e.Name(), string(text)); err != nil {
			return err
		}
	}
	return nil
}

func (f *farm) write(name, text string) error {
	return os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o644)
}

// command runs a program and shows what it said only where it fails.
func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, out)
	}
	return nil
}
