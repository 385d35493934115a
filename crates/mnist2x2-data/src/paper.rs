//! Simulated pictures of handwriting on paper, as people take and scan them, with what is written on each.
//!
//! A sheet is written on ([`Hands`] says by whom) and perhaps printed on; it lies on a table or fills the picture; light
//! falls on it; a camera or a scanner takes it, and a file keeps it. A [`Kind`] says in which respect a picture is difficult,
//! and how much. [`Paper`] takes the pictures: each is a function of seed, [`Set`], kind and number. Number 7 of every kind
//! of 2 x 2 digits shows the same digits on the same sheet: only what the kind changes is another.
//!
//! Gray values are shares of white, not physical light: a shadow of 0.7 leaves 0.7 of each gray value.

mod arrangement;
mod hand;
mod kinds;
mod light;
mod nothing;
mod plane;
mod printed;
mod texture;

use mnist2x2_random::Random;

use self::arrangement::Written;
use self::hand::Pen;
use self::kinds::{Scene, Stored, Surround};
use self::light::Light;
use self::plane::{Lattice, Plane, Projective};
use self::texture::Table;
use crate::rasterize::Brush;

pub use self::hand::Hands;
pub use self::kinds::{Kind, Set};

/// Red, green and blue where the brightness is 1.
type Tint = [f32; 3];
const GRAY: Tint = [1.0; 3];
const PAPERS: [Tint; 4] = [GRAY, [1.02, 1.0, 0.95], [0.98, 1.0, 1.04], [1.03, 1.0, 0.9]];
const INKS: [Tint; 4] = [GRAY, GRAY, [0.7, 0.95, 1.8], [0.85, 1.0, 1.3]];
const TABLES: [Tint; 4] = [GRAY, [1.3, 0.95, 0.65], [1.2, 0.97, 0.8], [0.9, 1.02, 1.05]];

/// Takes pictures.
#[derive(Clone, Debug)]
pub struct Paper<'a> {
    /// Who writes.
    pub hands: Hands<'a>,
    /// Other seeds give other pictures.
    pub seed: u64,
}

/// How a picture is to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum File {
    /// A gray PNG.
    Png,
    /// A gray PNG of 16 bits a pixel, of which only 12 are used.
    TwelveBitPng,
    /// A JPEG in color.
    Jpeg {
        /// 1 to 100.
        quality: u8,
        /// The EXIF orientation by which it is shown upright, if it names one: 1 to 8.
        orientation: Option<u8>,
        /// Whether its EXIF data is of the byte order `MM`; otherwise it is `II`.
        is_big_endian: bool,
        /// Whether the end of the file is lost: such a file is to be refused.
        is_truncated: bool,
    },
}

/// A picture, upright, and what is written on it.
#[derive(Clone, Debug)]
pub struct Photo {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// How it is to be stored.
    pub file: File,
    /// The digits in reading order; none if the picture holds none.
    pub digits: Vec<u8>,
    /// The box around the strokes of each digit: left, top, width and height in pixels.
    pub boxes: Vec<[f32; 4]>,
    /// Rows and columns of the cells in which they are written, empty ones included; zeros where there are none.
    pub shape: [usize; 2],
    luma: Vec<f32>,
    /// How much of each pixel is ink, and table: 0 to 255.
    shares: Vec<[u8; 2]>,
    /// Of paper, ink and table.
    tints: [Tint; 3],
}

impl Photo {
    /// Gray values, row by row.
    pub fn gray(&self) -> Vec<u8> {
        self.luma.iter().map(|&luma| byte(luma)).collect()
    }

    /// Gray values of 12 bits, 0 to 4,095.
    pub fn gray_12_bits(&self) -> Vec<u16> {
        self.luma.iter().map(|&luma| (luma.clamp(0.0, 1.0) * 4095.0).round() as u16).collect()
    }

    /// Red, green and blue of each pixel.
    pub fn rgb(&self) -> Vec<u8> {
        let [paper, ink, table] = self.tints;
        let pixels = self.luma.iter().zip(&self.shares);
        let color = |(luma, shares): (&f32, &[u8; 2])| -> [u8; 3] {
            let [inked, off] = shares.map(|share| f32::from(share) / 255.0);
            std::array::from_fn(|k| {
                let sheet = paper[k] + inked * (ink[k] - paper[k]);
                byte(luma * (sheet + off * (table[k] - sheet)))
            })
        };
        pixels.flat_map(color).collect()
    }
}

fn byte(share: f32) -> u8 {
    (255.0 * share.clamp(0.0, 1.0)).round() as u8
}

impl Paper<'_> {
    /// Picture number `index` of a kind.
    ///
    /// # Panics
    /// If the kind has digits and nobody wrote any.
    pub fn photograph(&self, kind: &Kind, index: u64) -> Photo {
        let random = |what: &str| Random::keyed(self.seed, what, kind.set.key(), index);
        let Scene { arrangement, small, printed, .. } = kind.scene;
        let mut sizes = random("paper: size");
        let width = kind.scene.megapixels.map_or_else(
            || sizes.uniform(480.0, 1200.0).round() as f32,
            |megapixels| (megapixels * 1e6).sqrt().ceil(),
        );
        let written = arrangement.write(&self.hands, width, small, &mut random("paper: digits"));
        let mut sheet = Plane::zero(written.width.round() as usize, written.height.round() as usize);
        printed.print(&written, &mut sheet, &mut random("paper: print"));
        write(kind, &written, &mut sheet, &mut random("paper: pen"));
        specks(&mut sheet, kind.scene.specks, &mut random("paper: specks"));
        Take { kind, written: &written, sheet: &sheet }.take(&random)
    }
}

/// Writes the digits, or what stands in their place.
fn write(kind: &Kind, written: &Written<'_>, sheet: &mut Plane, random: &mut Random) {
    let scene = &kind.scene;
    let size = written.digits.iter().map(|digit| digit.area[3]).fold(0.0, f32::max);
    let size = if size > 0.0 { size } else { 0.2 * written.width };
    let finest = if scene.blur > 0.0 { 0.025 } else { 0.012 };
    let width = (size * random.uniform(finest, 0.05) as f32).max(1.3);
    let pen = Pen { width, ink: random.uniform(0.5, 0.85) as f32, broken: scene.broken };
    let fainter = random.below(written.digits.len().max(1) as u32) as usize;
    for (i, digit) in written.digits.iter().enumerate() {
        let share = if i == fainter { scene.faint } else { 1.0 };
        let pressed = pen.ink * share * random.uniform(0.92, 1.0) as f32;
        digit.write(sheet, Pen { ink: pressed, ..pen }, random);
    }
    scene.nothing.draw(kind.set.key(), sheet, pen, random);
}

/// Dust and crumbs.
fn specks(sheet: &mut Plane, count: u32, random: &mut Random) {
    for _ in 0..count {
        let middle = [sheet.width, sheet.height].map(|side| (side as f64 * random.unit()) as f32);
        let radius = (sheet.width as f64 * random.uniform(0.001, 0.004)) as f32;
        let (brush, ink) = (Brush { radius, edge: 1.0 }, random.uniform(0.2, 0.8) as f32);
        let reach = brush.reach().ceil() as isize;
        let [x, y] = middle.map(|k| k as isize);
        for (x, y) in (y - reach..=y + reach).flat_map(|y| (x - reach..=x + reach).map(move |x| (x, y))) {
            let distance = (x as f32 - middle[0]).hypot(y as f32 - middle[1]);
            sheet.raise(x, y, ink * brush.ink(distance).max(0.0));
        }
    }
}

/// A sheet before the camera.
struct Take<'a> {
    kind: &'a Kind,
    written: &'a Written<'a>,
    /// The share of light that ink takes away.
    sheet: &'a Plane,
}

/// Where the sheet lies in the picture.
struct Pose {
    width: usize,
    height: usize,
    /// From pixels of the picture to pixels of the sheet.
    to_sheet: Projective,
    /// Left, top, right and lower edge of the sheet; infinitely far where it is not seen.
    edges: [f32; 4],
}

impl Take<'_> {
    fn take(&self, random: &dyn Fn(&str) -> Random) -> Photo {
        let scene = &self.kind.scene;
        let pose = self.pose(&mut random("paper: pose"));
        let (luma, shares) = self.expose(&pose, random);
        let luma = Plane { width: pose.width, height: pose.height, values: luma };
        let mut camera = random("paper: camera");
        let focus = camera.uniform(0.3, 0.9) as f32;
        let mut luma = luma.blurred(focus.hypot(scene.blur * pose.width as f32)).values;
        let noise = camera.uniform(0.002, 0.018) as f32;
        let grains: Vec<f32> = (0..4096).map(|_| noise * camera.normal() as f32).collect();
        for luma in &mut luma {
            *luma += grains[camera.bits() as usize % grains.len()];
        }
        let mut colors = random("paper: colors");
        let tints = [&PAPERS, &INKS, &TABLES].map(|tints| tints[colors.below(4) as usize]);
        let is_photo = scene.surround != Surround::Sheet
            || scene.lighting != light::Lighting::Even
            || camera.below(2) == 0;
        Photo {
            width: pose.width,
            height: pose.height,
            file: self.file(is_photo, &mut camera),
            digits: self.written.digits.iter().map(|digit| digit.digit.label).collect(),
            boxes: self.written.digits.iter().map(|digit| pose.around(digit.area)).collect(),
            shape: self.written.shape,
            luma,
            shares,
            tints,
        }
    }

    fn file(&self, is_photo: bool, random: &mut Random) -> File {
        let jpeg = |orientation, is_truncated| File::Jpeg {
            quality: random.uniform(60.0, 96.0) as u8,
            orientation,
            is_big_endian: self.kind.set == Set::HeldBack,
            is_truncated,
        };
        let mut jpeg = jpeg;
        match self.kind.scene.stored {
            Stored::Turned(orientation) => jpeg(Some(orientation), false),
            Stored::Truncated => jpeg(None, true),
            Stored::TwelveBits => File::TwelveBitPng,
            Stored::Usual if is_photo || self.kind.scene.megapixels.is_some() => jpeg(None, false),
            Stored::Usual => File::Png,
        }
    }

    /// Turns the sheet by up to two degrees, tilts it a little, and lays it on the table.
    fn pose(&self, random: &mut Random) -> Pose {
        let [width, height] = [self.written.width, self.written.height];
        let (sin, cos) = libm::sincos(random.uniform(-0.04, 0.04));
        let tilt = [0; 2].map(|_: i32| random.uniform(-0.06, 0.06) / f64::from(width));
        let side = random.below(4) as usize;
        let far = f32::INFINITY;
        let (pads, edges) = match self.kind.scene.surround {
            Surround::Sheet => ([0.0; 4], [-far, -far, far, far]),
            Surround::Around(share) => ([share; 4], [0.0, 0.0, width, height]),
            Surround::TableOnly => ([0.0; 4], [far, far, -far, -far]),
            Surround::OneSide(share) => {
                let at = |k: usize, yes: f32, no: f32| if k == side { yes } else { no };
                let edges = [at(0, 0.0, -far), at(1, 0.0, -far), at(2, width, far), at(3, height, far)];
                (std::array::from_fn(|k| at(k, share, 0.0)), edges)
            }
        };
        let [left, top, right, below] = pads.map(|share| share * width);
        let middle = [left + width / 2.0, top + height / 2.0].map(f64::from);
        let to_middle = Projective([[1.0, 0.0, -middle[0]], [0.0, 1.0, -middle[1]], [0.0, 0.0, 1.0]]);
        let turn = Projective([[cos, -sin, 0.0], [sin, cos, 0.0], [tilt[0], tilt[1], 1.0]]);
        let [x, y] = [width, height].map(|side| f64::from(side) / 2.0);
        let from_middle = Projective([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]]);
        Pose {
            width: (left + width + right).round() as usize,
            height: (top + height + below).round() as usize,
            to_sheet: from_middle.after(&turn).after(&to_middle),
            edges,
        }
    }

    /// The brightness of each pixel, and how much of it is ink and table.
    fn expose(&self, pose: &Pose, random: &dyn Fn(&str) -> Random) -> (Vec<f32>, Vec<[u8; 2]>) {
        let (kind, scene) = (self.kind, &self.kind.scene);
        let mut paper = random("paper: paper");
        let tone = if scene.chalk { paper.uniform(0.12, 0.3) } else { paper.uniform(0.78, 0.94) } as f32;
        let (grain, lattice) = (paper.uniform(0.0, 0.02) as f32, Lattice::new(&mut paper));
        let light = Light::draw(scene.lighting, kind.set.shadows(), &mut random("paper: light"));
        let table = Table::draw(kind.set.textures(), &mut random("paper: table"));
        let (width, height) = (pose.width as f32, pose.height as f32);
        let pixel = |i: usize| {
            let (x, y) = ((i % pose.width) as f32, (i / pose.width) as f32);
            let [u, v] = pose.to_sheet.apply([x, y]);
            let ink = self.sheet.at([u, v]);
            let fiber =
                grain * (lattice.at(0.4 * u, 0.4 * v) + lattice.cloud(12.0 * u / width, 12.0 * v / width));
            let bare = tone * (1.0 + fiber);
            let sheet = if scene.chalk { bare + ink * (0.95 - bare) } else { bare * (1.0 - ink) };
            let inside = pose.inside([u, v]);
            let off = (0.5 - inside).clamp(0.0, 1.0);
            let shade = 1.0 - 0.35 * (inside / (0.01 * width)).min(0.0).exp();
            let bright = if off > 0.0 {
                sheet + off * (shade * table.at(x / width, y / width) - sheet)
            } else {
                sheet
            };
            (bright * light.at(x / width, y / height), [byte(ink), byte(off)])
        };
        (0..pose.width * pose.height).map(pixel).unzip()
    }
}

impl Pose {
    /// How far inside the sheet a point of it lies, in pixels.
    fn inside(&self, [u, v]: [f32; 2]) -> f32 {
        let [left, top, right, below] = self.edges;
        (u - left).min(right - u).min(v - top).min(below - v)
    }

    /// The box in the picture around a box on the sheet.
    fn around(&self, [left, top, width, height]: [f32; 4]) -> [f32; 4] {
        let to_picture = self.to_sheet.inverse();
        let corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
            .map(|[x, y]| to_picture.apply([left + x * width, top + y * height]));
        let ends = |k: usize| {
            let along = corners.map(|corner| corner[k]);
            (
                along.into_iter().fold(f32::INFINITY, f32::min),
                along.into_iter().fold(f32::NEG_INFINITY, f32::max),
            )
        };
        let ((left, right), (top, below)) = (ends(0), ends(1));
        [left, top, right - left, below - top]
    }
}

#[cfg(test)]
mod tests;
