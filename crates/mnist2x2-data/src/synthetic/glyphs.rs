//! How most people write the ten digits, as pen strokes.
//!
//! Points are (x, y) in hundredths of the digit's height, y downwards. The glyphs were chosen so that no distortion of
//! this crate's strength turns one digit into another: a 4 is open or pointed at the top where a 9 is round, a 1's flag
//! falls where a 7's bar is level.

/// A point of a glyph in hundredths of the digit's height.
pub(crate) type Knot = (i8, i8);

/// One movement of the pen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stroke {
    /// Straight from point to point, with sharp corners.
    Line(&'static [Knot]),
    /// A smooth curve through all points.
    Curve(&'static [Knot]),
}

use Stroke::{Curve, Line};

/// One way to write a digit. Strokes that share a point stay joined there.
pub(super) type Glyph = &'static [Stroke];

/// For each digit, the glyphs that are drawn from with equal chances.
pub(super) const GLYPHS: [&[Glyph]; 10] = [ZERO, ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT, NINE];

const ZERO: &[Glyph] = &[
    // Closed at the top.
    &[Curve(&[(32, 0), (12, 12), (2, 50), (12, 88), (32, 100), (52, 88), (60, 50), (50, 12), (32, 0)])],
    // Ends inside, past its beginning.
    &[Curve(&[(40, 3), (16, 9), (2, 48), (14, 90), (36, 100), (56, 82), (61, 46), (50, 14), (30, 4)])],
    // Narrow.
    &[Curve(&[(26, 0), (10, 16), (4, 54), (12, 90), (26, 100), (42, 86), (48, 46), (40, 12), (26, 0)])],
];

const ONE: &[Glyph] = &[
    // A bare stroke, straight or slightly bent.
    &[Line(&[(10, 0), (10, 100)])],
    &[Curve(&[(12, 0), (9, 50), (10, 100)])],
    // With a flag.
    &[Line(&[(6, 21), (20, 0), (20, 100)])],
    // With a flag and a foot.
    &[Line(&[(9, 20), (25, 0), (25, 100)]), Line(&[(6, 100), (44, 100)])],
];

const TWO: &[Glyph] = &[
    // Sharp at the foot.
    &[Curve(&[(4, 24), (14, 5), (34, 0), (54, 12), (52, 36), (32, 66), (4, 98)]), Line(&[(4, 98), (60, 98)])],
    // With a loop at the foot.
    &[Curve(&[
        (4, 20),
        (24, 0),
        (50, 8),
        (52, 32),
        (38, 60),
        (16, 88),
        (4, 94),
        (6, 82),
        (22, 83),
        (40, 95),
        (64, 92),
    ])],
    // A long neck and a wave.
    &[
        Curve(&[(4, 14), (26, 0), (48, 10), (46, 36), (28, 66), (2, 92)]),
        Curve(&[(2, 92), (20, 88), (38, 97), (60, 94)]),
    ],
];

const THREE: &[Glyph] = &[
    // Two bowls that meet in a point.
    &[
        Curve(&[(4, 12), (26, 0), (48, 10), (46, 32), (22, 46)]),
        Curve(&[(22, 46), (48, 54), (57, 76), (40, 97), (14, 100), (0, 88)]),
    ],
    // Flat at the top.
    &[
        Line(&[(4, 2), (52, 2), (22, 42)]),
        Curve(&[(22, 42), (48, 48), (58, 72), (42, 96), (16, 99), (0, 88)]),
    ],
    // One movement, soft in the middle.
    &[Curve(&[(2, 10), (24, 0), (48, 9), (45, 34), (20, 47), (46, 56), (56, 78), (38, 98), (0, 92)])],
];

const FOUR: &[Glyph] = &[
    // Open, with corners.
    &[Line(&[(14, 0), (2, 54), (60, 54)]), Line(&[(46, 10), (43, 100)])],
    // Open, like a U on a stem.
    &[Curve(&[(4, 2), (3, 32), (12, 50), (30, 52), (52, 44)]), Line(&[(54, 2), (52, 44), (48, 100)])],
    // Pointed and closed.
    &[Line(&[(42, 100), (50, 0), (0, 66), (66, 66)])],
    // Open, the bar rising and crossing.
    &[Curve(&[(20, 0), (10, 26), (0, 50), (24, 54), (62, 48)]), Line(&[(52, 14), (46, 56), (42, 100)])],
];

const FIVE: &[Glyph] = &[
    // In one movement.
    &[
        Line(&[(54, 2), (16, 2), (11, 42)]),
        Curve(&[(11, 42), (34, 36), (55, 52), (55, 80), (34, 99), (2, 91)]),
    ],
    // The bar set on later and rising.
    &[
        Line(&[(14, 6), (8, 46)]),
        Curve(&[(8, 46), (32, 40), (52, 56), (52, 82), (30, 100), (0, 92)]),
        Line(&[(14, 6), (60, 0)]),
    ],
    // Round, nearly an S.
    &[Curve(&[(56, 3), (24, 4), (12, 22), (20, 40), (44, 50), (54, 72), (40, 95), (2, 95)])],
];

const SIX: &[Glyph] = &[
    // A curved back.
    &[Curve(&[(42, 0), (18, 26), (3, 64), (14, 95), (36, 99), (52, 80), (44, 60), (24, 58), (5, 76)])],
    // A straight back.
    &[Curve(&[(32, 0), (12, 42), (2, 78), (18, 100), (42, 94), (50, 74), (34, 58), (6, 72)])],
    // Hooked at the top.
    &[Curve(&[(54, 8), (36, 1), (14, 24), (2, 64), (18, 98), (46, 94), (56, 70), (36, 53), (6, 68)])],
];

const SEVEN: &[Glyph] = &[
    // Plain.
    &[Line(&[(0, 4), (62, 4), (22, 100)])],
    // Plain, with a curved stem.
    &[Line(&[(0, 6), (64, 3)]), Curve(&[(64, 3), (40, 44), (26, 100)])],
    // With a bar.
    &[Line(&[(0, 4), (62, 4), (20, 100)]), Line(&[(16, 52), (60, 50)])],
    // With a serif.
    &[Line(&[(2, 20), (4, 3), (64, 3), (26, 100)])],
];

const EIGHT: &[Glyph] = &[
    // In one movement, crossing itself.
    &[Curve(&[
        (48, 8),
        (28, 0),
        (9, 14),
        (18, 37),
        (42, 57),
        (53, 80),
        (32, 100),
        (6, 86),
        (14, 60),
        (38, 42),
        (50, 18),
        (40, 2),
    ])],
    // Two rings.
    &[
        Curve(&[(30, 0), (12, 10), (12, 36), (30, 46), (48, 36), (48, 10), (30, 0)]),
        Curve(&[(30, 46), (8, 58), (4, 84), (30, 100), (56, 84), (52, 58), (30, 46)]),
    ],
];

const NINE: &[Glyph] = &[
    // A straight stem.
    &[
        Curve(&[(52, 12), (28, 0), (5, 16), (8, 40), (30, 48), (50, 30), (52, 12)]),
        Line(&[(52, 12), (47, 100)]),
    ],
    // A curly tail.
    &[Curve(&[(52, 14), (28, 0), (5, 18), (10, 42), (34, 46), (52, 14), (55, 56), (42, 92), (8, 96)])],
    // A slanting stem.
    &[
        Curve(&[(50, 20), (34, 0), (9, 10), (5, 36), (24, 47), (50, 20)]),
        Curve(&[(50, 20), (44, 58), (32, 100)]),
    ],
];
