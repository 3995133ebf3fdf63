// SPDX-License-Identifier: Apache-2.0

package xinetd

// attribute is what is known of one attribute.
type attribute struct {
	name string
	// list attributes take += and, but for env, -=, and any number of values;
	// the others take least to most values and =.
	list        bool
	least, most int
	inDefaults  bool // it may stand there; only: it may stand nowhere else
	only        bool
	read        func(b *build, v []word)
	// Becomes says in docs/inetd.md what it becomes.
	Becomes string
}

// attributes are those of xinetd.conf(5), in the order in which they are put
// into effect.
func attributes() []attribute {
	one := func(name, becomes string, read func(*build, word)) attribute {
		return attribute{name: name, least: 1, most: 1, Becomes: becomes, read: func(b *build, v []word) { read(b, v[0]) }}
	}
	some := func(name, becomes string, read func(*build, []word)) attribute {
		return attribute{name: name, list: true, Becomes: becomes, read: read}
	}
	words := func(name string, least, most int, becomes string, read func(*build, []word)) attribute {
		return attribute{name: name, least: least, most: most, Becomes: becomes, read: read}
	}
	also := func(a attribute) attribute { a.inDefaults = true; return a }
	onlyDefault := func(a attribute) attribute { a.inDefaults, a.only = true, true; return a }
	return []attribute{
		one("id", "the name of the units", (*build).nothing),
		words("type", 1, 4, "INTERNAL: served by rouse; UNLISTED: needs `port`; RPC, TCPMUX and TCPMUXPLUS: refused", (*build).types),
		words("flags", 0, 16, "KEEPALIVE, NODELAY: socket options; NAMEINARGS, IPv4, IPv6, SENSOR: as in xinetd; NORETRY, REUSE, NOLIBWRAP: nothing to do; INTERCEPT, IDONLY: refused; LABELED: no effect", (*build).flags),
		one("disable", "`yes`: the socket starts only by its name", (*build).disable),
		one("socket_type", "`ListenStream=` or `ListenDatagram=`; raw, seqpacket: refused", (*build).socketType),
		one("protocol", "the end of the units' names, and where the port is looked up", (*build).protocol),
		one("wait", "`no`: `Accept=yes`, `StandardInput=socket`; `yes`: `X-Handover=stdio`", (*build).waiting),
		one("port", "the port of `ListenStream=` or `ListenDatagram=`", (*build).port),
		also(one("bind", "the address of `ListenStream=` or `ListenDatagram=`", (*build).bind)),
		also(one("interface", "as `bind`", (*build).bind)),
		also(one("v6only", "`BindIPv6Only=`", (*build).v6only)),
		one("user", "`User=`", (*build).user),
		one("group", "`Group=`", (*build).group),
		also(one("groups", "`no` has no effect: the user's groups are always set", (*build).groups)),
		also(one("umask", "`UMask=`", (*build).umask)),
		one("nice", "`Nice=`", (*build).nice),
		one("server", "the program of `ExecStart=`", (*build).server),
		words("server_args", 0, maxValues, "its arguments", (*build).serverArgs),
		words("redirect", 2, 2, "the service is `rouse bridge --to HOST:PORT`", (*build).redirect),
		some("env", "`Environment=`", (*build).env),
		also(some("passenv", "`PassEnvironment=`", (*build).passenv)),
		one("rlimit_as", "`LimitAS=`", rlimit(9, true)),
		one("rlimit_files", "`LimitNOFILE=`", rlimit(7, false)),
		one("rlimit_cpu", "`LimitCPU=`", rlimit(0, false)),
		one("rlimit_data", "`LimitDATA=`", rlimit(2, true)),
		one("rlimit_rss", "`LimitRSS=`", rlimit(5, true)),
		one("rlimit_stack", "`LimitSTACK=`", rlimit(3, true)),
		also(one("instances", "`MaxConnections=`", (*build).instances)),
		also(one("per_source", "`MaxConnectionsPerSource=`", (*build).perSource)),
		also(words("cps", 2, 2, "`TriggerLimitBurst=` in one second; the pause is at most 10 s, and clients wait", (*build).cps)),
		also(one("max_load", "connections are refused while the load is as high", (*build).maxLoad)),
		also(some("only_from", "who may connect", (*build).onlyFrom)),
		also(some("no_access", "who may not", (*build).noAccess)),
		also(words("access_times", 0, 64, "when", (*build).accessTimes)),
		also(one("deny_time", "how long SENSOR refuses a client", (*build).denyTime)),
		also(one("banner", "sent to every client", (*build).banner)),
		also(one("banner_success", "sent to clients that are let in", (*build).bannerSuccess)),
		also(one("banner_fail", "sent to clients that are refused", (*build).bannerFail)),
		also(some("log_type", "no effect: what is logged goes to the unit's log", (*build).logType)),
		also(some("log_on_success", "PID, HOST: a line when a process takes the connection; EXIT, DURATION: one when it has ended; USERID, TRAFFIC: no effect", (*build).logOnSuccess)),
		also(some("log_on_failure", "what is logged of a refusal", (*build).logOnFailure)),
		onlyDefault(some("enabled", "all other services are off", (*build).nothings)),
		onlyDefault(some("disabled", "these services are off", (*build).nothings)),
		also(one("mdns", "no effect", (*build).mdns)),
		one("libwrap", "no effect: /etc/hosts.allow and /etc/hosts.deny are not read", (*build).libwrap),
		one("rpc_version", "refused, with `type = RPC`", (*build).rpc),
		one("rpc_number", "refused, with `type = RPC`", (*build).rpc),
	}
}
