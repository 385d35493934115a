//! How the light falls on a sheet: from the side, past somebody's hand, through a lens.

use mnist2x2_random::Random;

use super::plane::Lattice;

/// How a picture is lit; numbers are the brightness that is left where it is darkest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Lighting {
    Even,
    /// Evenly darker from one edge or corner to the other.
    Falling(f32),
    /// A shadow with a wide edge.
    SoftShadow(f32),
    /// A shadow with a sharp edge, straight or round.
    HardShadow(f32),
    /// Darker to the corners.
    Vignette(f32),
    /// Four pictures pasted to one, the darkest so bright.
    Pasted(f32),
}

/// The shapes of shadows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shadow {
    Straight,
    /// A head.
    Round,
    /// A wavy edge, as of a hand.
    Wavy,
    /// Slats of a blind, some wider than others.
    Blind,
    /// A branch of a tree.
    Branch,
    /// Bars of a window.
    Bars,
    /// A band, as of a pen or an arm.
    Band,
    /// The corner of something held above.
    Corner,
}

impl Shadow {
    pub(super) const TUNING: [Self; 5] = [Self::Straight, Self::Round, Self::Wavy, Self::Blind, Self::Branch];
    pub(super) const HELD_BACK: [Self; 3] = [Self::Bars, Self::Band, Self::Corner];
}

/// Light on a picture, whose points count from 0 to 1 in both directions.
#[derive(Clone, Debug)]
pub(super) struct Light {
    lighting: Lighting,
    shadow: Shadow,
    /// Where the light comes from.
    direction: [f32; 2],
    /// Where the edge of a shadow lies, along the direction from the middle.
    edge: f32,
    /// How wide that edge is.
    softness: f32,
    /// Brightness of four quarters.
    quarters: [f32; 4],
    lattice: Lattice,
}

impl Light {
    pub(super) fn draw(lighting: Lighting, shadows: &[Shadow], random: &mut Random) -> Self {
        let shadow = shadows[random.below(shadows.len() as u32) as usize];
        let (sin, cos) = libm::sincos(random.uniform(0.0, std::f64::consts::TAU));
        let softness = match lighting {
            Lighting::HardShadow(_) => random.uniform(0.002, 0.015),
            _ => random.uniform(0.15, 0.45),
        };
        let darkest = if let Lighting::Pasted(share) = lighting { share } else { 1.0 };
        let order = random.permutation(4);
        let steps = [1.0, 0.9, 0.45, 0.0].map(|k| darkest + (1.0 - darkest) * k);
        Self {
            lighting,
            shadow,
            direction: [cos as f32, sin as f32],
            edge: random.uniform(-0.25, 0.25) as f32,
            softness: softness as f32,
            quarters: std::array::from_fn(|i| steps[order[i] as usize]),
            lattice: Lattice::new(random),
        }
    }

    /// The share of the light that is left at a point.
    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        let [dx, dy] = [x - 0.5, y - 0.5];
        let along = dx * self.direction[0] + dy * self.direction[1];
        let across = dy * self.direction[0] - dx * self.direction[1];
        match self.lighting {
            Lighting::Even => 1.0,
            Lighting::Falling(to) => {
                let reach = 0.5 * (self.direction[0].abs() + self.direction[1].abs());
                1.0 - (1.0 - to) * (0.5 + 0.5 * along / reach)
            }
            Lighting::SoftShadow(to) | Lighting::HardShadow(to) => {
                let depth = (self.inside(along, across) / self.softness + 0.5).clamp(0.0, 1.0);
                1.0 - (1.0 - to) * depth * depth * (3.0 - 2.0 * depth)
            }
            Lighting::Vignette(to) => 1.0 - (1.0 - to) * 2.0 * (dx * dx + dy * dy),
            Lighting::Pasted(_) => self.quarters[2 * usize::from(y >= 0.5) + usize::from(x >= 0.5)],
        }
    }

    /// How far inside the shadow a point lies.
    fn inside(&self, along: f32, across: f32) -> f32 {
        let distance = along - self.edge;
        match self.shadow {
            Shadow::Straight => distance,
            Shadow::Round => 0.45 - (along - 0.35 - 0.5 * self.edge).hypot(across),
            Shadow::Wavy => distance + 0.12 * self.lattice.at(5.0 * across + 20.0, 0.5),
            Shadow::Blind => {
                let (slat, place) = ((distance / 0.24).floor(), (distance + 2.4) % 0.24);
                0.06 + 0.04 * self.lattice.at(3.0 * slat + 20.0, 2.5) - (place - 0.12).abs()
            }
            Shadow::Branch => {
                0.05 + 0.03 * across - (distance + 0.1 * self.lattice.at(4.0 * across + 20.0, 0.5)).abs()
            }
            Shadow::Bars => 0.07 - ((along - self.edge + 2.0) % 0.3 - 0.15).abs(),
            Shadow::Corner => (distance + 0.2).min(across + 0.1),
            Shadow::Band => 0.13 - (distance + 0.2 * across).abs(),
        }
    }
}
