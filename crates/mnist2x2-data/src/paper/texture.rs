//! What lies under the sheet: tables, cloths, floors.

use mnist2x2_random::Random;

use super::plane::Lattice;

/// What a table looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Texture {
    Dark,
    Stripes,
    Wood,
    LightWood,
    Checks,
    Speckles,
    Tiles,
    Weave,
    Planks,
    Marble,
    Leather,
    Dots,
}

impl Texture {
    pub(super) const TUNING: [Self; 6] =
        [Self::Dark, Self::Stripes, Self::Wood, Self::LightWood, Self::Checks, Self::Speckles];
    pub(super) const HELD_BACK: [Self; 6] =
        [Self::Tiles, Self::Weave, Self::Planks, Self::Marble, Self::Leather, Self::Dots];

    /// Its brightness between darkest and lightest, as shares of white.
    fn range(self) -> [(f64, f64); 2] {
        match self {
            Self::Dark => [(0.08, 0.35), (0.36, 0.4)],
            Self::LightWood => [(0.5, 0.58), (0.62, 0.72)],
            Self::Marble => [(0.3, 0.5), (0.55, 0.72)],
            _ => [(0.1, 0.35), (0.35, 0.65)],
        }
    }
}

/// A table as it lies under a sheet.
#[derive(Clone, Debug)]
pub(super) struct Table {
    texture: Texture,
    dark: f32,
    light: f32,
    /// Sine and cosine of the angle at which it lies.
    turn: [f32; 2],
    /// Stripes, tiles and the like on the width of a picture.
    scale: f32,
    lattice: Lattice,
}

impl Table {
    pub(super) fn draw(textures: &[Texture], random: &mut Random) -> Self {
        let texture = textures[random.below(textures.len() as u32) as usize];
        let [dark, light] = texture.range().map(|(low, high)| random.uniform(low, high) as f32);
        let (sin, cos) = libm::sincos(random.uniform(-0.4, 0.4));
        let scale = random.uniform(8.0, 26.0) as f32;
        Self { texture, dark, light, turn: [sin as f32, cos as f32], scale, lattice: Lattice::new(random) }
    }

    /// Its brightness at a point, in widths of the picture.
    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        let [sin, cos] = self.turn;
        let [x, y] = [cos * x - sin * y, sin * x + cos * y].map(|k| k * self.scale);
        let grain = 0.06 * self.lattice.at(14.0 * x, 14.0 * y);
        self.dark + (self.light - self.dark) * (self.pattern(x, y) + grain).clamp(0.0, 1.0)
    }

    /// From dark to light, 0 to 1.
    fn pattern(&self, x: f32, y: f32) -> f32 {
        let cloud = |x: f32, y: f32| 0.5 + 0.5 * self.lattice.cloud(x, y);
        let near = |k: f32| (k - k.round()).abs(); // 0 at whole numbers, 0.5 between them
        let line = |k: f32, width: f32| (near(k) / width).min(1.0);
        match self.texture {
            Texture::Dark => cloud(0.2 * x, 0.2 * y),
            Texture::Stripes => 0.5 + 0.5 * (std::f32::consts::TAU * x).sin(),
            Texture::Wood | Texture::LightWood => {
                let rings = 0.5 * x + 1.5 * self.lattice.cloud(0.25 * x, 0.03 * y);
                0.7 * (2.0 * near(rings)) + 0.3 * cloud(6.0 * x, 0.2 * y)
            }
            Texture::Checks => {
                0.5 * f32::from(x.rem_euclid(1.0) > 0.5) + 0.5 * f32::from(y.rem_euclid(1.0) > 0.5)
            }
            Texture::Speckles => (4.0 * self.lattice.at(5.0 * x, 5.0 * y)).clamp(-0.5, 0.5) + 0.5,
            Texture::Tiles => line(0.3 * x, 0.03).min(line(0.3 * y, 0.03)) * (0.7 + 0.3 * cloud(x, y)),
            Texture::Weave => {
                let over = (x.floor() + y.floor()).rem_euclid(2.0) < 1.0;
                2.0 * if over { near(x) * (0.6 + 0.8 * near(y)) } else { near(y) * (0.6 + 0.8 * near(x)) }
            }
            Texture::Planks => {
                line(0.25 * x, 0.02) * (0.4 + 0.6 * cloud(0.7 * (0.25 * x).floor() + 3.0 * x, 0.2 * y))
            }
            Texture::Marble => {
                let vein = x + 2.0 * y + 6.0 * self.lattice.cloud(0.3 * x, 0.3 * y);
                (2.0 * near(0.15 * vein)).sqrt()
            }
            Texture::Leather => {
                (2.5 * self.lattice.at(1.5 * x, 1.5 * y).abs()).min(1.0) * cloud(0.3 * x, 0.3 * y)
            }
            Texture::Dots => f32::from(near(0.7 * x).hypot(near(0.7 * y)) < 0.25),
        }
    }
}
