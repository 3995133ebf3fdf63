// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// limitTable is Limit*= of systemd.exec(5) with the kernel's numbers of the
// resources (asm-generic/resource.h).
func limitTable() []Directive {
	plain := func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) }
	seconds := func(s string) (uint64, error) {
		d, err := parseSpan(s)
		if d == unit.Infinity {
			return math.MaxUint64, err
		}
		return uint64((d + time.Second - 1) / time.Second), err
	}
	microseconds := func(s string) (uint64, error) {
		if n, err := strconv.ParseUint(s, 10, 64); err == nil {
			return n, nil
		}
		d, err := parseSpan(s)
		if d == unit.Infinity {
			return math.MaxUint64, err
		}
		return uint64(d / time.Microsecond), err
	}
	entry := func(name string, resource uint8, kind string, read func(string) (uint64, error)) Directive {
		return key(inExec, name, limit(resource, kind, read))
	}
	const number, size = "number, infinity or SOFT:HARD", "size, infinity or SOFT:HARD"
	const span = "time span, infinity or SOFT:HARD"
	return execEntries([]Directive{
		entry("LimitCPU", 0, span, seconds),
		entry("LimitFSIZE", 1, size, parseSize),
		entry("LimitDATA", 2, size, parseSize),
		entry("LimitSTACK", 3, size, parseSize),
		entry("LimitCORE", 4, size, parseSize),
		entry("LimitRSS", 5, size, parseSize),
		entry("LimitNOFILE", 7, number, plain),
		entry("LimitAS", 9, size, parseSize),
		entry("LimitNPROC", 6, number, plain),
		entry("LimitMEMLOCK", 8, size, parseSize),
		entry("LimitLOCKS", 10, number, plain),
		entry("LimitSIGPENDING", 11, number, plain),
		entry("LimitMSGQUEUE", 12, size, parseSize),
		entry("LimitNICE", 13, "nice level or number from 0 to 40", parseNiceLimit),
		entry("LimitRTPRIO", 14, number, plain),
		entry("LimitRTTIME", 15, "time span in microseconds, infinity or SOFT:HARD", microseconds),
	})
}

var errLimit = errors.New("expected a limit, infinity or SOFT:HARD")

func limit(resource uint8, kind string, read func(string) (uint64, error)) value {
	one := func(s string) (uint64, error) {
		if s == "infinity" {
			return math.MaxUint64, nil
		}
		n, err := read(s)
		if err != nil {
			return 0, errLimit
		}
		return n, nil
	}
	return value{kind, func(b *build, v string) error {
		s, err := b.expand(v)
		if err != nil {
			return err
		}
		soft, hard, both := strings.Cut(s, ":")
		l := unit.Limit{Resource: resource}
		if l.Soft, err = one(soft); err != nil {
			return err
		}
		l.Hard = l.Soft
		if both {
			if l.Hard, err = one(hard); err != nil {
				return err
			}
		}
		if l.Soft > l.Hard {
			return errors.New("the soft limit is above the hard one")
		}
		for i := range b.exec.Limits {
			if b.exec.Limits[i].Resource == resource {
				b.exec.Limits[i] = l
				return nil
			}
		}
		b.exec.Limits = append(b.exec.Limits, l)
		return nil
	}}
}

// parseNiceLimit reads a nice level with its sign (-5 is the limit 25) or
// the raw limit from 0 to 40.
func parseNiceLimit(s string) (uint64, error) {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		n, err := strconv.ParseInt(s, 10, 8)
		if err != nil || n < -20 || n > 19 {
			return 0, errLimit
		}
		return uint64(20 - n), nil
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || n > 40 {
		return 0, errLimit
	}
	return n, nil
}
