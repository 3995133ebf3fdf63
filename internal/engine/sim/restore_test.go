// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"testing"

	"pgregory.net/rapid"

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
	rapid.Check(t, func(t *rapid.T) {
		cfg := small(rapid.Uint64Range(0, 1<<20).Draw(t, "seed"))
		cfg.Units = min(cfg.Units, 12)
		cfg.Asks = 60
		want := Run(cfg)
		cfg.RestartEvery = rapid.IntRange(1, 100).Draw(t, "every")
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
			t.Errorf("without restarts: hash %x, %d steps, %d late; with one every %d steps: hash %x, %d steps, %d late; %v",
				want.Hash, want.Steps, want.Late, cfg.RestartEvery, got.Hash, got.Steps, got.Late, got.Violations)
		}
	})
}
