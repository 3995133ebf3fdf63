// SPDX-License-Identifier: Apache-2.0

package upstart

import (
	"slices"
	"strings"
	"sync"

	"github.com/rouse-init/rouse/internal/diag"
)

// StanzaDoc describes one stanza.
type StanzaDoc struct {
	Name     string // "start on"
	Synopsis string // what follows the name: "EVENT [VALUE…]"
	Meaning  string // one line
	Origin   string // "upstart", "rouse", "upstart 0.3" or "chromeos"
}

// The origins of stanzas.
const (
	fromUpstart  = "upstart"
	fromRouse    = "rouse"
	fromBefore   = "upstart 0.3"
	fromChromeOS = "chromeos"
)

// Stanzas lists all stanzas that Parse knows, by name.
func Stanzas() []StanzaDoc {
	var list []StanzaDoc
	for _, s := range table().rows {
		list = append(list, s.StanzaDoc)
	}
	slices.SortFunc(list, func(a, b StanzaDoc) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// stanza is a row of the table.
type stanza struct {
	StanzaDoc
	// read reads what follows the name and returns what it does to a job.
	read func(r *reader) apply
	// block: it has read whole lines, so that no rest of a line follows.
	block bool
}

func row(name, synopsis, meaning string, read func(r *reader) apply) stanza {
	return stanza{StanzaDoc: StanzaDoc{Name: name, Synopsis: synopsis, Meaning: meaning}, read: read}
}

// stanzas is the table with its indexes.
type stanzas struct {
	rows map[string]*stanza
	// seconds are the second words of the names that start with a word;
	// empty where there is no name of two words.
	seconds map[string][]string
	firsts  []string // sorted
}

var table = sync.OnceValue(func() *stanzas {
	t := &stanzas{rows: map[string]*stanza{}, seconds: map[string][]string{}}
	for origin, parts := range map[string][][]stanza{
		fromUpstart: {processStanzas(), eventStanzas(), lifeStanzas(), environmentStanzas(), textStanzas(), confinementStanzas()},
		fromRouse:   {ownStanzas(), causeStanzas()},
	} {
		for _, part := range parts {
			for i := range part {
				s := &part[i]
				if s.Origin == "" {
					s.Origin = origin
				}
				t.rows[s.Name] = s
				first, second, two := strings.Cut(s.Name, " ")
				if t.seconds[first] == nil {
					t.seconds[first] = []string{}
				}
				if two {
					t.seconds[first] = append(t.seconds[first], second)
				}
			}
		}
	}
	for first, seconds := range t.seconds {
		slices.Sort(seconds)
		t.firsts = append(t.firsts, first)
	}
	slices.Sort(t.firsts)
	return t
})

// nearest returns the candidate that is closest to word by edit distance, ""
// when none is close enough to be what was meant.
func nearest(word string, candidates []string) string {
	limit := 2
	if len(word) < 4 {
		limit = 1
	}
	best, bestD := "", limit+1
	for _, c := range candidates {
		if d := diag.Distance(strings.ToLower(word), c, limit); d < bestD {
			best, bestD = c, d
		}
	}
	return best
}
