// SPDX-License-Identifier: Apache-2.0

package initctl

import (
	"fmt"
	"strings"

	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

// failureLines is how many of a failed job's last lines are shown.
const failureLines = 10

// why adds to "Job failed to start" what its users missed most: the reason,
// and what the job wrote last. Upstart itself has nothing to say to that.
func (r *run) why(t *target, err error) error {
	if !isError(err, "JobFailed") {
		return err
	}
	failure, _, lines, ask := r.conn.Failure(t.unit(), failureLines)
	if ask != nil {
		return err
	}
	text := ""
	if failure != "" && !strings.Contains(err.Error(), failure) {
		text = "\n  " + strings.ReplaceAll(failure, "\n", "\n  ")
	}
	if len(lines) > 0 {
		text += "\n  the last that it wrote:\n    " + strings.Join(lines, "\n    ")
	}
	return fmt.Errorf("%w%s", err, text)
}

// unit is the name of the job's unit, or of the instance that is meant.
func (t *target) unit() string {
	name := upstart.UnitName(t.job.Name)
	i, err := t.job.Instance(t.env)
	if err != nil || i.Name == "" {
		return name
	}
	return unit.InstanceOf(name, unit.Escape(i.Name))
}
