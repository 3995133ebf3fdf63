// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/unit"
)

// resources collects the attributes of a unit's cgroup.
type resources struct {
	attrs       []unit.Attribute
	controllers []string
	delegate    bool
	subgroup    string
	quota       int64 // CPUQuota= in hundredths of a percent, 0 for none
	period      time.Duration
	quotaAt     *Assign
	quotaFile   *File
	used        bool
}

var (
	errWeight  = errors.New("expected a weight from 1 to 10000")
	errMemory  = errors.New("expected a size, a percentage of the memory, or infinity")
	errNoBytes = errors.New("expected more than 0")
)

// accounting is CPUAccounting= and kin, which ask for a controller.
func accounting(controller string) value {
	return value{"boolean", func(b *build, v string) error {
		yes, err := parseBool(v)
		if err == nil {
			b.needs(controller, yes)
		}
		return err
	}}
}

func resourceTable() []Directive {
	return []Directive{
		key(inCgroup, "Slice", value{"slice", setSlice}),
		key(inCgroup, "Delegate", value{"boolean or list of controllers", setDelegate}),
		key(inCgroup, "DelegateSubgroup", value{"name", func(b *build, v string) error {
			s, err := b.expand(v)
			if err == nil && (strings.ContainsRune(s, '/') || s == "." || s == "..") {
				err = errors.New("expected the name of a cgroup")
			}
			if err == nil {
				b.resource.subgroup, b.resource.used = s, true
			}
			return err
		}}),
		key(inCgroup, "CPUAccounting", accounting("cpu")),
		key(inCgroup, "CPUWeight", value{"weight from 1 to 10000, or idle", func(b *build, v string) error {
			if v == "idle" {
				b.attribute("cpu.idle", "1")
				b.attribute("cpu.weight", "")
				return nil
			}
			b.attribute("cpu.idle", "")
			return b.weight("cpu.weight", "", v)
		}}),
		key(inCgroup, "CPUQuota", value{"percentage", func(b *build, v string) error {
			if v == "" {
				b.resource.quota, b.resource.quotaAt = 0, nil
				return nil
			}
			n, ok, err := parsePercent(v, 0)
			if err == nil && (!ok || n == 0) {
				err = errors.New("expected a percentage of one CPU such as 20% or 150%")
			}
			if err == nil {
				b.resource.quota, b.resource.quotaAt, b.resource.quotaFile = n, b.a, b.file
			}
			return err
		}}),
		key(inCgroup, "CPUQuotaPeriodSec", value{"time span", func(b *build, v string) error {
			if v == "" {
				b.resource.period = 0
				return nil
			}
			d, err := parseSpan(v)
			if err == nil {
				b.resource.period = d
			}
			return err
		}}),
		key(inCgroup, "AllowedCPUs", list("cpuset.cpus")),
		key(inCgroup, "AllowedMemoryNodes", list("cpuset.mems")),
	}
}

// memoryTable is the part about memory, the disk and tasks.
func memoryTable() []Directive {
	memory := func(file string, zero bool) value {
		return value{"size, percentage of the memory, or infinity", func(b *build, v string) error {
			return b.amount(file, v, zero)
		}}
	}
	return []Directive{
		key(inCgroup, "MemoryAccounting", accounting("memory")),
		key(inCgroup, "MemoryMin", memory("memory.min", true)),
		key(inCgroup, "MemoryLow", memory("memory.low", true)),
		key(inCgroup, "MemoryHigh", memory("memory.high", false)),
		key(inCgroup, "MemoryMax", memory("memory.max", false)),
		key(inCgroup, "MemorySwapMax", memory("memory.swap.max", true)),
		key(inCgroup, "MemoryZSwapMax", memory("memory.zswap.max", true)),
		key(inCgroup, "MemoryZSwapWriteback", value{"boolean", func(b *build, v string) error {
			yes, err := parseBool(v)
			if err == nil {
				b.attribute("memory.zswap.writeback", map[bool]string{true: "1", false: "0"}[yes])
			}
			return err
		}}),
		key(inCgroup, "IOAccounting", accounting("io")),
		key(inCgroup, "IOWeight", value{"weight from 1 to 10000", func(b *build, v string) error {
			return b.weight("io.weight", "default ", v)
		}}),
		key(inCgroup, "TasksAccounting", accounting("pids")),
		key(inCgroup, "TasksMax", value{"number, percentage or infinity", setTasksMax}),
	}
}

// attribute sets a file of the cgroup; an empty value takes it back.
func (b *build) attribute(file, value string) {
	r := &b.resource
	r.used = true
	i := slices.IndexFunc(r.attrs, func(a unit.Attribute) bool { return a.File == file })
	switch {
	case value == "" && i >= 0:
		r.attrs = slices.Delete(r.attrs, i, i+1)
	case value == "":
	case i >= 0:
		r.attrs[i] = unit.Attribute{File: file, Value: value, Pos: b.pos()}
	default:
		r.attrs = append(r.attrs, unit.Attribute{File: file, Value: value, Pos: b.pos()})
	}
}

// needs says whether a controller is wanted for its figures alone.
func (b *build) needs(controller string, yes bool) {
	r := &b.resource
	i := slices.Index(r.controllers, controller)
	switch {
	case yes && i < 0:
		r.controllers, r.used = append(r.controllers, controller), true
	case !yes && i >= 0:
		r.controllers = slices.Delete(r.controllers, i, i+1)
	}
}

func (b *build) weight(file, before, v string) error {
	if v == "" {
		b.attribute(file, "")
		return nil
	}
	n, err := strconv.ParseUint(v, 10, 32)
	if err != nil || n < 1 || n > 10000 {
		return errWeight
	}
	b.attribute(file, before+v)
	return nil
}

// amount is a number of bytes: a size or a share of the machine's memory.
func (b *build) amount(file, v string, zero bool) error {
	switch v {
	case "":
		b.attribute(file, "")
		return nil
	case "infinity":
		b.attribute(file, "max")
		return nil
	}
	n, err := b.bytes(v)
	if err != nil {
		return err
	}
	if n == 0 && !zero {
		return errNoBytes
	}
	b.attribute(file, strconv.FormatUint(n, 10))
	return nil
}

// bytes reads a size or a percentage of the memory.
func (b *build) bytes(v string) (uint64, error) {
	h, percent, err := parsePercent(v, 100)
	switch {
	case err != nil:
		return 0, err
	case percent && (b.opt.Facts == nil || b.opt.Facts.TotalMemory == 0):
		return 0, errors.New("the size of the memory is not known here")
	case percent:
		// Whole pages, as the kernel counts them anyway.
		return uint64(float64(b.opt.Facts.TotalMemory)/10000*float64(h)) &^ 4095, nil
	}
	n, err := parseSize(v)
	if err != nil {
		return 0, errMemory
	}
	return n, nil
}

func list(file string) value {
	return value{"list of numbers and ranges", func(b *build, v string) error {
		if v == "" {
			b.attribute(file, "")
			return nil
		}
		var set []uint32
		if err := parseList(v, 8192, func(n uint32) { set = append(set, n) }); err != nil {
			return err
		}
		slices.Sort(set)
		set = slices.Compact(set)
		var out strings.Builder
		for i := 0; i < len(set); i++ {
			first := i
			for i+1 < len(set) && set[i+1] == set[i]+1 {
				i++
			}
			if out.Len() > 0 {
				out.WriteByte(',')
			}
			fmt.Fprintf(&out, "%d", set[first])
			if i > first {
				fmt.Fprintf(&out, "-%d", set[i])
			}
		}
		b.attribute(file, out.String())
		return nil
	}}
}

func setTasksMax(b *build, v string) error {
	switch v {
	case "", "infinity":
		value := ""
		if v != "" {
			value = "max"
		}
		b.attribute("pids.max", value)
		return nil
	}
	h, percent, err := parsePercent(v, 100)
	if err != nil {
		return err
	}
	if percent {
		if b.opt.Facts == nil || b.opt.Facts.MaxTasks == 0 {
			return errors.New("the greatest number of tasks is not known here")
		}
		b.attribute("pids.max", strconv.FormatUint(uint64(float64(b.opt.Facts.MaxTasks)/10000*float64(h)), 10))
		return nil
	}
	n, err := strconv.ParseUint(v, 10, 63)
	if err != nil || n == 0 {
		return errors.New("expected a number, a percentage or infinity")
	}
	b.attribute("pids.max", strconv.FormatUint(n, 10))
	return nil
}

func setSlice(b *build, v string) error {
	if v == "" {
		b.u.Slice, b.set.slice = "", false
		return nil
	}
	s, err := b.expandName(v)
	if err == nil && !unit.ValidSlice(s) {
		err = errors.New("expected the name of a slice such as web.slice")
		if unit.ValidSlice(s + ".slice") {
			err = hinted{err, "did you mean " + s + ".slice?"}
		}
	}
	if err == nil && b.u.Kind == unit.KindSlice {
		err = errors.New("the name of a slice says where it is: a-b.slice is in a.slice")
	}
	if err == nil {
		b.u.Slice, b.set.slice = s, true
	}
	return err
}

// setDelegate reads a boolean or a list of controllers.
func setDelegate(b *build, v string) error {
	r := &b.resource
	if v == "" {
		r.delegate, r.used = true, true
		return nil
	}
	if yes, err := parseBool(v); err == nil {
		r.delegate, r.used = yes, r.used || yes
		return nil
	}
	known := strings.Fields("cpu cpuset io memory pids cpuacct blkio devices bpf-firewall bpf-devices bpf-foreign bpf-socket-bind bpf-restrict-network-interfaces")
	return b.words(v, unquote, func(w string) error {
		n := lookup(known, w)
		if n < 0 {
			return notOneOf(w, known[:5])
		}
		r.delegate, r.used = true, true
		if n < 5 {
			b.needs(w, true)
		}
		return nil
	})
}

// finish makes the model's Resources, nil when there are none.
func (r *resources) finish(b *build) *unit.Resources {
	if r.quota > 0 {
		b.a, b.file = r.quotaAt, r.quotaFile
		b.attribute("cpu.max", r.cpuMax())
	}
	if !r.used || len(r.attrs) == 0 && len(r.controllers) == 0 && !r.delegate && r.subgroup == "" {
		return nil
	}
	for _, a := range r.attrs {
		c, _, _ := strings.Cut(a.File, ".")
		b.needs(c, true)
	}
	slices.SortFunc(r.attrs, func(a, c unit.Attribute) int { return strings.Compare(a.File, c.File) })
	slices.Sort(r.controllers)
	return &unit.Resources{
		Attributes: slices.Clone(r.attrs), Delegate: r.delegate, DelegateSubgroup: r.subgroup,
		Controllers: slices.Clone(r.controllers),
	}
}

// cpuMax is quota and period in microseconds. The kernel wants both between
// 1 ms and 1 s, so that a small share needs a longer period.
func (r *resources) cpuMax() string {
	period := int64(100_000)
	if r.period > 0 && r.period < time.Duration(math.MaxInt64) {
		period = min(max(int64(r.period/time.Microsecond), 1000), 1_000_000)
	}
	if period*r.quota/10000 < 1000 {
		period = min(1000*10000/r.quota, 1_000_000)
	}
	return fmt.Sprintf("%d %d", max(period*r.quota/10000, 1000), period)
}
