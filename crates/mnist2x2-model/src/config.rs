//! The sizes of a model.

use serde::{Deserialize, Serialize};

use crate::Error;

/// The most parameters that a configuration may ask for: a guard against damaged files, a thousand times the published
/// model.
const MAX_PARAMETERS: u64 = 250_000_000;
/// The most numbers that the reading of one picture may have to hold: 1 GiB of `f32`, a thousand times what the published model
/// needs.
const MAX_ACTIVATIONS: u64 = 1 << 28;
/// The most convolutions of a stem.
const MAX_CONVOLUTIONS: usize = 8;
/// The most patches of an image: attention weighs each against each.
const MAX_PATCHES: usize = 4096;
/// The most digits of an image: those of the largest grid.
const MAX_DIGITS: usize = 64 * 64;

/// The sizes that determine a model's architecture, and with it the names and shapes of all its tensors.
///
/// There is no default: start from a named preset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Rows of digits in an image.
    pub rows: usize,
    /// Columns of digits in an image.
    pub cols: usize,
    /// Height and width of one digit's cell, in pixels.
    pub cell: usize,
    /// The convolutions that an image goes through before it is cut into patches; the published model has none.
    #[serde(default)]
    pub stem: Vec<Convolution>,
    /// Height of a patch, in pixels; divides the image's height.
    pub patch_height: usize,
    /// Width of a patch, in pixels; divides the image's width.
    pub patch_width: usize,
    /// D: the width of every token and patch vector.
    pub width: usize,
    /// H: attention heads; divides `width`.
    pub heads: usize,
    /// Hidden width of the feed-forward sub-layers.
    pub feed_forward_width: usize,
    /// Encoder blocks.
    pub encoder_layers: usize,
    /// Decoder blocks.
    pub decoder_layers: usize,
    /// V: token ids the decoder knows and gives logits for.
    pub vocabulary: usize,
    /// How the digits lie in an image.
    #[serde(default, skip_serializing_if = "LayoutKind::is_grid")]
    pub arrangement: LayoutKind,
    /// The most digits in an image; 0 for as many as it has cells.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub digits: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(digits: &usize) -> bool {
    *digits == 0
}

/// How the digits lie in an image, and so in which order and how many are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LayoutKind {
    /// One in each cell, row by row.
    #[default]
    Grid,
    /// One in each cell but for those that are empty, row by row.
    Sparse,
    /// In a row, from left to right.
    Line,
    /// At any place, line by line.
    Scatter,
}

impl LayoutKind {
    /// Whether every cell has its digit.
    pub fn is_grid(&self) -> bool {
        *self == Self::Grid
    }
}

/// A convolution of the stem: windows of 3 x 3, then a GELU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convolution {
    /// Numbers that it gives for each pixel.
    pub channels: usize,
    /// How many pixels its windows move at a time, and so how many times fewer pixels it gives a side.
    pub stride: usize,
}

impl Config {
    /// Height of an image, in pixels.
    pub fn image_height(&self) -> usize {
        self.rows * self.cell
    }

    /// Width of an image, in pixels.
    pub fn image_width(&self) -> usize {
        self.cols * self.cell
    }

    /// Cells of an image, row by row.
    pub fn cells(&self) -> usize {
        self.rows * self.cols
    }

    /// The most digits in an image.
    pub fn max_digits(&self) -> usize {
        if self.digits == 0 { self.cells() } else { self.digits }
    }

    /// N: patches in an image.
    pub fn patches(&self) -> usize {
        (self.image_height() / self.patch_height).saturating_mul(self.image_width() / self.patch_width)
    }

    /// How many pixels of a side the stem makes one of.
    pub fn reduction(&self) -> usize {
        self.stem.iter().map(|convolution| convolution.stride).product()
    }

    /// Numbers that the stem gives for each of its pixels; 1 where there is none.
    pub fn channels(&self) -> usize {
        self.stem.last().map_or(1, |convolution| convolution.channels)
    }

    /// The convolutions of the stem, each behind the number of channels that it reads.
    pub fn convolutions(&self) -> impl Iterator<Item = (usize, Convolution)> {
        let channels = std::iter::once(1).chain(self.stem.iter().map(|convolution| convolution.channels));
        channels.zip(self.stem.iter().copied())
    }

    /// Rows of a patch, and numbers in each row, after the stem.
    pub fn patch_shape(&self) -> (usize, usize) {
        let reduction = self.reduction();
        (self.patch_height / reduction, self.patch_width / reduction * self.channels())
    }

    /// P: numbers in a patch, which are its pixels where there is no stem.
    pub fn patch_numbers(&self) -> usize {
        let (rows, columns) = self.patch_shape();
        rows * columns
    }

    /// The most tokens that the decoder reads: `<start>` and one for each digit.
    pub fn max_tokens(&self) -> usize {
        self.max_digits() + 1
    }

    /// Checks that a model of these sizes can exist.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field that is wrong.
    pub fn validate(&self) -> Result<(), Error> {
        self.check_ranges()?;
        let divides = |field, divisor: usize, whole: usize, what| match whole % divisor {
            0 => Ok(()),
            _ => {
                Err(Error::Config { field, problem: format!("({divisor}) does not divide {what} ({whole})") })
            }
        };
        divides("patch_height", self.patch_height, self.image_height(), "the image's height")?;
        divides("patch_width", self.patch_width, self.image_width(), "the image's width")?;
        divides("stem", self.reduction(), self.patch_height, "the patch's height")?;
        divides("stem", self.reduction(), self.patch_width, "the patch's width")?;
        divides("heads", self.heads, self.width, "the width")?;
        let refuse = |field, problem| Err(Error::Config { field, problem });
        let is_in_cells = matches!(self.arrangement, LayoutKind::Grid | LayoutKind::Sparse);
        if is_in_cells && self.max_digits() != self.cells() {
            return refuse(
                "digits",
                format!("is {}, but a grid has a digit for each of its {} cells", self.digits, self.cells()),
            );
        }
        let n = self.patches();
        if n > MAX_PATCHES {
            return refuse("patch_width", format!("gives {n} patches, more than {MAX_PATCHES}"));
        }
        let parts = self.activations();
        let all: u64 = parts.iter().map(|(_, numbers)| numbers).sum();
        let (field, largest) = parts.into_iter().max_by_key(|(_, numbers)| *numbers).unwrap_or_default();
        if all > MAX_ACTIVATIONS {
            let problem = format!(
                "makes {largest} of the {all} numbers that reading one picture takes, of which {MAX_ACTIVATIONS} are allowed"
            );
            return refuse(field, problem);
        }
        Ok(())
    }

    /// How many numbers the reading of one picture holds at most, each count with the field that it comes from: the maps of the
    /// stem and what its windows show; one block of the encoder, with and without its attention; the decoder's keys,
    /// values, attention and logits.
    fn activations(&self) -> [(&'static str, u64); 5] {
        let [n, t, d, f, h, v] = [
            self.patches(),
            self.max_tokens(),
            self.width,
            self.feed_forward_width,
            self.heads,
            self.vocabulary,
        ]
        .map(|size| size as u64);
        let mut map = [self.image_height(), self.image_width()].map(|side| side as u64);
        let pixels = map[0] * map[1];
        let of_stem = self.convolutions().map(|(inputs, convolution)| {
            map = map.map(|side| side.div_ceil(convolution.stride as u64));
            map[0] * map[1] * (9 * inputs as u64 + 2 * convolution.channels as u64)
        });
        let stem = of_stem.sum();
        let blocks = self.decoder_layers as u64;
        [
            ("cell", pixels + n * self.patch_numbers() as u64),
            ("stem", stem),
            ("width", n * (8 * d + 2 * f) + blocks * t * (8 * d + 2 * f) + 2 * blocks * (t + n) * d),
            ("heads", h * n * n + blocks * h * t * (t + n)),
            ("vocabulary", t * v),
        ]
    }

    /// The most numbers that a tensor between two sub-layers has for one picture: what the stem makes of it, its vectors, or those of
    /// its tokens.
    pub fn largest_tensor(&self) -> usize {
        let of_stem = if self.stem.is_empty() { 0 } else { self.patches() * self.patch_numbers() };
        [of_stem, self.patches() * self.width, self.max_tokens() * self.width.max(self.vocabulary)]
            .into_iter()
            .max()
            .unwrap_or(0)
    }

    /// Multiplications of the matrix products by which one image and so many tokens go forward: those of what reads pixels, which need
    /// no gradient, and all others.
    pub fn multiplications(&self, tokens: usize) -> [u64; 2] {
        let [n, t, d, f, v] = [self.patches(), tokens, self.width, self.feed_forward_width, self.vocabulary]
            .map(|size| size as u64);
        let mut map = [self.image_height(), self.image_width()].map(|side| side as u64);
        let mut embedding = self.convolutions().map(|(inputs, convolution)| {
            map = map.map(|side| side.div_ceil(convolution.stride as u64));
            map[0] * map[1] * 9 * (inputs * convolution.channels) as u64
        });
        let patches = n * self.patch_numbers() as u64 * d;
        let (first, stem) = (embedding.next(), embedding.sum::<u64>());
        // Queries, keys, values and what attention gives; scores and the mean by them.
        let attention = |rows: u64, seen: u64| (2 * rows + 2 * seen) * d * d + 2 * rows * seen * d;
        let feed_forward = |rows: u64| 2 * rows * d * f;
        let encoder = self.encoder_layers as u64 * (attention(n, n) + feed_forward(n));
        let decoder = self.decoder_layers as u64 * (attention(t, t) + attention(t, n) + feed_forward(t));
        [first.unwrap_or(patches), stem + first.map_or(0, |_| patches) + encoder + decoder + t * d * v]
    }

    /// Every size at least 1 and none so large that the products below overflow or ask for absurd memory.
    fn check_ranges(&self) -> Result<(), Error> {
        let fields = [
            ("rows", self.rows, 64),
            ("cols", self.cols, 64),
            ("cell", self.cell, 1024),
            ("patch_height", self.patch_height, 1024),
            ("patch_width", self.patch_width, 1024),
            ("width", self.width, 8192),
            ("heads", self.heads, 8192),
            ("feed_forward_width", self.feed_forward_width, 65_536),
            ("encoder_layers", self.encoder_layers, 256),
            ("decoder_layers", self.decoder_layers, 256),
            ("vocabulary", self.vocabulary, 65_536),
            ("digits", self.digits.max(1), MAX_DIGITS),
        ];
        let stem = self.stem.iter().flat_map(|c| [("stem", c.channels, 1024), ("stem", c.stride, 8)]);
        let layers = [("stem", self.stem.len() + 1, MAX_CONVOLUTIONS + 1)];
        for (field, value, most) in fields.into_iter().chain(layers).chain(stem) {
            if !(1..=most).contains(&value) {
                return Err(Error::Config { field, problem: format!("is {value}, but must be 1 to {most}") });
            }
        }
        let count = self.approximate_parameters();
        if count > MAX_PARAMETERS {
            let problem = format!("gives about {count} parameters, more than {MAX_PARAMETERS}");
            return Err(Error::Config { field: "width", problem });
        }
        Ok(())
    }

    /// The number of parameters but for biases and norms, known before any table of tensors is made.
    fn approximate_parameters(&self) -> u64 {
        let [d, f, encoder, decoder] =
            [self.width, self.feed_forward_width, self.encoder_layers, self.decoder_layers].map(|x| x as u64);
        let attention = 4 * d * d;
        let blocks = encoder * (attention + 2 * d * f) + decoder * (2 * attention + 2 * d * f);
        let stem: u64 = self.convolutions().map(|(inputs, c)| 9 * inputs as u64 * c.channels as u64).sum();
        let pixels = self.image_height() as u64 * self.image_width() as u64;
        let embeddings = self.patch_numbers() as u64 + pixels + 2 * self.vocabulary as u64;
        blocks + stem + d * embeddings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_the_published_model_multiplies_as_often_as_its_layers_say() {
        let [first, others] = Config::reference().multiplications(5);
        assert_eq!(first, 16 * 196 * 64);
        let encoder = 4 * 16 * 64 * (4 * 64 + 2 * 16 + 2 * 128);
        let decoder = 2 * (5 * 64 * (4 * 64 + 2 * 5 + 2 * 128) + 2 * (5 + 16) * 64 * 64 + 2 * 5 * 16 * 64);
        assert_eq!(others, encoder + decoder + 5 * 64 * 13);
        let fine = Config::fine().multiplications(5);
        assert_eq!(fine[0], 28 * 28 * 9 * 24);
        assert!(fine[1] > others);
    }

    #[test]
    fn presets_are_valid() {
        Config::reference().validate().unwrap();
        Config::fine().validate().unwrap();
        Config::tiny_with_stem().validate().unwrap();
        let tiny = Config::tiny();
        tiny.validate().unwrap();
        assert_eq!((tiny.patches(), tiny.patch_numbers(), tiny.max_tokens()), (14, 168, 4));
    }

    #[test]
    fn sensible_models_of_many_digits_are_valid() {
        for preset in [Config::reference(), Config::fine()] {
            for [rows, cols] in [[1, 1], [1, 5], [3, 3], [8, 8], [16, 16]] {
                Config { rows, cols, ..preset.clone() }.validate().unwrap();
            }
        }
        Config { rows: 32, cols: 32, ..Config::reference() }.validate().unwrap();
    }

    /// Nothing overflows, whatever a file says.
    #[test]
    fn absurd_sizes_are_refused() {
        let absurd = [0, 1 << 31, 1 << 32, 1 << 62, usize::MAX / 3 + 1, usize::MAX];
        let sizes = serde_json::to_value(Config::fine()).unwrap();
        let fields: Vec<&String> = sizes.as_object().unwrap().keys().filter(|name| *name != "stem").collect();
        for (a, b) in fields.iter().flat_map(|a| fields.iter().map(move |b| (*a, *b))) {
            for (x, y) in absurd.iter().flat_map(|x| absurd.iter().map(move |y| (*x, *y))) {
                let mut sizes = sizes.clone();
                (sizes[a], sizes[b]) = (x.into(), y.into());
                let config: Config = serde_json::from_value(sizes).unwrap();
                config.validate().unwrap_err();
            }
        }
        for (channels, stride) in absurd.iter().flat_map(|x| absurd.iter().map(move |y| (*x, *y))) {
            let stem = vec![Convolution { channels, stride }; 8];
            Config { stem, ..Config::fine() }.validate().unwrap_err();
        }
        // The largest that each field allows by itself.
        let most = Config {
            rows: 64,
            cols: 64,
            cell: 1024,
            stem: vec![Convolution { channels: 1024, stride: 8 }; 8],
            patch_height: 1024,
            patch_width: 1024,
            width: 8192,
            heads: 8192,
            feed_forward_width: 65_536,
            encoder_layers: 256,
            decoder_layers: 256,
            vocabulary: 65_536,
            arrangement: LayoutKind::Scatter,
            digits: 4096,
        };
        most.validate().unwrap_err();
    }

    #[test]
    fn impossible_sizes_are_named() {
        let reference = Config::reference;
        let cases = [
            (Config { rows: 0, ..reference() }, "`rows` is 0"),
            (Config { heads: 5, ..reference() }, "`heads` (5) does not divide the width (64)"),
            (
                Config { patch_width: 13, ..reference() },
                "`patch_width` (13) does not divide the image's width (56)",
            ),
            (
                Config { patch_width: 14, ..Config::fine() },
                "`stem` (4) does not divide the patch's width (14)",
            ),
            (
                Config { stem: vec![Convolution { channels: 4, stride: 0 }], ..reference() },
                "`stem` is 0, but must be 1 to 8",
            ),
            (Config { width: usize::MAX, ..reference() }, "`width` is 18446744073709551615"),
            (Config { width: 8192, encoder_layers: 256, ..reference() }, "more than 250000000"),
            (
                Config {
                    rows: 64,
                    cols: 64,
                    stem: vec![Convolution { channels: 1024, stride: 1 }],
                    patch_height: 28,
                    patch_width: 28,
                    width: 4,
                    heads: 1,
                    ..reference()
                },
                "`stem` makes 6605570048 of the ",
            ),
            (Config { rows: 32, cols: 32, heads: 64, ..reference() }, "`heads` makes "),
            (Config { rows: 20, cols: 20, feed_forward_width: 65_536, ..reference() }, "`width` makes "),
        ];
        for (config, expected) in cases {
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
