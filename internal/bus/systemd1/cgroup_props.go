// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"math"
	"strconv"
	"strings"

	"github.com/rouse-init/rouse/internal/bus"
	"github.com/rouse-init/rouse/internal/bus/wire"
	"github.com/rouse-init/rouse/internal/unit"
)

// uses is what the unit uses now, looked up once per call.
func (o *object) uses() *Usage {
	if o.usage == nil {
		u := o.svc.be.Usage(o.view.Unit.Name)
		o.usage = &u
	}
	return o.usage
}

// attribute is what the unit sets a cgroup file to, "" for nothing.
func (o *object) attribute(file string) string {
	if r := o.view.Unit.Resources; r != nil {
		for i := range r.Attributes {
			if r.Attributes[i].File == file {
				return r.Attributes[i].Value
			}
		}
	}
	return ""
}

// limit reads an attribute that is a number or "max".
func limit(file string, unset uint64) getter {
	return u64(func(o *object) uint64 {
		text := strings.TrimPrefix(o.attribute(file), "default ")
		if text == "" {
			return unset
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return math.MaxUint64
		}
		return n
	})
}

// cpuMax reads one of the two numbers of cpu.max, the quota and the period in
// microseconds.
func cpuMax(o *object) (quota, period uint64, ok bool) {
	q, p, ok := strings.Cut(o.attribute("cpu.max"), " ")
	if !ok {
		return 0, 0, false
	}
	quota, err := strconv.ParseUint(q, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	period, err = strconv.ParseUint(p, 10, 64)
	return quota, period, err == nil && period > 0
}

// cgroupProps are the settings of systemd.resource-control(5), and what the
// unit uses.
func cgroupProps() []bus.Prop {
	res := func(o *object) *unit.Resources {
		if r := o.view.Unit.Resources; r != nil {
			return r
		}
		return &unit.Resources{}
	}
	props := []bus.Prop{
		one("Slice", "s", text(func(o *object) string { return o.view.Unit.Slice })),
		asked("ControlGroup", "s", text(func(o *object) string { return o.uses().ControlGroup })),
		asked("MemoryCurrent", "t", u64(func(o *object) uint64 { return o.uses().Memory })),
		asked("MemoryPeak", "t", u64(func(o *object) uint64 { return o.uses().MemoryPeak })),
		asked("CPUUsageNSec", "t", u64(func(o *object) uint64 { return o.uses().CPU })),
		asked("TasksCurrent", "t", u64(func(o *object) uint64 { return o.uses().Tasks })),
		one("Delegate", "b", flag(func(o *object) bool { return res(o).Delegate })),
		one("DelegateSubgroup", "s", text(func(o *object) string { return res(o).DelegateSubgroup })),
		one("DelegateControllers", "as", texts(func(o *object) []string {
			if !res(o).Delegate {
				return nil
			}
			return res(o).Controllers
		})),
		one("CPUWeight", "t", limit("cpu.weight", math.MaxUint64)),
		one("IOWeight", "t", limit("io.weight", math.MaxUint64)),
		one("MemoryMin", "t", limit("memory.min", 0)),
		one("MemoryLow", "t", limit("memory.low", 0)),
		one("MemoryHigh", "t", limit("memory.high", math.MaxUint64)),
		one("MemoryMax", "t", limit("memory.max", math.MaxUint64)),
		one("MemorySwapMax", "t", limit("memory.swap.max", math.MaxUint64)),
		one("MemoryZSwapMax", "t", limit("memory.zswap.max", math.MaxUint64)),
		one("TasksMax", "t", limit("pids.max", math.MaxUint64)),
		one("CPUQuotaPerSecUSec", "t", u64(func(o *object) uint64 {
			if q, p, ok := cpuMax(o); ok {
				return q * 1_000_000 / p
			}
			return math.MaxUint64
		})),
		one("CPUQuotaPeriodUSec", "t", u64(func(o *object) uint64 {
			if _, p, ok := cpuMax(o); ok {
				return p
			}
			return math.MaxUint64
		})),
		one("DevicePolicy", "s", fixedText("auto")),
		one("ManagedOOMSwap", "s", fixedText("auto")),
		one("ManagedOOMMemoryPressure", "s", fixedText("auto")),
		one("ManagedOOMPreference", "s", fixedText("none")),
		one("MemoryPressureWatch", "s", fixedText("off")),
		one("MemoryZSwapWriteback", "b", fixedFlag(true)),
	}
	accounting := func(name, prefix string) {
		props = append(props, one(name, "b", flag(func(o *object) bool {
			for i := range res(o).Attributes {
				if strings.HasPrefix(res(o).Attributes[i].File, prefix) {
					return true
				}
			}
			return false
		})))
	}
	accounting("CPUAccounting", "cpu.")
	accounting("IOAccounting", "io.")
	accounting("MemoryAccounting", "memory.")
	accounting("TasksAccounting", "pids.")
	return append(props, cgroupAbsent()...)
}

// cgroupAbsent are the settings and figures that rouse has not.
func cgroupAbsent() []bus.Prop {
	props := unknowns("MemorySwapCurrent", "MemorySwapPeak", "MemoryZSwapCurrent", "MemoryAvailable", "EffectiveMemoryMax",
		"EffectiveMemoryHigh", "EffectiveTasksMax", "IPIngressBytes", "IPIngressPackets", "IPEgressBytes", "IPEgressPackets",
		"IOReadBytes", "IOReadOperations", "IOWriteBytes", "IOWriteOperations", "StartupCPUWeight", "StartupIOWeight",
		"StartupMemoryHigh", "StartupMemoryMax", "StartupMemorySwapMax", "StartupMemoryZSwapMax", "MemoryPressureThresholdUSec")
	props = append(props, zeros("t", "ControlGroupId", "DefaultMemoryLow", "DefaultMemoryMin", "DefaultStartupMemoryLow", "StartupMemoryLow")...)
	props = append(props, zeros("b", "IPAccounting", "CoredumpReceive")...)
	props = append(props, zeros("as", "IPIngressFilterPath", "IPEgressFilterPath", "DisableControllers")...)
	props = append(props, zeros("a(ss)", "DeviceAllow", "BPFProgram")...)
	props = append(props, zeros("a(iayu)", "IPAddressAllow", "IPAddressDeny")...)
	props = append(props, zeros("a(iiqq)", "SocketBindAllow", "SocketBindDeny")...)
	props = append(props, zeros("ay", "EffectiveCPUs", "EffectiveMemoryNodes", "AllowedCPUs", "AllowedMemoryNodes")...)
	props = append(props, unknowns("CPUShares", "StartupCPUShares", "BlockIOWeight", "StartupBlockIOWeight", "MemoryLimit", "ManagedOOMMemoryPressureDurationUSec")...)
	props = append(props, zeros("ay", "StartupAllowedCPUs", "StartupAllowedMemoryNodes")...)
	props = append(props, zeros("a(st)", "IODeviceWeight", "IOReadBandwidthMax", "IOWriteBandwidthMax", "IOReadIOPSMax", "IOWriteIOPSMax",
		"IODeviceLatencyTargetUSec", "BlockIODeviceWeight", "BlockIOReadBandwidth", "BlockIOWriteBandwidth")...)
	props = append(props, zeros("b", "BlockIOAccounting")...)
	props = append(props, zeros("u", "ManagedOOMMemoryPressureLimit")...)
	props = append(props, zeros("a(iiss)", "NFTSet")...)
	return append(props, zeros("(bas)", "RestrictNetworkInterfaces")...)
}

// writeListens writes an a(ss): the addresses as they are open, else as they
// stand in the file.
func writeListens(s any, e *wire.Encoder) {
	o := s.(*object)
	m := e.Array('(')
	for _, l := range o.listens() {
		e.Struct()
		e.String(l.Kind)
		e.String(l.Address)
	}
	e.End(m)
}

func (o *object) listens() []Listen {
	if open := o.svc.be.Listens(o.view.Unit.Name); open != nil {
		return open
	}
	var list []Listen
	for _, l := range o.socket().Listens {
		list = append(list, Listen{word(listenKinds[:], l.Kind), l.Address})
	}
	return list
}
