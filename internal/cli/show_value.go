// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/unit"
)

// propertyText prints a property as systemctl show does: one text for each
// line, none where there is nothing to print.
func propertyText(p *client.Prop) []string {
	switch v := p.Value.(type) {
	case string:
		return []string{v}
	case bool:
		return []string{yesNo(v)}
	case []string:
		return []string{joinWords(v)}
	case uint32:
		return []string{number32(p.Name, v)}
	case int32:
		return []string{signed32(p.Name, v)}
	case uint64:
		return []string{number64(p.Name, v)}
	case []byte:
		return []string{octets(p.Name, v)}
	case []any:
		return compound(p, v)
	default:
		return []string{fmt.Sprint(v)}
	}
}

func yesNo(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}

func number32(name string, v uint32) string {
	switch {
	case name == "UMask" || strings.HasSuffix(name, "Mode"):
		return fmt.Sprintf("%04o", v)
	case (name == "UID" || name == "GID") && v == math.MaxUint32:
		return "[not set]"
	}
	return strconv.FormatUint(uint64(v), 10)
}

func signed32(name string, v int32) string {
	switch name {
	case "CPUSchedulingPolicy":
		if names := [...]string{"other", "fifo", "rr", "batch", "", "idle"}; v >= 0 && int(v) < len(names) {
			return names[v]
		}
	case "NUMAPolicy":
		if v < 0 {
			return "n/a"
		}
	}
	return strconv.FormatInt(int64(v), 10)
}

// notSet are the numbers whose largest value means that there is none;
// elsewhere it means that there is no limit.
func notSet(name string) bool {
	return strings.HasSuffix(name, "Current") || strings.HasSuffix(name, "Peak") || strings.HasSuffix(name, "Weight") ||
		strings.HasSuffix(name, "Shares") || name == "CPUUsageNSec" || name == "MemoryAvailable" || strings.HasPrefix(name, "IO")
}

func number64(name string, v uint64) string {
	switch {
	case strings.HasSuffix(name, "Timestamp"):
		return stamp(v)
	case strings.HasSuffix(name, "USec") || strings.HasSuffix(name, "USecNext"):
		if v > uint64(math.MaxInt64/time.Microsecond) {
			return "infinity"
		}
		return unit.FormatTimespan(time.Duration(v) * time.Microsecond)
	case name == "CapabilityBoundingSet" || name == "AmbientCapabilities":
		return capabilityNames(v)
	case name == "CoredumpFilter":
		return fmt.Sprintf("0x%x", v)
	case name == "RestrictNamespaces" && v == math.MaxUint64:
		return "no"
	case name == "MountFlags":
		return ""
	case v == math.MaxUint64 && strings.HasPrefix(name, "IP"):
		return "[no data]"
	case v == math.MaxUint64 && notSet(name):
		return "[not set]"
	case v == math.MaxUint64:
		return "infinity"
	}
	return strconv.FormatUint(v, 10)
}

func octets(name string, v []byte) string {
	switch name {
	case "CPUAffinity", "NUMAMask", "AllowedCPUs", "EffectiveCPUs":
		return bitRanges(v)
	}
	return hex.EncodeToString(v)
}

// bitRanges prints a bit mask as "0-3 7".
func bitRanges(mask []byte) string {
	var b strings.Builder
	for i := 0; i < len(mask)*8; i++ {
		on := func(i int) bool { return i < len(mask)*8 && mask[i/8]&(1<<(i%8)) != 0 }
		if !on(i) {
			continue
		}
		end := i
		for on(end + 1) {
			end++
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprint(&b, i)
		if end > i {
			fmt.Fprintf(&b, "-%d", end)
		}
		i = end
	}
	return b.String()
}

// compound prints lists of structs and structs.
func compound(p *client.Prop, v []any) []string {
	switch p.Sig {
	case "(uo)":
		if id, _ := v[0].(uint32); id != 0 {
			return []string{strconv.FormatUint(uint64(id), 10)}
		}
		return nil
	case "(ss)":
		if v[0] == "" {
			return []string{""}
		}
		return []string{fmt.Sprintf("%v %q", v[0], v[1])}
	case "(so)":
		return []string{fmt.Sprint(v[0])}
	case "(bs)":
		return []string{ignoring(v[0], fmt.Sprint(v[1]))}
	case "(bas)":
		list, _ := v[1].([]string)
		return []string{except(v[0], list)}
	case "(aiai)":
		return []string{statuses(v)}
	}
	if len(v) == 0 {
		if strings.HasPrefix(p.Sig, "a(sas") {
			return nil
		}
		return []string{""}
	}
	var lines []string
	for _, item := range v {
		if fields, ok := item.([]any); ok {
			lines = append(lines, structText(p.Sig, fields))
		} else {
			lines = append(lines, fmt.Sprint(item))
		}
	}
	return lines
}

func ignoring(flag any, s string) string {
	if flag == true && s != "" {
		return "-" + s
	}
	return s
}

func except(allow any, list []string) string {
	s := strings.Join(list, " ")
	if allow == false && s != "" {
		return "~" + s
	}
	return s
}

// statuses prints exit codes and signals.
func statuses(v []any) string {
	var words []string
	for i, list := range v {
		items, _ := list.([]any)
		for _, n := range items {
			code, _ := n.(int32)
			if i == 0 {
				words = append(words, strconv.Itoa(int(code)))
			} else {
				words = append(words, "SIG"+signalName(uint64(code)))
			}
		}
	}
	return strings.Join(words, " ")
}

func structText(sig string, f []any) string {
	switch sig {
	case "a(sasbttttuii)", "a(sasasttttuii)":
		return commandText(f)
	case "a(sb)":
		ignore, _ := f[1].(bool)
		return fmt.Sprintf("%v (ignore_errors=%s)", f[0], yesNo(ignore))
	case "a(ss)":
		return fmt.Sprintf("%v (%v)", f[1], f[0])
	case "a(sbbsi)":
		return conditionText(f)
	}
	var words []string
	for _, x := range f {
		words = append(words, fmt.Sprint(x))
	}
	return strings.Join(words, " ")
}

// conditionText is "ConditionPathExists=|!/x", and how it went.
func conditionText(f []any) string {
	s := fmt.Sprint(f[0], "=")
	if f[1] == true {
		s += "|"
	}
	if f[2] == true {
		s += "!"
	}
	s += fmt.Sprint(f[3])
	switch state, _ := f[4].(int32); {
	case state > 0:
		return s + " (met)"
	case state < 0:
		return s + " (not met)"
	}
	return s
}

// commandText prints a command and how its last run went.
func commandText(f []any) string {
	argv, _ := f[1].([]string)
	flags := ""
	switch v := f[2].(type) {
	case bool:
		flags = "ignore_errors=" + yesNo(v)
	case []string:
		flags = "flags=" + strings.Join(v, " ")
	}
	at := func(i int) string {
		usec, _ := f[i].(uint64)
		if usec == 0 {
			return "n/a"
		}
		return stamp(usec)
	}
	code, _ := f[8].(int32)
	status, _ := f[9].(int32)
	how, what := "(null)", fmt.Sprintf("%d/0", status)
	switch code {
	case codeExited:
		how, what = "exited", strconv.Itoa(int(status))
	case codeKilled:
		how, what = "killed", fmt.Sprintf("%d/%s", status, signalName(uint64(status)))
	case codeDumped:
		how, what = "dumped", fmt.Sprintf("%d/%s", status, signalName(uint64(status)))
	}
	return fmt.Sprintf("{ path=%v ; argv[]=%s ; %s ; start_time=[%s] ; stop_time=[%s] ; pid=%v ; code=%s ; status=%s }",
		f[0], strings.Join(argv, " "), flags, at(3), at(5), f[7], how, what)
}
