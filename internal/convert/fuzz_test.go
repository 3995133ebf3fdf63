// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rouse-init/rouse/internal/format/systemd"
	"github.com/rouse-init/rouse/internal/format/upstart"
	"github.com/rouse-init/rouse/internal/unit"
)

// FuzzSystemd: nothing in a job gets out of the line it is meant for. The
// units hold the settings that a conversion writes, in the three sections
// that it writes, and no line that a loader could not read.
func FuzzSystemd(f *testing.F) {
	for _, path := range []string{"testdata/commands.txtar", "testdata/process.txtar", "testdata/triggers.txtar", "testdata/instances.txtar"} {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, member := range ar.Files {
			if strings.HasSuffix(member.Name, ".conf") {
				f.Add("job", string(member.Data))
			}
		}
	}
	f.Add("a/b\n[Service]", "author \"x\n[Unit]\"\nexec a\\\n b\nsetuid \"root\n\nUser=x\"\nstart on started \"x\n[Install]\"")
	f.Fuzz(func(t *testing.T, name, text string) {
		u, _ := upstart.Compile(name, upstart.Parse("/job.conf", []byte(text)), nil, upstart.Options{})
		files, _ := Systemd(u)
		for _, file := range files {
			if unit.KindOf(file.Name) == unit.KindInvalid {
				continue
			}
			parsed, list := systemd.Parse(file.Name, []byte(file.Text))
			if len(list) > 0 {
				t.Fatalf("%v\n%s", list, file.Text)
			}
			for _, a := range parsed.Assigns {
				if !slices.Contains(strings.Fields(settings), a.Key) {
					t.Fatalf("[%s] %s=%s\n%s", a.Section, a.Key, a.Value, file.Text)
				}
			}
		}
	})
}

// settings are all that a conversion writes.
const settings = ` Description DefaultDependencies Requires BindsTo Wants PartOf Conflicts After Before ConditionVirtualization
 StartLimitIntervalSec StartLimitBurst Type RemainAfterExit BusName TimeoutStartSec User Group RootDirectory WorkingDirectory UMask
 Environment EnvironmentFile PassEnvironment ExecSearchPath ExecCondition ExecStartPre ExecStart ExecStartPost ExecReload ExecStop
 ExecStopPost Restart RestartSec SuccessExitStatus RestartPreventExitStatus KillSignal TimeoutStopSec IgnoreSIGPIPE StandardInput
 StandardOutput StandardError Nice OOMScoreAdjust AppArmorProfile LimitCPU LimitFSIZE LimitDATA LimitSTACK LimitCORE LimitRSS LimitNPROC
 LimitNOFILE LimitMEMLOCK LimitAS LimitLOCKS LimitSIGPENDING LimitMSGQUEUE LimitNICE LimitRTPRIO LimitRTTIME WantedBy Also Alias
 ListenStream DirectoryNotEmpty PathExists PathExistsGlob PathChanged OnCalendar `
