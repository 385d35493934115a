//! Ways to write the ten digits that few people have, as pen strokes: with serifs, feet and bars, with strokes left out, open
//! where others close and closed where others are open.
//!
//! Points are as in [`glyphs`](super::glyphs).

use super::glyphs::Glyph;
use super::glyphs::Stroke::{Curve, Line};

/// For each digit, the ways that few people have.
pub(super) const RARE_GLYPHS: [&[Glyph]; 10] = [ZERO, ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT, NINE];

const ZERO: &[Glyph] = &[
    // Struck through.
    &[
        Curve(&[(32, 0), (12, 12), (2, 50), (12, 88), (32, 100), (52, 88), (60, 50), (50, 12), (32, 0)]),
        Line(&[(54, 8), (8, 92)]),
    ],
    // Begun and ended with a tail above.
    &[Curve(&[(58, 4), (30, 10), (6, 40), (4, 84), (24, 100), (48, 84), (54, 44), (36, 12), (14, 4)])],
    // Open at the top.
    &[Curve(&[(32, 4), (12, 16), (2, 50), (14, 92), (36, 98), (56, 76), (58, 36), (50, 8)])],
];

const ONE: &[Glyph] = &[
    // A long flag and a foot.
    &[Line(&[(2, 32), (28, 0), (26, 100)]), Line(&[(2, 100), (52, 98)])],
    // A long flag.
    &[Line(&[(0, 40), (26, 0), (22, 100)])],
    // A bent flag and a wave for a foot.
    &[
        Curve(&[(4, 24), (16, 16), (28, 0)]),
        Line(&[(28, 0), (26, 96)]),
        Curve(&[(2, 98), (24, 94), (52, 98)]),
    ],
];

const TWO: &[Glyph] = &[
    // Begun with a curl.
    &[
        Curve(&[(24, 28), (10, 22), (16, 4), (38, 0), (54, 14), (50, 38), (28, 70), (4, 96)]),
        Line(&[(4, 96), (60, 96)]),
    ],
    // With corners.
    &[Line(&[(4, 6), (52, 4), (4, 98), (58, 96)])],
    // A loop above and a wave below.
    &[
        Curve(&[(40, 22), (20, 32), (6, 18), (20, 0), (44, 2), (54, 20), (46, 46), (24, 76), (4, 94)]),
        Curve(&[(4, 94), (20, 86), (42, 96), (62, 92)]),
    ],
    // Leaning far back, with a short foot.
    &[Curve(&[(0, 20), (18, 2), (42, 4), (44, 30), (26, 62), (10, 96)]), Line(&[(10, 96), (44, 96)])],
];

const THREE: &[Glyph] = &[
    // With corners.
    &[Line(&[(4, 4), (50, 4), (20, 44), (52, 70), (38, 96), (0, 96)])],
    // A loop in the middle.
    &[Curve(&[
        (4, 10),
        (28, 0),
        (48, 12),
        (42, 36),
        (22, 48),
        (14, 42),
        (24, 38),
        (48, 56),
        (54, 80),
        (34, 100),
        (2, 92),
    ])],
    // Curled at both ends.
    &[Curve(&[
        (14, 22),
        (6, 10),
        (28, 0),
        (46, 14),
        (40, 36),
        (20, 46),
        (46, 56),
        (54, 80),
        (34, 100),
        (8, 94),
        (10, 78),
    ])],
];

const FOUR: &[Glyph] = &[
    // Pointed and closed, the stem below the point.
    &[Line(&[(36, 0), (2, 60), (56, 60)]), Line(&[(36, 0), (36, 100)])],
    // The same, slanting, and the bar ends at the stem.
    &[Line(&[(44, 0), (4, 58), (42, 58)]), Line(&[(44, 0), (38, 100)])],
    // Two strokes that meet.
    &[Line(&[(6, 0), (14, 44), (44, 40)]), Line(&[(58, 0), (38, 54), (20, 100)])],
    // The bar ends at a short stem.
    &[Line(&[(10, 0), (4, 50), (46, 50)]), Line(&[(46, 26), (44, 100)])],
    // In one movement.
    &[Curve(&[(8, 0), (4, 34), (20, 46), (48, 36)]), Line(&[(52, 4), (48, 36), (40, 100)])],
];

const FIVE: &[Glyph] = &[
    // Without its bar.
    &[Line(&[(16, 2), (10, 44)]), Curve(&[(10, 44), (36, 38), (55, 56), (52, 84), (28, 100), (0, 92)])],
    // Curled at its end.
    &[
        Line(&[(54, 2), (16, 2), (11, 42)]),
        Curve(&[(11, 42), (38, 38), (56, 60), (46, 94), (18, 100), (4, 86), (14, 76)]),
    ],
    // The bar apart.
    &[
        Line(&[(24, 0), (64, 2)]),
        Line(&[(12, 14), (8, 48)]),
        Curve(&[(8, 48), (36, 44), (52, 62), (44, 92), (2, 97)]),
    ],
];

const SIX: &[Glyph] = &[
    // A small loop.
    &[Curve(&[(24, 0), (8, 44), (4, 84), (22, 100), (40, 90), (36, 72), (18, 70), (5, 84)])],
    // Upright, like a b.
    &[Line(&[(8, 0), (4, 72)]), Curve(&[(4, 72), (10, 98), (36, 98), (46, 76), (30, 60), (6, 74)])],
    // The loop left open.
    &[Curve(&[(42, 0), (16, 28), (2, 68), (14, 98), (42, 94), (48, 72), (30, 62)])],
];

const SEVEN: &[Glyph] = &[
    // With a serif and a bar.
    &[Line(&[(2, 18), (4, 2), (62, 2), (24, 100)]), Line(&[(14, 52), (58, 48)])],
    // With a wave above.
    &[Curve(&[(2, 14), (12, 3), (32, 9), (62, 2)]), Curve(&[(62, 2), (40, 46), (28, 100)])],
    // Narrow, with a serif.
    &[Line(&[(2, 22), (6, 3), (46, 3), (26, 100)])],
    // With a rising bar.
    &[Line(&[(0, 5), (62, 2), (30, 100)]), Line(&[(16, 62), (60, 46)])],
    // A wave above, and a bar.
    &[
        Curve(&[(2, 14), (12, 3), (32, 9), (62, 2)]),
        Curve(&[(62, 2), (38, 46), (26, 100)]),
        Line(&[(16, 54), (58, 52)]),
    ],
];

const EIGHT: &[Glyph] = &[
    // Open at the top.
    &[Curve(&[
        (44, 3),
        (18, 8),
        (14, 30),
        (44, 58),
        (46, 90),
        (20, 100),
        (4, 80),
        (22, 54),
        (48, 34),
        (60, 4),
    ])],
    // A small ring on a large one.
    &[
        Curve(&[(30, 0), (18, 8), (20, 26), (30, 32), (41, 24), (40, 8), (30, 0)]),
        Curve(&[(30, 32), (6, 48), (4, 84), (30, 100), (58, 84), (54, 48), (30, 32)]),
    ],
    // A large ring on a small one.
    &[
        Curve(&[(30, 0), (8, 10), (6, 40), (30, 56), (54, 40), (54, 10), (30, 0)]),
        Curve(&[(30, 56), (16, 68), (16, 92), (30, 100), (46, 92), (46, 68), (30, 56)]),
    ],
];

const NINE: &[Glyph] = &[
    // Open at the side.
    &[Curve(&[(48, 6), (24, 0), (4, 20), (12, 44), (34, 46), (50, 34)]), Line(&[(54, 12), (48, 100)])],
    // A loop for a tail.
    &[Curve(&[
        (50, 12),
        (28, 0),
        (6, 16),
        (10, 38),
        (34, 42),
        (50, 14),
        (52, 66),
        (36, 98),
        (14, 92),
        (18, 76),
        (52, 62),
    ])],
    // A small head.
    &[Curve(&[(42, 10), (24, 0), (8, 12), (14, 28), (30, 30), (42, 10)]), Line(&[(42, 10), (42, 100)])],
    // Bent back far below.
    &[Curve(&[
        (48, 16),
        (26, 2),
        (6, 20),
        (14, 42),
        (36, 40),
        (48, 16),
        (50, 62),
        (40, 94),
        (12, 98),
        (0, 82),
    ])],
];
