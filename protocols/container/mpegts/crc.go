package mpegts

// crcTable is that of the polynomial 0x04c11db7, most significant bit first
// (annex A).
var crcTable = makeCRCTable()

func makeCRCTable() (table [256]uint32) {
	const polynomial = 0x04c11db7
	for i := range table {
		c := uint32(i) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ polynomial
			} else {
				c <<= 1
			}
		}
		table[i] = c
	}
	return table
}

// crc32 returns the checksum of a section; that of a whole one, with its
// checksum, is 0.
func crc32(b []byte) uint32 {
	c := ^uint32(0)
	for _, v := range b {
		c = c<<8 ^ crcTable[byte(c>>24)^v]
	}
	return c
}
