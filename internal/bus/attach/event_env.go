// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"strconv"
	"strings"
	"time"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// The limits of events that others on the bus can cause.
const (
	// maxArg is the longest argument that becomes a variable, in bytes, and
	// maxEnv all of them; what is longer is left out.
	maxArg, maxEnv = 16 << 10, 64 << 10
	// burst events of one sender are made at once, and rate per second.
	burst, rate = 500, 100
	maxSenders  = 256
)

// bucket is what a sender may still cause.
type bucket struct {
	left   float64
	at     time.Duration
	warned bool
}

// afford tells whether the sender may cause another event.
func (b *Bus) afford(sender string) bool {
	now := b.cfg.Now()
	e := &b.events
	if e.budget == nil || len(e.budget) > maxSenders {
		e.budget = make(map[string]*bucket)
	}
	k := e.budget[sender]
	if k == nil {
		k = &bucket{left: burst, at: now}
		e.budget[sender] = k
	}
	k.left = min(burst, k.left+(now-k.at).Seconds()*rate)
	k.at = now
	if k.left >= burst/2 {
		k.warned = false
	}
	if k.left >= 1 {
		k.left--
		return true
	}
	if !k.warned {
		k.warned = true
		b.trouble("message bus: " + sender + " sends more signals than " + strconv.Itoa(rate) + " in a second; ignoring what is more")
	}
	return false
}

// eventEnv are the variables of a signal, in the order of upstart-dbus-bridge(8).
func (b *Bus) eventEnv(m *wire.Message) []string {
	env := []string{"SIGNAL=" + m.Member}
	if b.cfg.Label != "" {
		env = append(env, "BUS="+b.cfg.Label)
	}
	env = append(env, "INTERFACE="+m.Interface, "OBJPATH="+m.Path)
	env = append(env, "SENDER="+b.senderName(m.Sender))
	if m.Destination != "" {
		env = append(env, "DESTINATION="+m.Destination)
	}
	d, size := m.Decoder(), 0
	for i, sig := range wire.SplitSignature(m.Signature) {
		text, ok := argText(sig, d.Value(sig))
		if size += len(text); ok && len(text) <= maxArg && size <= maxEnv {
			env = append(env, "ARG"+strconv.Itoa(i)+"="+text)
		}
	}
	return env
}

// senderName is the well-known name by which a term knows the sender, or its
// unique name. The bridge of Upstart gave the unique name always, so that
// SENDER=name never came true there.
func (b *Bus) senderName(unique string) string {
	for _, s := range b.events.senders {
		if n := b.names[s]; n != nil && n.owner == unique && unique != "" {
			return s
		}
	}
	return unique
}

// argText is an argument of a simple type as text.
func argText(sig string, v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, sig == "s" || sig == "o" || sig == "g"
	case bool:
		return strings.ToUpper(strconv.FormatBool(v)), true
	case byte:
		return strconv.Itoa(int(v)), true
	case int16:
		return strconv.Itoa(int(v)), true
	case uint16:
		return strconv.Itoa(int(v)), true
	case int32:
		return strconv.Itoa(int(v)), true
	case uint32:
		return strconv.FormatUint(uint64(v), 10), sig == "u" // not a descriptor
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', 6, 64), true
	}
	return "", false
}
