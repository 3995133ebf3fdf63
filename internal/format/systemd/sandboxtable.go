// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"errors"
	"strings"
)

const (
	namespaces = "cgroup ipc net mnt pid user uts"
	seesAll    = "the service sees and may write what its user may"
	sharesTmp  = "the service shares /tmp and /var/tmp with others"
	allCalls   = "the service may use every system call"
	privateNot = "the service shares this namespace with the system"
)

func sandboxTable() []Directive {
	files := lessSafe
	return []Directive{
		files(inExec, "ReadWritePaths", isPathList, seesAll),
		files(inExec, "ReadOnlyPaths", isPathList, seesAll),
		files(inExec, "InaccessiblePaths", isPathList, seesAll),
		renamed(files(inExec, "ReadWriteDirectories", isPathList, seesAll), "ReadWritePaths"),
		renamed(files(inExec, "ReadOnlyDirectories", isPathList, seesAll), "ReadOnlyPaths"),
		renamed(files(inExec, "InaccessibleDirectories", isPathList, seesAll), "InaccessiblePaths"),
		files(inExec, "ExecPaths", isPathList, "the service may run every program"),
		files(inExec, "NoExecPaths", isPathList, "the service may run every program"),
		notYet(inExec, "BindPaths", isWords, "nothing is mounted for the service"),
		notYet(inExec, "BindReadOnlyPaths", isWords, "nothing is mounted for the service"),
		files(inExec, "TemporaryFileSystem", isWords, "what is below the path stays visible and is not replaced"),
		files(inExec, "PrivateTmp", isBoolOr("connected disconnected"), sharesTmp),
		files(inExec, "PrivateDevices", isBool, "the service sees all devices"),
		files(inExec, "PrivateMounts", isBool, privateNot),
		files(inExec, "MountFlags", isOneOf("shared slave private"), "mounts are shared with the system"),
		notYet(inExec, "MountAPIVFS", isBool, "/proc, /sys and /dev are not mounted below RootDirectory="),
		notYet(inExec, "BindLogSockets", isBool, "the sockets of the journal are not mounted for the service"),
		files(inExec, "ProtectSystem", isBoolOr("full strict"), seesAll),
		files(inExec, "ProtectHome", isBoolOr("read-only tmpfs"), seesAll),
		files(inExec, "ProtectProc", isOneOf("noaccess invisible ptraceable default"), "the service sees all processes"),
		files(inExec, "ProcSubset", isOneOf("all pid"), "the service sees all of /proc"),
		files(inExec, "RestrictFileSystems", isWords, "the service may use every file system"),

		files(inExec, "ProtectKernelTunables", isBool, "the service may write what its user may in /proc and /sys"),
		files(inExec, "ProtectKernelModules", isBool, "the service may load modules if its user may"),
		files(inExec, "ProtectKernelLogs", isBool, "the service may read the kernel's log if its user may"),
		files(inExec, "ProtectClock", isBool, "the service may set the clock if its user may"),
		files(inExec, "ProtectControlGroups", isBoolOr("private strict"), "the service may write to cgroups if its user may"),
		files(inExec, "ProtectHostname", isBoolOr("private"), "the service may set the host name if its user may"),
		files(inExec, "PrivateNetwork", isBool, "the service has the network of the system"),
		files(inExec, "NetworkNamespacePath", isPath, "the service has the network of the system"),
		files(inExec, "PrivateUsers", isBoolOr("self identity full"), privateNot),
		files(inExec, "PrivateIPC", isBool, privateNot),
		files(inExec, "IPCNamespacePath", isPath, privateNot),
		files(inExec, "PrivatePIDs", isBool, privateNot),

		files(inExec, "SystemCallFilter", isWords, allCalls),
		files(inExec, "SystemCallArchitectures", isWords, "system calls of every architecture are open to it"),
		notYet(inExec, "SystemCallErrorNumber", isNoise, allCalls),
		notYet(inExec, "SystemCallLog", isWords, "no system call is logged"),
		files(inExec, "MemoryDenyWriteExecute", isBool, "memory may be writable and executable"),
		files(inExec, "RestrictNamespaces", isBoolOrListOf(namespaces), "the service may make every namespace"),
		files(inExec, "RestrictRealtime", isBool, "the service may use real-time scheduling if its user may"),
		files(inExec, "RestrictSUIDSGID", isBool, "the service may make set-user-ID files"),
		files(inExec, "RestrictAddressFamilies", value{"none or [~]list of address families", checkFamilies}, "the service may use every address family"),
		files(inExec, "LockPersonality", isBool, "the service may change its personality"),
	}
}

// renamed marks an entry as the older name of another.
func renamed(d Directive, of string) Directive {
	d.AliasOf = of
	return d
}

func checkFamilies(b *build, v string) error {
	if v == "none" {
		return nil
	}
	return b.words(strings.TrimPrefix(v, "~"), unquote, func(w string) error {
		if !strings.HasPrefix(w, "AF_") {
			return errors.New("expected an address family such as AF_UNIX")
		}
		return nil
	})
}

func imageTable() []Directive {
	const noImage = "the service runs on the file system of the system"
	const noCred = "the service starts without the credential"
	return []Directive{
		lessSafe(inExec, "RootImage", isPath, noImage),
		notYet(inExec, "RootImageOptions", isNoise, noImage),
		notYet(inExec, "RootImagePolicy", isNoise, noImage),
		notYet(inExec, "RootHash", isNoise, noImage),
		notYet(inExec, "RootHashSignature", isNoise, noImage),
		notYet(inExec, "RootVerity", isPath, noImage),
		notYet(inExec, "RootEphemeral", isBool, "changes below RootDirectory= stay"),
		notYet(inExec, "ExtensionDirectories", isPathList, "no extension is mounted"),
		notYet(inExec, "ExtensionImages", isWords, "no extension is mounted"),
		notYet(inExec, "ExtensionImagePolicy", isNoise, "no extension is mounted"),
		notYet(inExec, "MountImages", isWords, "no image is mounted"),
		notYet(inExec, "MountImagePolicy", isNoise, "no image is mounted"),
		notYet(inExec, "SetCredential", isNoise, noCred),
		notYet(inExec, "SetCredentialEncrypted", isNoise, noCred),
		notYet(inExec, "LoadCredential", isNoise, noCred),
		notYet(inExec, "LoadCredentialEncrypted", isNoise, noCred),
		notYet(inExec, "ImportCredential", isNoise, noCred),
	}
}
