// SPDX-License-Identifier: Apache-2.0

package load

import "strings"

// looksLikeJob tells a job file from the other *.conf files that a directory
// of units may hold. A job has, at the beginning of a line, a stanza that
// hardly anything else has; a file whose first line is a section header is
// none. A job that consists of, say, a description alone is not recognized,
// and would do nothing.
func looksLikeJob(text []byte) bool {
	first := true
	for line := range strings.Lines(string(text)) {
		w := strings.Fields(line)
		if len(w) == 0 || w[0][0] == '#' {
			continue
		}
		if first && w[0][0] == '[' {
			return false
		}
		first = false
		if jobLine(w) {
			return true
		}
	}
	return false
}

// jobLine tells whether the words of one line are such a stanza.
func jobLine(w []string) bool {
	second := ""
	if len(w) > 1 {
		second = w[1]
	}
	end := second == "" || second[0] == '#'
	switch w[0] {
	case "start", "stop":
		return second == "on"
	case "pre-start", "post-start", "pre-stop", "post-stop":
		return second == "exec" || second == "script"
	case "exec":
		return !end && !strings.HasPrefix(second, "=")
	case "script", "task", "manual", "respawn":
		return end
	case "expect":
		switch second {
		case "fork", "daemon", "stop", "none", "listen":
			return true
		}
	}
	return false
}
