// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"time"

	"github.com/rouse-init/rouse/internal/bus/wire"
)

// call calls a method that is answered soon.
func (u *Upstart) call(path, iface, member, sig string, args func(*wire.Encoder)) (*wire.Decoder, error) {
	return u.conn.Call(path, iface, member, sig, args)
}

// patient is call, but for as long as it takes where wait is true.
func (u *Upstart) patient(wait bool, path, iface, member, sig string, args func(*wire.Encoder)) (*wire.Decoder, error) {
	if !wait {
		return u.call(path, iface, member, sig, args)
	}
	return u.conn.callUntil(time.Time{}, path, iface, member, sig, args)
}

// plain calls a method of the manager's object that has no result.
func (u *Upstart) plain(member, sig string, args func(*wire.Encoder)) error {
	_, err := u.call(upstartPath, ifUpstart, member, sig, args)
	return err
}

// text is plain with one string as result.
func (u *Upstart) text(member, sig string, args func(*wire.Encoder)) (string, error) {
	d, err := u.call(upstartPath, ifUpstart, member, sig, args)
	if err != nil {
		return "", err
	}
	s := d.String()
	return s, d.Err()
}

func (u *Upstart) textProperty(path, iface, name string) (string, error) {
	d, err := u.call(path, ifProps, "Get", "ss", texts(iface, name))
	if err != nil {
		return "", err
	}
	s, _ := d.Variant().Value.(string)
	return s, d.Err()
}

func (u *Upstart) properties(path, iface string) (Props, error) {
	d, err := u.call(path, ifProps, "GetAll", "s", texts(iface))
	if err != nil {
		return nil, err
	}
	return readProps(d)
}

// texts writes strings one by one.
func texts(words ...string) func(*wire.Encoder) {
	return func(e *wire.Encoder) {
		for _, w := range words {
			e.String(w)
		}
	}
}

// paths reads an ao.
func paths(d *wire.Decoder) []string {
	var list []string
	for end := d.Array('o'); d.More(end); {
		list = append(list, d.Path())
	}
	return list
}

// errorName is the D-Bus name of a refusal, "" of any other error.
func errorName(err error) string {
	var refusal *Error
	if errors.As(err, &refusal) {
		return refusal.Name
	}
	return ""
}
