// SPDX-License-Identifier: Apache-2.0

package launchctl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/format/launchd/plist"
)

// list prints the table of all jobs, or what is known of one.
func (r *run) list(args []string) error {
	xml := len(args) > 0 && args[0] == "-x"
	if xml {
		args = args[1:]
	}
	switch {
	case len(args) > 1 || xml && len(args) == 0:
		return errUsage
	case len(args) == 0:
		jobs, err := r.jobs()
		if err != nil {
			return err
		}
		fmt.Fprintf(r.Out, "PID\tStatus\tLabel\n")
		for _, j := range jobs {
			pid := "-"
			if j.pid != 0 {
				pid = strconv.FormatUint(j.pid, 10)
			}
			fmt.Fprintf(r.Out, "%s\t%s\t%s\n", pid, j.column(), j.label)
		}
		return nil
	}
	j, err := r.lookUp(args[0])
	if err != nil {
		return errors.New("launchctl list returned unknown response")
	}
	v := r.describe(j)
	if xml {
		r.Out.WriteString(plist.XML(v)) //nolint:errcheck // the flush tells
		return nil
	}
	write(r.Out.WriteString, v, "")
	r.Out.WriteString(";\n") //nolint:errcheck // the flush tells
	return nil
}

// lookUp finds a job by its label, those of inetd too.
func (r *run) lookUp(label string) (job, error) {
	j, err := r.find(label)
	if err != nil || j.known {
		return j, err
	}
	all, err := r.jobs()
	if err != nil {
		return j, err
	}
	for _, other := range all {
		if other.label == label {
			return other, nil
		}
	}
	return j, fmt.Errorf("Could not find service %q", label)
}

// describe is the dictionary that launchd answers with, in its order.
func (r *run) describe(j job) *plist.Value {
	v := &plist.Value{Kind: plist.Dict}
	add := func(key string, item *plist.Value) {
		if item != nil {
			v.Entries = append(v.Entries, plist.Entry{Key: key, Value: item})
		}
	}
	number := func(n int64) *plist.Value { return &plist.Value{Kind: plist.Integer, Int: n} }
	session := "System"
	if r.UID != 0 {
		session = "Background"
	}
	file := root(j.path)
	if file == nil {
		file = &plist.Value{Kind: plist.Dict}
	}
	onDemand := true
	if p := r.read(j.path); p != nil {
		for _, name := range p.Load {
			onDemand = onDemand && name != p.Service()
		}
	}
	add("Label", &plist.Value{Text: j.label})
	add("LimitLoadToSessionType", &plist.Value{Text: session})
	add("OnDemand", &plist.Value{Kind: plist.Bool, Bool: onDemand})
	add("LastExitStatus", number(j.status))
	if j.pid != 0 {
		add("PID", number(int64(j.pid)))
	}
	timeOut := file.Get("TimeOut")
	if timeOut == nil || timeOut.Kind != plist.Integer {
		timeOut = number(30)
	}
	add("TimeOut", timeOut)
	for _, key := range []string{"Program", "StandardOutPath", "StandardErrorPath", "ProgramArguments"} {
		add(key, file.Get(key))
	}
	if sockets := file.Get("Sockets"); sockets != nil && sockets.Kind == plist.Dict {
		held := &plist.Value{Kind: plist.Dict}
		for _, e := range sockets.Entries {
			n := 1
			if e.Value.Kind == plist.Array {
				n = len(e.Value.Items)
			}
			list := &plist.Value{Kind: plist.Array}
			for range n {
				list.Items = append(list.Items, &plist.Value{Text: descriptor})
			}
			held.Entries = append(held.Entries, plist.Entry{Key: e.Key, Value: list})
		}
		add("Sockets", held)
	}
	return v
}

// descriptor stands for a socket.
const descriptor = "file-descriptor-object"

// write prints a value in the manner of old property lists.
func write(out func(string) (int, error), v *plist.Value, indent string) {
	print := func(s string) { _, _ = out(s) } // the flush tells
	switch v.Kind {
	case plist.Dict:
		print("{\n")
		for _, e := range v.Entries {
			print(indent + "\t" + quote(e.Key) + " = ")
			write(out, e.Value, indent+"\t")
			print(";\n")
		}
		print(indent + "}")
	case plist.Array:
		print("(\n")
		for _, item := range v.Items {
			print(indent + "\t")
			write(out, item, indent+"\t")
			print(";\n")
		}
		print(indent + ")")
	case plist.Integer:
		print(strconv.FormatInt(v.Int, 10))
	case plist.Bool:
		print(strconv.FormatBool(v.Bool))
	case plist.String:
		if v.Text == descriptor {
			print(descriptor)
			return
		}
		print(quote(v.Text))
	case plist.Real, plist.Date, plist.Data:
		print("<" + v.Kind.String() + ">")
	}
}

func quote(s string) string {
	return `"` + strings.NewReplacer("\n", `\n`, "\x1b", `\033`).Replace(s) + `"`
}
