//! Ways in which the same strokes come before a reader, each unlike the first in one respect.

use mnist2x2_random::Random;

use crate::Canvas;

/// A way in which strokes are shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variant {
    /// What it is called.
    pub name: &'static str,
    /// What the strokes are drawn on; `None` where they are given as strokes.
    canvas: Option<Canvas>,
}

/// How drawings are judged.
const CANVAS: Canvas =
    Canvas { cell: 400, brush: 15.0, size: 1.0, shift: [0.0; 2], inverted: false, guides: false };
/// How far digits are moved where they are off centre, as a share of a cell.
const OFF_CENTRE: f32 = 0.15;

impl Variant {
    /// How drawings are judged: [`Canvas::default`].
    pub const JUDGED: Self = Self::drawn("as judged", CANVAS);

    /// The same drawings otherwise: as strokes, with other brushes, smaller, larger, each canvas moved to another side,
    /// black on white, with lines between the cells.
    pub const OTHERS: [Self; 13] = [
        Self { name: "strokes", canvas: None },
        Self::drawn("brush 8", Canvas { brush: 8.0, ..CANVAS }),
        Self::drawn("brush 12", Canvas { brush: 12.0, ..CANVAS }),
        Self::drawn("brush 16", Canvas { brush: 16.0, ..CANVAS }),
        Self::drawn("brush 20", Canvas { brush: 20.0, ..CANVAS }),
        Self::drawn("brush 24", Canvas { brush: 24.0, ..CANVAS }),
        Self::drawn("brush 32", Canvas { brush: 32.0, ..CANVAS }),
        Self::drawn("brush 40", Canvas { brush: 40.0, ..CANVAS }),
        Self::drawn("half size", Canvas { size: 0.5, ..CANVAS }),
        Self::drawn("1.5 times the size", Canvas { size: 1.5, ..CANVAS }),
        Self::drawn("off centre", Canvas { shift: [OFF_CENTRE; 2], ..CANVAS }),
        Self::drawn("inverted", Canvas { inverted: true, ..CANVAS }),
        Self::drawn("guide lines", Canvas { guides: true, ..CANVAS }),
    ];

    const fn drawn(name: &'static str, canvas: Canvas) -> Self {
        Self { name, canvas: Some(canvas) }
    }

    /// The canvas that drawing number `index` is drawn on; `None` where it is given as strokes.
    pub fn canvas(&self, index: u64) -> Option<Canvas> {
        let canvas = self.canvas?;
        let mut random = Random::keyed(0, "off centre", 0, index);
        Some(Canvas { shift: canvas.shift.map(|most| random.uniform(-1.0, 1.0) as f32 * most), ..canvas })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_are_judged_on_the_default_canvas_and_others_differ_from_it() {
        assert_eq!(Variant::JUDGED.canvas(3), Some(Canvas::default()));
        for variant in Variant::OTHERS {
            assert_ne!(variant.canvas(3), Some(Canvas::default()), "{}", variant.name);
        }
    }

    #[test]
    fn off_centre_moves_each_drawing_by_itself_and_no_farther_than_it_says() {
        let variant = Variant::OTHERS.iter().find(|variant| variant.name == "off centre").unwrap();
        let shifts: Vec<_> = (0..50).map(|index| variant.canvas(index).unwrap().shift).collect();
        assert!(shifts.iter().flatten().all(|shift| shift.abs() <= OFF_CENTRE));
        assert!(shifts.iter().flatten().any(|shift| shift.abs() > OFF_CENTRE / 2.0));
        let bits: Vec<_> = shifts.iter().map(|shift| shift.map(f32::to_bits)).collect();
        assert!(bits.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
