// SPDX-License-Identifier: Apache-2.0

package bustest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/rouse-init/rouse/internal/bus/client"
	"github.com/rouse-init/rouse/internal/bus/wire"
)

// Caller makes calls with random arguments.
type Caller struct {
	Rand *rand.Rand
	Conn *client.Conn
	// Word is what is passed for strings.
	Word func() string
}

// Call makes one call; refusals are well, silence and internal errors are not.
func (c *Caller) Call(path, iface, member, sig string) error {
	_, err := c.Conn.Call(path, iface, member, sig, func(e *wire.Encoder) { c.arguments(e, sig) })
	var refusal *client.Error
	if err != nil && (!errors.As(err, &refusal) || strings.Contains(err.Error(), "internal error")) {
		return fmt.Errorf("%s.%s(%s) at %s: %w", iface, member, sig, path, err)
	}
	return nil
}

func (c *Caller) arguments(e *wire.Encoder, sig string) {
	for _, t := range wire.SplitSignature(sig) {
		n := c.Rand.Uint64() >> c.Rand.IntN(64)
		switch t {
		case "s":
			e.String(c.Word())
		case "as":
			words := make([]string, c.Rand.IntN(4))
			for i := range words {
				words[i] = c.Word()
			}
			e.Strings(words)
		case "b":
			e.Bool(c.Rand.IntN(2) == 1)
		case "y":
			e.Byte(byte(n))
		case "u", "i", "h":
			e.Uint32(uint32(n))
		case "t":
			e.Uint64(n)
		default:
			panic("no random value of type " + t)
		}
	}
}
