package demo

// The picture is a grid of macroblocks: colour bars, a marker that runs once a
// second, and a clock.
const (
	columns, rows = 40, 23
	pixelWidth    = columns * 16
	pixelHeight   = 360
	fps           = 25
)

// bars are 75 % colour bars in BT.601.
var bars = [...]colour{
	{180, 128, 128},
	{162, 44, 142},
	{131, 156, 44},
	{112, 72, 58},
	{84, 184, 198},
	{65, 100, 212},
	{35, 212, 114},
}

var (
	ink   = colour{235, 128, 128}
	paper = colour{16, 128, 128}
)

// digits are 3x5 bitmaps, a row an octal digit, the top row first.
var digits = [...]uint16{
	0o75557, 0o26227, 0o71747, 0o71717, 0o55711, 0o74717, 0o74757, 0o71111, 0o75757, 0o75717,
}

const colon = 0o02020

// draw paints frame n, counted from the start.
func draw(picture []colour, n int) {
	for i := range picture {
		x, y := i%columns, i/columns
		switch {
		case y < 12:
			picture[i] = bars[x*len(bars)/columns]
		case y == 21:
			picture[i] = paper
			if x == n%fps*columns/fps {
				picture[i] = ink
			}
		default:
			picture[i] = paper
		}
	}
	seconds := n / fps
	text := []int{seconds / 600 % 10, seconds / 60 % 10, -1, seconds / 10 % 6, seconds % 10}
	for i, d := range text {
		glyph := uint16(colon)
		if d >= 0 {
			glyph = digits[d]
		}
		stamp(picture, 10+4*i, 14, glyph)
	}
}

func stamp(picture []colour, x, y int, glyph uint16) {
	for row := range 5 {
		for col := range 3 {
			if glyph>>(3*(4-row)+2-col)&1 == 1 {
				picture[(y+row)*columns+x+col] = ink
			}
		}
	}
}
