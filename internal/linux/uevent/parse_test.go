// SPDX-License-Identifier: Apache-2.0

package uevent

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const kernelMessage = "add@/devices/virtual/net/r0\x00ACTION=add\x00DEVPATH=/devices/virtual/net/r0\x00" +
	"SUBSYSTEM=net\x00INTERFACE=r0\x00IFINDEX=7\x00SEQNUM=4711\x00"

// udevMessage puts udevd's header before properties.
func udevMessage(magic uint32, properties string) []byte {
	head := make([]byte, udevHeadSize)
	copy(head, udevPrefix)
	binary.BigEndian.PutUint32(head[8:], magic)
	binary.NativeEndian.PutUint32(head[12:], udevHeadSize)
	binary.NativeEndian.PutUint32(head[16:], udevHeadSize)
	binary.NativeEndian.PutUint32(head[20:], uint32(len(properties)))
	return append(head, properties...)
}

func TestParse(t *testing.T) {
	_, properties, _ := strings.Cut(kernelMessage, "\x00")
	want := Event{Action: "add", Path: "/devices/virtual/net/r0", Subsystem: "net", Properties: []string{
		"ACTION=add", "DEVPATH=/devices/virtual/net/r0", "SUBSYSTEM=net", "INTERFACE=r0", "IFINDEX=7", "SEQNUM=4711",
	}}
	got, err := Parse([]byte(kernelMessage))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("of the kernel: %v\n%s", err, diff)
	}
	want.Udev = true
	got, err = Parse(udevMessage(udevMagic, properties))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("of udevd: %v\n%s", err, diff)
	}
	if v, ok := got.Get("IFINDEX"); v != "7" || !ok {
		t.Errorf("Get(IFINDEX) is %q, %v", v, ok)
	}
	if v, ok := got.Get("IF"); ok {
		t.Errorf("Get(IF) is %q", v)
	}
}

func TestRefused(t *testing.T) {
	outside := udevMessage(udevMagic, "")
	binary.NativeEndian.PutUint32(outside[20:], 1<<31)
	for name, msg := range map[string][]byte{
		"empty":               nil,
		"no path":             []byte("add@\x00ACTION=add\x00"),
		"no subsystem":        []byte("add@/x\x00ACTION=add\x00DEVPATH=/x\x00"),
		"relative path":       []byte("add@/x\x00ACTION=add\x00DEVPATH=x\x00SUBSYSTEM=net\x00"),
		"too many properties": []byte(kernelMessage + strings.Repeat("A=b\x00", maxProperties)),
		"short header":        []byte(udevPrefix + "xx"),
		"wrong magic number":  udevMessage(1, "ACTION=add\x00DEVPATH=/x\x00SUBSYSTEM=net\x00"),
		"outside":             outside,
	} {
		if e, err := Parse(msg); err == nil {
			t.Errorf("%s: accepted as %+v", name, e)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(kernelMessage))
	_, properties, _ := strings.Cut(kernelMessage, "\x00")
	f.Add(udevMessage(udevMagic, properties))
	f.Fuzz(func(t *testing.T, msg []byte) {
		e, err := Parse(msg)
		if err != nil {
			return
		}
		if e.Action == "" || e.Subsystem == "" || !strings.HasPrefix(e.Path, "/") || len(e.Properties) > maxProperties {
			t.Fatalf("accepted: %+v", e)
		}
	})
}
