package g722

// The tables of ITU-T G.722 (09/2012). Codes index the inverse quantizers as
// they are sent.

// qmf is the first half of the symmetric 24-tap filter, in steps of 2^-13
// (table 11).
var qmf = [12]int32{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11}

// lowDecisions are the levels Q6 of the 60-level quantizer (table 14).
var lowDecisions = [...]int32{
	35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714,
	786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
}

// lowLevels are the levels QM6 of the 6-bit inverse quantizer (table 17).
var lowLevels = [64]int32{
	-136, -136, -136, -136, -24808, -21904, -19008, -16704,
	-14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
	-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576,
	-3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
	24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192,
	10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
	4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032,
	1688, 1360, 1040, 728, 432, 136, -432, -136,
}

// predictLevels are the levels QM4 of the 4-bit inverse quantizer, which
// drives the lower band's predictor (table 19).
var predictLevels = [16]int32{
	0, -20456, -12896, -8968, -6288, -4240, -2584, -1200,
	20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
}

// highLevels are the levels QM2 of the upper band (table 20).
var highLevels = [4]int32{-7408, -1616, 7408, 1616}

// lowWeights are the logarithmic scale factor multipliers WL of each 4-bit
// code, highWeights WH of each 2-bit code (tables 12 and 13).
var (
	lowWeights = [16]int32{
		-60, 3042, 1198, 538, 334, 172, 58, -30,
		3042, 1198, 538, 334, 172, 58, -30, -60,
	}
	highWeights = [4]int32{798, -214, 798, -214}
)

// exponentials is ILB, 2^11 times 2^(i/32) (table 15).
var exponentials = [32]int32{
	2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
	2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
}
