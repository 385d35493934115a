//! Conditions under which a reader of drawings is evaluated: the same strokes, each time changed in one respect.

use mnist2x2_random::Random;

use crate::render::StrokeRenderer;

/// How strokes are shown to a reader.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RenderCondition {
    /// What it is called.
    pub name: &'static str,
    /// How the strokes are drawn; `None` where they are given as strokes. Its shift is the most that a drawing's digits are moved.
    renderer: Option<StrokeRenderer>,
}

const STANDARD: StrokeRenderer = StrokeRenderer::STANDARD;

/// How far digits are moved where they are off center, as a share of a cell.
const OFF_CENTER: f32 = 0.15;

impl RenderCondition {
    /// The standard one: [`StrokeRenderer::default`].
    pub const STANDARD: Self = Self::drawn("as judged", STANDARD);

    /// The others: as strokes, with other brushes, smaller, larger, each drawing's digits moved to another side, black on
    /// white, with lines between the cells.
    pub const OTHERS: [Self; 13] = [
        Self { name: "strokes", renderer: None },
        Self::drawn("brush 8", StrokeRenderer { brush: 8.0, ..STANDARD }),
        Self::drawn("brush 12", StrokeRenderer { brush: 12.0, ..STANDARD }),
        Self::drawn("brush 16", StrokeRenderer { brush: 16.0, ..STANDARD }),
        Self::drawn("brush 20", StrokeRenderer { brush: 20.0, ..STANDARD }),
        Self::drawn("brush 24", StrokeRenderer { brush: 24.0, ..STANDARD }),
        Self::drawn("brush 32", StrokeRenderer { brush: 32.0, ..STANDARD }),
        Self::drawn("brush 40", StrokeRenderer { brush: 40.0, ..STANDARD }),
        Self::drawn("half size", StrokeRenderer { scale: 0.5, ..STANDARD }),
        Self::drawn("1.5 times the size", StrokeRenderer { scale: 1.5, ..STANDARD }),
        Self::drawn("off centre", StrokeRenderer { shift: [OFF_CENTER; 2], ..STANDARD }),
        Self::drawn("inverted", StrokeRenderer { inverted: true, ..STANDARD }),
        Self::drawn("guide lines", StrokeRenderer { guide_lines: true, ..STANDARD }),
    ];

    const fn drawn(name: &'static str, renderer: StrokeRenderer) -> Self {
        Self { name, renderer: Some(renderer) }
    }

    /// What draws drawing number `index`; `None` where it is given as strokes.
    pub fn renderer(&self, index: u64) -> Option<StrokeRenderer> {
        let renderer = self.renderer?;
        let mut random = Random::keyed(0, "off centre", 0, index);
        let shift = renderer.shift.map(|most| random.uniform(-1.0, 1.0) as f32 * most);
        Some(StrokeRenderer { shift, ..renderer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_condition_is_the_default_and_others_differ_from_it() {
        assert_eq!(RenderCondition::STANDARD.renderer(3), Some(StrokeRenderer::default()));
        for condition in RenderCondition::OTHERS {
            assert_ne!(condition.renderer(3), Some(StrokeRenderer::default()), "{}", condition.name);
        }
    }

    #[test]
    fn off_center_moves_each_drawing_by_itself_and_no_farther_than_it_says() {
        let condition = RenderCondition::OTHERS.iter().find(|other| other.name == "off centre").unwrap();
        let shifts: Vec<_> = (0..50).map(|index| condition.renderer(index).unwrap().shift).collect();
        assert!(shifts.iter().flatten().all(|shift| shift.abs() <= OFF_CENTER));
        assert!(shifts.iter().flatten().any(|shift| shift.abs() > OFF_CENTER / 2.0));
        let bits: Vec<_> = shifts.iter().map(|shift| shift.map(f32::to_bits)).collect();
        assert!(bits.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
