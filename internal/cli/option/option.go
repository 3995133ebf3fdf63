// SPDX-License-Identifier: Apache-2.0

// Package option parses command lines as the tools of Upstart do: options
// anywhere among the words, short ones in bundles, long ones never cut short.
// The messages are known to scripts and to people. It prints help in two
// columns.
package option

import (
	"errors"
	"strings"
)

// Option is one option. Either On or Value is set.
type Option struct {
	Short     byte // 0 for none
	Long, Arg string
	Help      string
	On        *bool
	Value     *string
	// Each is like Value, for an option that may be given again.
	Each func(string)
}

func (o *Option) set(value string) {
	if o.Each != nil {
		o.Each(value)
		return
	}
	*o.Value = value
}

// UsageError is a mistake of the command line; the hint to --help follows it.
type UsageError string

func (e UsageError) Error() string { return string(e) }

// ErrTaken says that a word was used up and is no argument.
var ErrTaken = errors.New("taken")

// Parser parses one command line.
type Parser struct {
	Options []Option
	// Words are what is no option.
	Words []string
}

// Parse sets what the options say and leaves the other words in p.Words.
// word sees each of them first and may change p.Options; it returns ErrTaken
// to keep the word out. done ends the parsing early.
func (p *Parser) Parse(args []string, word func(string) error, done func() bool) error {
	for only := false; len(args) > 0 && !done(); {
		a := args[0]
		args = args[1:]
		switch {
		case !only && a == "--":
			only = true
			continue
		case !only && strings.HasPrefix(a, "--"):
			rest, err := p.longOption(a, args)
			if err != nil {
				return err
			}
			args = rest
			continue
		case !only && len(a) > 1 && a[0] == '-':
			rest, err := p.shortOptions(a[1:], args)
			if err != nil {
				return err
			}
			args = rest
			continue
		}
		switch err := word(a); {
		case errors.Is(err, ErrTaken):
		case err != nil:
			return err
		default:
			p.Words = append(p.Words, a)
		}
	}
	return nil
}

func (p *Parser) longOption(a string, args []string) ([]string, error) {
	name, value, given := strings.Cut(a[2:], "=")
	for i := range p.Options {
		o := &p.Options[i]
		switch {
		case o.Long != name:
			continue
		case o.On != nil && given:
			return nil, UsageError("unexpected argument: " + a)
		case o.On != nil:
			*o.On = true
			return args, nil
		case given:
			o.set(value)
			return args, nil
		case len(args) == 0:
			return nil, UsageError("missing argument: " + a)
		}
		o.set(args[0])
		return args[1:], nil
	}
	return nil, UsageError("invalid option: --" + name)
}

func (p *Parser) shortOptions(bundle string, args []string) ([]string, error) {
next:
	for i := range len(bundle) {
		for k := range p.Options {
			o := &p.Options[k]
			switch {
			case o.Short != bundle[i]:
				continue
			case o.On != nil:
				*o.On = true
				continue next
			case i+1 < len(bundle):
				o.set(bundle[i+1:])
				return args, nil
			case len(args) == 0:
				return nil, UsageError("missing argument: -" + bundle[i:i+1])
			}
			o.set(args[0])
			return args[1:], nil
		}
		return nil, UsageError("invalid option: -" + bundle[i:i+1])
	}
	return args, nil
}
