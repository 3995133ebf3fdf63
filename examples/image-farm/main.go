// SPDX-License-Identifier: Apache-2.0

// Command image-farm runs hundreds of image servers on one host, which sleep
// while nobody asks them, and measures what that costs: see README.md.
//
// "make" writes the units and builds the images, "walk" starts rouse on them
// and walks over them at random. It uses rouse as anybody would, by its command
// and its socket, but for package bus/client.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image-farm:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("expected make or walk (see README.md)")
	}
	switch args[0] {
	case "make":
		return makeCommand(args[1:])
	case "walk":
		return walkCommand(args[1:])
	}
	return fmt.Errorf("expected make or walk, found %q", args[0])
}

// defaultDir is where the farm lives: its sockets want a short path.
func defaultDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("image-farm-%d", os.Getuid()))
}

func makeCommand(args []string) error {
	f := farm{counts: map[string]*int{}}
	flags := flag.NewFlagSet("image-farm make", flag.ExitOnError)
	flags.StringVar(&f.dir, "dir", defaultDir(), "where the farm lives")
	flags.IntVar(&f.port, "port", 20000, "the first port")
	for _, k := range kinds {
		n := 0
		f.counts[k.name] = &n
		flags.IntVar(&n, k.name, k.count, "how many images of "+k.what)
	}
	flags.DurationVar(&f.idle, "idle", 2*time.Second, "freeze after so long without a request (X-IdleSec=)")
	flags.DurationVar(&f.reclaim, "reclaim", 15*time.Second, "page out after so long frozen (X-IdleReclaimSec=)")
	flags.DurationVar(&f.stop, "stop", 2*time.Minute, "stop after so long frozen (X-IdleStopSec=)")
	flags.IntVar(&f.awake, "awake", 50, "the most that are awake at once, of each kind (X-RunningMax=)")
	_ = flags.Parse(args) // it exits by itself
	return f.build()
}

func walkCommand(args []string) error {
	var w walk
	flags := flag.NewFlagSet("image-farm walk", flag.ExitOnError)
	flags.StringVar(&w.dir, "dir", defaultDir(), "where the farm lives")
	flags.StringVar(&w.rouse, "rouse", "", "the rouse to run (default: it is built)")
	flags.DurationVar(&w.span, "for", 5*time.Minute, "how long to walk")
	flags.DurationVar(&w.quiet, "quiet", time.Minute, "how long to look at what the sleepers cost")
	flags.IntVar(&w.walkers, "walkers", 8, "how many walk at once")
	flags.DurationVar(&w.pause, "pause", 300*time.Millisecond, "how long a walker pauses, on average")
	flags.DurationVar(&w.kill, "kill", 0, "kill rouse's manager each time so long has gone by (0: never)")
	flags.StringVar(&w.svg, "svg", "", "the histogram (default: wake-ups.svg in the farm)")
	flags.Uint64Var(&w.seed, "seed", 1, "of the random walk")
	_ = flags.Parse(args)
	return w.run()
}
