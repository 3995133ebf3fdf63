// SPDX-License-Identifier: Apache-2.0

package bus

import "github.com/rouse-init/rouse/internal/bus/wire"

// Tree finds objects by path.
type Tree interface {
	// Lookup returns what lives at a path.
	Lookup(path string) (Node, bool)
	// Children are the next elements of the paths below path, sorted; nil
	// where there can be none. What is above the Part's Root is not asked for.
	Children(path string) []string
}

// Node is one object: its interfaces, and what their functions get.
type Node struct {
	Interfaces []*Interface
	Subject    any
}

// Interface is a table of methods, properties and signals.
type Interface struct {
	Name string
	// Denied is the error for those who may not call a method; "" means that
	// of the D-Bus specification.
	Denied  string
	Methods []Method
	Props   []Prop
	Signals []SignalDef
}

// Method is one method. In and Out are its signatures; Args and Results name
// their parts for introspection, in one word each.
type Method struct {
	Name, In, Out string
	// Open methods only look: everybody may call them.
	Open bool
	Call func(subject any, c *Call)
	Args string // "name mode", then " > " and the results: "name mode > job"
}

// Change says how the change of a property is told.
type Change uint8

// The values of EmitsChangedSignal in the D-Bus specification.
const (
	ChangeFalse Change = iota
	ChangeConst
	ChangeTrue
)

// Prop is one property. Set is nil for those that are only read.
type Prop struct {
	Name, Sig string
	Change    Change
	Get       func(subject any, e *wire.Encoder)
	Set       func(subject any, v wire.Variant, c *Call)
}

// SignalDef is one signal, for introspection.
type SignalDef struct{ Name, Sig, Args string }

// The errors of the D-Bus specification that this package and its users need.
const (
	errPrefix        = "org.freedesktop.DBus.Error."
	ErrFailed        = errPrefix + "Failed"
	ErrAccess        = errPrefix + "AccessDenied"
	ErrArgs          = errPrefix + "InvalidArgs"
	ErrUnknownMethod = errPrefix + "UnknownMethod"
	ErrUnknownObject = errPrefix + "UnknownObject"
	ErrUnknownIface  = errPrefix + "UnknownInterface"
	ErrUnknownProp   = errPrefix + "UnknownProperty"
	ErrReadOnly      = errPrefix + "PropertyReadOnly"
	ErrNotSupported  = errPrefix + "NotSupported"
	ErrLimits        = errPrefix + "LimitsExceeded"
)
