// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/rouse-init/rouse/internal/unit"
)

const (
	logInstead = "the service's lines are kept as they come"
	ttyInstead = "the terminal keeps its size"
)

func stdioTable() []Directive {
	flag := func(f func(*unit.Exec) *bool) value { return boolean(func(b *build) *bool { return f(&b.exec) }) }
	levels := isOneOf("emerg alert crit err warning notice info debug 0 1 2 3 4 5 6 7")
	return execEntries([]Directive{
		key(inExec, "StandardInput", value{
			"null, tty, tty-force, tty-fail, data, file:PATH, socket or fd:NAME",
			func(b *build, v string) error { return b.stdin(v) },
		}),
		key(inExec, "StandardOutput", value{outputWords, func(b *build, v string) error {
			return b.output(&b.exec.Stdout, v, "stdout")
		}}),
		key(inExec, "StandardError", value{outputWords, func(b *build, v string) error {
			return b.output(&b.exec.Stderr, v, "stderr")
		}}),
		key(inExec, "StandardInputText", value{"string", setInputText}),
		key(inExec, "StandardInputData", value{"base64", setInputData}),
		key(inExec, "TTYPath", path(func(b *build) *string { return &b.exec.TTYPath })),
		key(inExec, "TTYReset", flag(func(e *unit.Exec) *bool { return &e.TTYReset })),
		key(inExec, "TTYVHangup", flag(func(e *unit.Exec) *bool { return &e.TTYVHangup })),
		notYet(inExec, "TTYVTDisallocate", isBool, "the virtual terminal is not cleared"),
		notYet(inExec, "TTYRows", isInt(0, 65535), ttyInstead),
		notYet(inExec, "TTYColumns", isInt(0, 65535), ttyInstead),
		key(inExec, "SyslogIdentifier", text(func(b *build) *string { return &b.exec.SyslogIdentifier })),
		notYet(inExec, "SyslogFacility", isOneOf("kern user mail daemon auth syslog lpr news uucp cron authpriv ftp "+
			"local0 local1 local2 local3 local4 local5 local6 local7 0 1 2 3 4 5 6 7 8 9 10 11 16 17 18 19 20 21 22 23"), logInstead),
		notYet(inExec, "SyslogLevel", levels, logInstead),
		notYet(inExec, "SyslogLevelPrefix", isBool, logInstead),
		notYet(inExec, "LogLevelMax", value{levels.name, func(b *build, v string) error {
			if v == "" {
				return nil
			}
			return levels.set(b, v)
		}}, "lines of every level are kept"),
		notYet(inExec, "LogRateLimitIntervalSec", isSpan, "lines are kept at any rate"),
		notYet(inExec, "LogRateLimitBurst", isInt(0, 1<<32-1), "lines are kept at any rate"),
		notYet(inExec, "LogExtraFields", isWords, logInstead),
		notYet(inExec, "LogFilterPatterns", isNoise, "every line is kept"),
		notYet(inExec, "LogNamespace", isNoise, logInstead),
	})
}

const outputWords = "inherit, null, tty, journal, kmsg, journal+console, kmsg+console, file:PATH, append:PATH, truncate:PATH, socket or fd:NAME"

var (
	errOutput = errors.New("expected " + outputWords)
	errInput  = errors.New("expected null, tty, tty-force, tty-fail, data, file:PATH, socket or fd:NAME")
)

func (b *build) stdin(v string) error {
	var s unit.Stdio
	switch v {
	case "null":
		s.Kind = unit.StdioDefault
	case "tty":
		s.Kind = unit.StdioTTY
	case "tty-force":
		s.Kind = unit.StdioTTYForce
	case "tty-fail":
		s.Kind = unit.StdioTTYFail
	case "data":
		s.Kind = unit.StdioData
	case "socket":
		s.Kind = unit.StdioSocket
	default:
		var err error
		s, err = b.stdioArg(v, "stdin")
		if err != nil {
			return err
		}
		if s.Kind == unit.StdioAppend || s.Kind == unit.StdioTruncate || s.Kind == unit.StdioDefault {
			return errInput
		}
	}
	b.exec.Stdin = s
	return nil
}

func (b *build) output(place *unit.Stdio, v, name string) error {
	var s unit.Stdio
	switch v {
	case "inherit":
		s.Kind = unit.StdioInherit
	case "null":
		s.Kind = unit.StdioNull
	case "tty":
		s.Kind = unit.StdioTTY
	case "journal":
		s.Kind = unit.StdioJournal
	case "kmsg":
		s.Kind = unit.StdioKmsg
	case "journal+console":
		s.Kind = unit.StdioJournalConsole
	case "kmsg+console":
		s.Kind = unit.StdioKmsgConsole
	case "socket":
		s.Kind = unit.StdioSocket
	case "syslog", "syslog+console":
		to := strings.Replace(v, "syslog", "journal", 1)
		b.warn(CodeObsolete, b.a.Key+"="+v+" is obsolete, using "+to+" instead", "write "+b.a.Key+"="+to)
		s.Kind = unit.StdioJournal
		if to != "journal" {
			s.Kind = unit.StdioJournalConsole
		}
	default:
		var err error
		if s, err = b.stdioArg(v, name); err != nil {
			return err
		}
		if s.Kind == unit.StdioDefault {
			return errOutput
		}
	}
	*place = s
	return nil
}

// stdioArg reads the forms with a colon; StdioDefault means none of them.
func (b *build) stdioArg(v, name string) (unit.Stdio, error) {
	kind, arg, _ := strings.Cut(v, ":")
	s := unit.Stdio{}
	switch kind {
	case "fd":
		s.Kind = unit.StdioFD
	case "file":
		s.Kind = unit.StdioFile
	case "append":
		s.Kind = unit.StdioAppend
	case "truncate":
		s.Kind = unit.StdioTruncate
	default:
		return s, nil
	}
	arg, err := b.expand(arg)
	if err != nil {
		return s, err
	}
	if s.Kind == unit.StdioFD {
		s.Arg = either(arg, name)
		if !validFDName(s.Arg) {
			return s, errFDName
		}
		return s, nil
	}
	s.Arg, err = cleanPath(arg)
	return s, err
}

// setInputText adds a line to the data on standard input.
func setInputText(b *build, v string) error {
	if v == "" {
		b.exec.StdinData = nil
		return nil
	}
	var out strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' || i+1 == len(v) {
			out.WriteByte(v[i])
			continue
		}
		n := cEscape(&out, v[i+1:])
		if n == 0 {
			return errors.New("unknown escape sequence")
		}
		i += n
	}
	s, err := b.expand(out.String())
	if err == nil {
		b.exec.StdinData = append(append(b.exec.StdinData, s...), '\n')
	}
	return err
}

func setInputData(b *build, v string) error {
	if v == "" {
		b.exec.StdinData = nil
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(v), ""))
	if err != nil {
		return errors.New("expected base64")
	}
	b.exec.StdinData = append(b.exec.StdinData, data...)
	return nil
}
