// SPDX-License-Identifier: Apache-2.0

package statelog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// pageSize aligns segments, so that the pages of old ones can be freed. It
// is the largest page size in use; mmap wants no less than the machine's.
const pageSize = 64 << 10

// A segment is: magic (8 bytes), number of the first record (8), length of
// the schema (8), of the snapshot (8), whether there is a snapshot (4), CRC
// of the five and of what follows (4); schema; snapshot; records.
//
// A record is: length of the body (4 bytes), CRC-32C of its number, time and
// body (4), time (8), body.
const (
	segmentMagic = "rouseSG1"
	segmentSize  = 40
	recordSize   = 16
)

var (
	errCorrupt  = errors.New("it is not a state log, or it is damaged")
	errReleased = errors.New("the state log has been written to since it was opened")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segment says where things are; start is an offset in the file, the others
// count from it.
type segment struct {
	start                     int64
	schema, snapshot, records int64
	first                     uint64
	hasSnapshot               bool
}

// appendSegment makes a segment that is to lie at the offset at.
func appendSegment(at int64, first uint64, schema, snapshot []byte, has bool) (segment, []byte) {
	b := make([]byte, segmentSize, segmentSize+len(schema)+len(snapshot))
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint64(b[8:], first)
	binary.LittleEndian.PutUint64(b[16:], uint64(len(schema)))
	binary.LittleEndian.PutUint64(b[24:], uint64(len(snapshot)))
	if has {
		b[32] = 1
	}
	b = append(append(b, schema...), snapshot...)
	binary.LittleEndian.PutUint32(b[36:], segmentSum(b))
	return segment{
		start: at, schema: segmentSize, snapshot: segmentSize + int64(len(schema)), records: int64(len(b)),
		first: first, hasSnapshot: has,
	}, b
}

func segmentSum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:36], castagnoli), castagnoli, b[segmentSize:])
}

// parseSegment reads the segment at the offset at, whose content and what
// follows is b.
func parseSegment(at int64, b []byte) (segment, error) {
	if len(b) < segmentSize || string(b[:8]) != segmentMagic {
		return segment{}, errCorrupt
	}
	s := segment{start: at, schema: segmentSize, first: binary.LittleEndian.Uint64(b[8:]), hasSnapshot: b[32] != 0}
	schema, snapshot := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	room := uint64(len(b) - segmentSize)
	if schema > room || snapshot > room-schema || s.first == 0 {
		return segment{}, errCorrupt
	}
	s.snapshot = segmentSize + int64(schema)
	s.records = s.snapshot + int64(snapshot)
	if binary.LittleEndian.Uint32(b[36:]) != segmentSum(b[:s.records]) {
		return segment{}, errCorrupt
	}
	return s, nil
}

// parseRecord reads the record number seq at the start of b; nil: there is
// none, or not all of it.
func parseRecord(b []byte, seq uint64) (now int64, body []byte) {
	if len(b) < recordSize {
		return 0, nil
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	if n == 0 || n > uint64(len(b)-recordSize) {
		return 0, nil
	}
	b = b[:recordSize+n]
	if binary.LittleEndian.Uint32(b[4:]) != checksum(seq, b[8:]) {
		return 0, nil
	}
	return int64(binary.LittleEndian.Uint64(b[8:])), b[recordSize:]
}

// finishRecord fills in the head of the record b.
func finishRecord(b []byte, now int64, seq uint64) {
	binary.LittleEndian.PutUint32(b, uint32(len(b)-recordSize))
	binary.LittleEndian.PutUint64(b[8:], uint64(now))
	binary.LittleEndian.PutUint32(b[4:], checksum(seq, b[8:]))
}

// checksum has the number in it, so that a record is not taken for another
// one that was at its place before.
func checksum(seq uint64, b []byte) uint32 {
	return crc32.Update(uint32(seq^seq>>32), castagnoli, b)
}
