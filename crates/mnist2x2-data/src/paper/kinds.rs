//! The kinds of pictures, each with its strengths: what is arranged how, and what happens to it.

use std::ops::RangeInclusive;

use super::arrangement::Arrangement;
use super::light::{Lighting, Shadow};
use super::nothing::Nothing;
use super::printed::Printed;
use super::texture::Texture;

/// Two sets of settings without a setting in common: what was tuned on one is judged on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Set {
    /// To build and tune with.
    Tuning,
    /// To judge by. Whoever tunes does not look at these.
    HeldBack,
}

impl Set {
    /// Whose pen strokes it has, of the writers 1 to 30.
    pub fn writers(self) -> RangeInclusive<u32> {
        match self {
            Self::Tuning => 1..=20,
            Self::HeldBack => 21..=30,
        }
    }

    /// A number that keeps the random numbers of the sets apart.
    pub(super) fn key(self) -> u64 {
        match self {
            Self::Tuning => 0,
            Self::HeldBack => 1,
        }
    }

    pub(super) fn textures(self) -> &'static [Texture] {
        match self {
            Self::Tuning => &Texture::TUNING,
            Self::HeldBack => &Texture::HELD_BACK,
        }
    }

    pub(super) fn shadows(self) -> &'static [Shadow] {
        match self {
            Self::Tuning => &Shadow::TUNING,
            Self::HeldBack => &Shadow::HELD_BACK,
        }
    }
}

/// How much of a picture is table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Surround {
    /// The sheet fills it.
    Sheet,
    /// So much on each side, as a share of the sheet's width.
    Around(f32),
    /// So much on one side.
    OneSide(f32),
    /// There is no sheet.
    TableOnly,
}

/// How a picture is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stored {
    /// As a scan in PNG or as a photograph in JPEG.
    Usual,
    /// As a JPEG that is shown upright by this EXIF orientation, 1 to 8.
    Turned(u8),
    /// As a PNG of 16 bits with values up to 4,095.
    TwelveBits,
    /// As a JPEG of which the end is missing.
    Truncated,
}

/// All that can happen to a picture; the default is a grid of 2 x 2 as a good phone sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scene {
    pub(super) arrangement: Arrangement,
    pub(super) nothing: Nothing,
    pub(super) printed: Printed,
    pub(super) lighting: Lighting,
    pub(super) surround: Surround,
    pub(super) stored: Stored,
    /// Standard deviation of the blur, as a share of the width.
    pub(super) blur: f32,
    /// The ink of one digit, as a share of the others'.
    pub(super) faint: f32,
    /// The height of one digit, as a share of its cell.
    pub(super) small: Option<f32>,
    /// The share of the strokes that is missing.
    pub(super) broken: f32,
    /// Specks of dust.
    pub(super) specks: u32,
    /// Whether the paper is dark and the ink light.
    pub(super) chalk: bool,
    /// Million pixels, if not of the usual size.
    pub(super) megapixels: Option<f32>,
}

const BASE: Scene = Scene {
    arrangement: Arrangement::Grid { rows: 2, cols: 2, blanks: 0.0 },
    nothing: Nothing::Blank,
    printed: Printed::Nothing,
    lighting: Lighting::Even,
    surround: Surround::Sheet,
    stored: Stored::Usual,
    blur: 0.0,
    faint: 1.0,
    small: None,
    broken: 0.0,
    specks: 0,
    chalk: false,
    megapixels: None,
};

/// A kind of picture at one strength.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kind {
    /// What it is called.
    pub name: &'static str,
    /// How strong it is, in the unit that its name tells; `None` where there is only one strength.
    pub strength: Option<f32>,
    pub(super) set: Set,
    pub(super) scene: Scene,
}

impl Kind {
    /// All kinds of `set` but the large ones, strongest last.
    pub fn all(set: Set) -> Vec<Self> {
        let mut kinds = Vec::new();
        for Condition { name, tuning, held_back, scene } in conditions() {
            let levels = if set == Set::Tuning { tuning } else { held_back };
            let kind = |&level: &f32| Self { name, strength: Some(level), set, scene: scene(level) };
            kinds.extend(levels.iter().map(kind));
        }
        for (name, scene) in plain() {
            kinds.push(Self { name, strength: None, set, scene });
        }
        kinds
    }

    /// Pictures of 12 and of 50 million pixels, which take their time.
    pub fn large(set: Set) -> Vec<Self> {
        let scene = |megapixels| Scene { megapixels: Some(megapixels), ..BASE };
        [12.0, 50.0]
            .map(|size| Self { name: "megapixels", strength: Some(size), set, scene: scene(size) })
            .into()
    }

    /// Its name with its strength, such as `light-0.5`.
    pub fn label(&self) -> String {
        self.strength.map_or(self.name.into(), |strength| format!("{}-{strength}", self.name))
    }
}

/// What happens to a grid of 2 x 2, at the strengths of either set.
struct Condition {
    name: &'static str,
    tuning: &'static [f32],
    held_back: &'static [f32],
    scene: fn(f32) -> Scene,
}

#[rustfmt::skip] // a line for each condition
fn conditions() -> [Condition; 13] {
    let of = |name, tuning, held_back, scene| Condition { name, tuning, held_back, scene };
    [
        of("light", &[0.7, 0.5], &[0.6, 0.46], |to| Scene { lighting: Lighting::Falling(to), ..BASE }),
        of("soft-shadow", &[0.8, 0.7, 0.5], &[0.75, 0.65], |to| Scene { lighting: Lighting::SoftShadow(to), ..BASE }),
        of("hard-shadow", &[0.8, 0.7, 0.5], &[0.75, 0.65], |to| Scene { lighting: Lighting::HardShadow(to), ..BASE }),
        of("vignette", &[0.6, 0.4], &[0.5, 0.36], |to| Scene { lighting: Lighting::Vignette(to), ..BASE }),
        of("pasted", &[0.85, 0.7], &[0.8, 0.65], |to| Scene { lighting: Lighting::Pasted(to), ..BASE }),
        of("table", &[0.05, 0.1, 0.2], &[0.08, 0.12], |share| Scene { surround: Surround::Around(share), ..BASE }),
        of("table-side", &[0.05, 0.15, 0.3], &[0.1, 0.2], |share| Scene { surround: Surround::OneSide(share), ..BASE }),
        of("blur", &[0.005, 0.01], &[0.0075, 0.0105], |blur| Scene { blur, ..BASE }),
        of("exif", &[6.0, 8.0, 3.0, 2.0], &[1.0, 4.0, 5.0, 7.0], |tag| Scene { stored: Stored::Turned(tag as u8), ..BASE }),
        of("faint", &[0.4, 0.25], &[0.35, 0.22], |faint| Scene { faint, ..BASE }),
        of("small", &[0.25, 0.15], &[0.22, 0.18], |small| Scene { small: Some(small), ..BASE }),
        of("broken", &[0.1, 0.2], &[0.15, 0.22], |broken| Scene { broken, ..BASE }),
        of("specks", &[15.0, 60.0], &[30.0, 50.0], |specks| Scene { specks: specks as u32, ..BASE }),
    ]
}

/// Kinds of one strength.
fn plain() -> Vec<(&'static str, Scene)> {
    let printed = |printed| Scene { printed, ..BASE };
    let arranged = |arrangement| Scene { arrangement, ..BASE };
    let grid = |rows, cols, blanks| arranged(Arrangement::Grid { rows, cols, blanks });
    let row = |fewest, most, touching| arranged(Arrangement::Row { fewest, most, touching });
    let none = |nothing| Scene { nothing, ..arranged(Arrangement::Nothing) };
    let shadow = Lighting::SoftShadow(0.7);
    vec![
        ("clean", BASE),
        ("boxes", printed(Printed::Boxes(1.25, 1.5))),
        ("boxes-touched", printed(Printed::Boxes(0.9, 1.1))),
        ("ruled-table", printed(Printed::Table)),
        ("lines", printed(Printed::Ruled)),
        ("squares", printed(Printed::Squared)),
        ("chalk", Scene { chalk: true, ..BASE }),
        ("12bit", Scene { stored: Stored::TwelveBits, ..BASE }),
        ("truncated", Scene { stored: Stored::Truncated, ..BASE }),
        ("single", row(1, 1, false)),
        ("row", row(2, 8, false)),
        ("touching", row(2, 6, true)),
        ("grid3x3", grid(3, 3, 0.0)),
        ("grid4x4", grid(4, 4, 0.0)),
        ("grid2x5-blanks", grid(2, 5, 0.3)),
        ("single-shadow", Scene { lighting: shadow, ..row(1, 1, false) }),
        ("row-shadow", Scene { lighting: shadow, ..row(2, 8, false) }),
        ("row-table", Scene { surround: Surround::Around(0.1), ..row(2, 8, false) }),
        (
            "row-boxes",
            Scene {
                arrangement: Arrangement::Cells { fewest: 2, most: 8 },
                ..printed(Printed::Boxes(1.25, 1.5))
            },
        ),
        ("grid3x3-light", Scene { lighting: Lighting::Falling(0.5), ..grid(3, 3, 0.0) }),
        ("grid2x5-ruled-table", Scene { printed: Printed::Table, ..grid(2, 5, 0.3) }),
        ("table-shadow", Scene { lighting: shadow, surround: Surround::Around(0.1), ..BASE }),
        ("boxes-table", Scene { surround: Surround::Around(0.1), ..printed(Printed::Boxes(1.25, 1.5)) }),
        ("none", none(Nothing::Blank)),
        ("none-shadow", Scene { lighting: shadow, ..none(Nothing::Blank) }),
        ("none-table", Scene { surround: Surround::Around(0.1), ..none(Nothing::Blank) }),
        ("none-texture", Scene { surround: Surround::TableOnly, ..none(Nothing::Blank) }),
        ("none-letters", none(Nothing::Letters)),
        ("none-text", none(Nothing::Text)),
        ("none-scribbles", none(Nothing::Scribbles)),
        ("none-sketch", none(Nothing::Sketch)),
        ("none-lines", Scene { printed: Printed::Squared, ..none(Nothing::Blank) }),
    ]
}
