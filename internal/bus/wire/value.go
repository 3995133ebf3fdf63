// SPDX-License-Identifier: Apache-2.0

package wire

import "fmt"

// Variant is a value of any type with its signature. Value is a bool, byte,
// int16, uint16, int32, uint32, int64, uint64, float64 or string; []byte for
// ay, []string for as, []any for other arrays and for structs and dict
// entries, Variant for v.
type Variant struct {
	Sig   string
	Value any
}

// Variant reads a v.
func (d *Decoder) Variant() Variant { return d.variant(0) }

// Value reads one value of the complete type sig.
func (d *Decoder) Value(sig string) any { return d.value(sig, 0) }

func (d *Decoder) variant(depth int) Variant {
	sig := d.Signature()
	if d.err != nil {
		return Variant{}
	}
	if n, err := next(sig, 0); err != nil || n != len(sig) {
		d.Fail(fmt.Errorf("variant has signature %q, want one complete type", sig))
		return Variant{}
	}
	return Variant{sig, d.value(sig, depth+1)}
}

func (d *Decoder) value(sig string, depth int) any {
	if depth > maxDepth {
		d.Fail(fmt.Errorf("value is nested more than %d deep", maxDepth))
	}
	if d.err != nil || sig == "" {
		return nil
	}
	switch sig[0] {
	case 'y':
		return d.Byte()
	case 'b':
		return d.Bool()
	case 'n':
		return int16(d.Uint16())
	case 'q':
		return d.Uint16()
	case 'i':
		return d.Int32()
	case 'u', 'h':
		return d.Uint32()
	case 'x':
		return d.Int64()
	case 't':
		return d.Uint64()
	case 'd':
		return d.Double()
	case 's':
		return d.String()
	case 'o':
		return d.Path()
	case 'g':
		return d.Signature()
	case 'v':
		return d.variant(depth)
	case 'a':
		return d.array(sig[1:], depth)
	case '(', '{':
		return d.members(sig[1:len(sig)-1], depth)
	}
	d.Fail(fmt.Errorf("type %q is unknown", sig))
	return nil
}

func (d *Decoder) array(elem string, depth int) any {
	switch elem {
	case "y":
		return append([]byte{}, d.Bytes()...)
	case "s":
		return d.Strings()
	}
	v := []any{}
	for end := d.Array(elem[0]); d.More(end); {
		v = append(v, d.value(elem, depth+1))
	}
	return v
}

func (d *Decoder) members(sig string, depth int) any {
	d.Struct()
	var v []any
	for sig != "" && d.err == nil {
		n, err := next(sig, 0)
		if err != nil {
			d.Fail(err)
			break
		}
		v = append(v, d.value(sig[:n], depth+1))
		sig = sig[n:]
	}
	return v
}

// CheckBody tells whether data is exactly what the signature says.
func CheckBody(m *Message) error {
	d := m.Decoder()
	d.members(m.Signature, 0)
	if d.err != nil {
		return d.err
	}
	if !d.Done() {
		return fmt.Errorf("body has %d bytes more than signature %q", len(d.data)-d.pos, m.Signature)
	}
	return nil
}
