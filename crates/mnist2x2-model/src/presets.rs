//! Named configurations.

use crate::config::{Config, Convolution, LayoutKind};

impl Config {
    /// The published model: 2 x 2 digits, 16 patches of 14 x 14, 249,997 parameters in 95 tensors.
    pub fn reference() -> Self {
        Self {
            rows: 2,
            cols: 2,
            cell: 28,
            stem: Vec::new(),
            patch_height: 14,
            patch_width: 14,
            width: 64,
            heads: 4,
            feed_forward_width: 128,
            encoder_layers: 4,
            decoder_layers: 2,
            vocabulary: 13,
            arrangement: LayoutKind::Grid,
            digits: 0,
        }
    }

    /// The published model for 4 x 4 digits: 64 patches of 14 x 14, 253,837 parameters.
    pub fn reference_4x4() -> Self {
        Self { rows: 4, cols: 4, ..Self::reference() }
    }

    /// A model for lines of up to eight digits: the convolutions of [`Config::fine`], by which each patch sees a whole digit
    /// around it, then patches of the line's whole height; 268,341 parameters.
    pub fn line() -> Self {
        let fine = Self::fine();
        let (patch_width, digits) = (8, 8);
        Self {
            rows: 1,
            cols: 8,
            patch_width,
            encoder_layers: 3,
            arrangement: LayoutKind::Line,
            digits,
            ..fine
        }
    }

    /// A model for up to ten scattered digits: the convolutions of [`Config::fine`], then 49 patches of 12 x 12; 262,133
    /// parameters.
    pub fn scatter() -> Self {
        let fine = Self::fine();
        let (patch_height, patch_width, digits) = (12, 12, 10);
        Self {
            rows: 3,
            cols: 3,
            patch_height,
            patch_width,
            encoder_layers: 3,
            arrangement: LayoutKind::Scatter,
            digits,
            ..fine
        }
    }

    /// A finer model of the same kind: four convolutions (T. Xiao and others, *Early Convolutions Help Transformers See
    /// Better*, 2021), then one patch for each digit's cell, and half of the encoder's blocks; 286,837 parameters.
    pub fn fine() -> Self {
        let stem = [(24, 2), (48, 2), (48, 1), (24, 1)];
        let stem = stem.map(|(channels, stride)| Convolution { channels, stride });
        let reference = Self::reference();
        let (patch_height, patch_width) = (reference.cell, reference.cell);
        Self { stem: stem.into(), patch_height, patch_width, encoder_layers: 2, ..reference }
    }

    /// A small model of 1 x 3 digits whose sizes all differ, so that tests notice two axes taken for one another.
    pub fn tiny() -> Self {
        Self {
            rows: 1,
            cols: 3,
            cell: 28,
            stem: Vec::new(),
            patch_height: 14,
            patch_width: 12,
            width: 24,
            heads: 3,
            feed_forward_width: 40,
            encoder_layers: 2,
            decoder_layers: 1,
            vocabulary: 13,
            arrangement: LayoutKind::Grid,
            digits: 0,
        }
    }

    /// [`Config::tiny`] with convolutions before its patches, which keep the sizes that they had.
    pub fn tiny_with_stem() -> Self {
        let stem = [(5, 2), (3, 1)].map(|(channels, stride)| Convolution { channels, stride });
        Self { stem: stem.into(), ..Self::tiny() }
    }
}
