//! `--paper`: simulated pictures of handwriting on paper, as files.

use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, GrayImage, ImageBuffer, ImageEncoder, ImageFormat, RgbImage};
use mnist2x2::data::Digits;
use mnist2x2::data::mnist::Split;
use mnist2x2::data::paper::{File, Hands, Kind, Paper, Photo, Set};
use mnist2x2::data::pendigits::PenDigit;

use crate::data::{DataArgs, pen_strokes};

/// Which simulated pictures.
///
/// Others exclude all of these by the name of this struct, which is their group: what is excluded one by one waives, in clap, the
/// `requires` of what depends on it.
#[derive(clap::Args)]
pub(crate) struct PaperArgs {
    /// Simulated pictures of handwriting on paper: these kinds, such as `light,table-0.1`, or `all`
    ///
    /// docs/pictures.md lists the kinds. The digits are the pen strokes of --strokes, or those of --data-dir.
    #[arg(long, value_name = "KIND", num_args = 0..=1, default_missing_value = "all", value_delimiter = ',',
        value_parser = parse_kind, conflicts_with = "LayoutArgs")]
    paper: Option<Vec<String>>,
    /// With --paper: the settings, textures and writers that the pictures are made with
    #[arg(long, value_enum, default_value_t, requires = "paper", conflicts_with = "LayoutArgs")]
    set: SetName,
    /// With --paper: pictures of each kind at each strength
    #[arg(long, value_name = "N", default_value_t = 20, requires = "paper", conflicts_with = "LayoutArgs", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// With --paper: another seed makes other pictures
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "paper", conflicts_with = "LayoutArgs")]
    seed: u64,
}

/// `--set`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SetName {
    /// To build and tune with
    #[default]
    Tuning,
    /// To judge by: nothing of it is in the other
    HeldBack,
}

impl SetName {
    /// As it is written on a command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tuning => "tuning",
            Self::HeldBack => "held-back",
        }
    }

    fn set(self) -> Set {
        match self {
            Self::Tuning => Set::Tuning,
            Self::HeldBack => Set::HeldBack,
        }
    }
}

/// Every kind of a set, the large ones too.
fn every_kind(set: Set) -> impl Iterator<Item = Kind> {
    Kind::all(set).into_iter().chain(Kind::large(set))
}

fn parse_kind(text: &str) -> Result<String, String> {
    let known = || [Set::Tuning, Set::HeldBack].into_iter().flat_map(every_kind);
    if text == "all" || known().any(|kind| kind.name == text || kind.label() == text) {
        return Ok(text.into());
    }
    let mut names: Vec<&str> = known().map(|kind| kind.name).collect();
    names.sort_unstable();
    names.dedup();
    Err(format!("there is no such kind; there are {}, or `all` but `megapixels`", names.join(", ")))
}

/// The digits that are written in the pictures.
pub(crate) enum Writing {
    Strokes(Vec<PenDigit>),
    /// And what they are called.
    Digits(Digits, String),
}

impl Writing {
    /// In words.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Strokes(_) => "pen strokes".into(),
            Self::Digits(_, name) => format!("{name} digits"),
        }
    }
}

impl PaperArgs {
    /// Whether pictures on paper were asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.paper.is_some()
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.into()
    }

    pub(crate) fn set(&self) -> SetName {
        self.set
    }

    /// The kinds asked for, at all their strengths or at one.
    pub(crate) fn kinds(&self) -> anyhow::Result<Vec<Kind>> {
        let set = self.set.set();
        let mut kinds = Vec::new();
        for asked in self.paper.iter().flatten() {
            let before = kinds.len();
            match asked.as_str() {
                "all" => kinds.extend(Kind::all(set)),
                name => {
                    kinds.extend(every_kind(set).filter(|kind| kind.name == name || kind.label() == name));
                }
            }
            ensure!(
                kinds.len() > before,
                "--paper {asked}: not of this --set; its name alone takes all strengths"
            );
        }
        Ok(kinds)
    }

    /// Pen strokes of the file `strokes`, or the digits of `data`: those to train with are for tuning.
    pub(crate) fn writing(&self, strokes: Option<&Path>, data: &DataArgs) -> anyhow::Result<Writing> {
        if let Some(file) = strokes {
            return Ok(Writing::Strokes(pen_strokes(file)?.digits));
        }
        let split = if self.set == SetName::Tuning { Split::Train } else { Split::Test };
        let dataset = data.resolve()?;
        let digits = dataset.load(split)?;
        Ok(Writing::Digits(digits, dataset.name().into()))
    }

    /// Takes pictures of this writing.
    pub(crate) fn paper<'a>(&self, writing: &'a Writing) -> anyhow::Result<Paper<'a>> {
        let hands = match writing {
            Writing::Strokes(digits) => Hands::from_strokes(digits, &self.set.set().writers()),
            Writing::Digits(digits, _) => Hands::from_digits(digits),
        };
        ensure!(!hands.is_empty(), "--strokes holds no digits by writers {:?}", self.set.set().writers());
        Ok(Paper { hands, seed: self.seed })
    }
}

/// What a picture is called: `KIND-NUMBER-DIGITS` and the ending of its form.
pub(crate) fn file_name(kind: &Kind, index: u64, photo: &Photo) -> String {
    let digits: String = photo.digits.iter().map(|&digit| char::from(b'0' + digit)).collect();
    let ending = if let File::Jpeg { .. } = photo.file { "jpg" } else { "png" };
    format!("{}-{index:04}-{digits}.{ending}", kind.label())
}

/// The picture as the bytes of its file.
pub(crate) fn encode(photo: &Photo) -> anyhow::Result<Vec<u8>> {
    let (width, height) = (photo.width as u32, photo.height as u32);
    let mut bytes = Vec::new();
    match photo.file {
        File::Jpeg { quality, orientation, is_big_endian, is_truncated } => {
            let image = RgbImage::from_raw(width, height, photo.rgb()).context("a pixel for each place")?;
            let mut image = DynamicImage::from(image);
            let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
            if let Some(orientation) = orientation {
                let shown = Orientation::from_exif(orientation).context("an EXIF orientation is 1 to 8")?;
                image.apply_orientation(undone(shown));
                encoder.set_exif_metadata(exif(orientation, is_big_endian))?;
            }
            encoder.write_image(image.as_bytes(), image.width(), image.height(), ExtendedColorType::Rgb8)?;
            if is_truncated {
                bytes.truncate(bytes.len() * 4 / 5);
            }
        }
        File::TwelveBitPng => {
            let image = ImageBuffer::<image::Luma<u16>, _>::from_raw(width, height, photo.gray_12_bits());
            let image = DynamicImage::from(image.context("a pixel for each place")?);
            image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
        }
        _ => {
            let image = GrayImage::from_raw(width, height, photo.gray()).context("a pixel for each place")?;
            bytes = crate::sheet::png(&image)?;
        }
    }
    Ok(bytes)
}

/// What turns a picture so that `shown` turns it back.
fn undone(shown: Orientation) -> Orientation {
    match shown {
        Orientation::Rotate90 => Orientation::Rotate270,
        Orientation::Rotate270 => Orientation::Rotate90,
        mirrored => mirrored,
    }
}

/// A TIFF header with one entry: the orientation (tag 0x0112), a short.
fn exif(orientation: u8, is_big_endian: bool) -> Vec<u8> {
    let short = |value: u16| if is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let long = |value: u32| if is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut bytes = if is_big_endian { b"MM".to_vec() } else { b"II".to_vec() };
    bytes.extend(short(42));
    bytes.extend(long(8)); // where the entries begin
    [1, 0x0112, 3].map(short).iter().for_each(|short| bytes.extend(short));
    bytes.extend(long(1));
    [u16::from(orientation), 0].map(short).iter().for_each(|short| bytes.extend(short));
    bytes.extend(long(0)); // no more entries
    bytes
}
