// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"math/rand/v2"
	"testing"

	"github.com/rouse-init/rouse/internal/engine"
	"github.com/rouse-init/rouse/internal/statelog"
)

// TestRestoredEngineGoesOnAlike replaces the engine, at random moments, by one
// restored from the encoded state: the machine must not notice.
func TestRestoredEngineGoesOnAlike(t *testing.T) {
	codec, err := statelog.NewCodec(engine.State{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(60) {
		rng := rand.New(rand.NewPCG(*seed+i, 2))
		cfg := small(*seed + i)
		cfg.Units = min(cfg.Units, 12)
		cfg.Asks = 60
		if i%3 == 0 {
			cfg.Shape, cfg.Asks = Farm, 300
		}
		want := Run(cfg)
		cfg.RestartEvery = 1 + rng.IntN(60)
		cfg.Restart = func(e *engine.Engine) *engine.Engine {
			b, err := codec.Append(nil, *e.State())
			if err != nil {
				t.Fatal(err)
			}
			var s engine.State
			if err := codec.DecodeInto(b, &s); err != nil {
				t.Fatal(err)
			}
			return engine.Restore(engine.Config{MinIdleLook: 5 * millisecond}, &s)
		}
		got := Run(cfg)
		if got.Hash != want.Hash || got.Steps != want.Steps || got.Late != want.Late {
			t.Errorf("seed %d, hash %x after %d steps with %d late answers; restored every %d steps: %x after %d, %d late; %v",
				cfg.Seed, want.Hash, want.Steps, want.Late, cfg.RestartEvery, got.Hash, got.Steps, got.Late, got.Violations)
		}
	}
}
