//! Layouts of the data and sizes of the model: which belongs to which.

use mnist2x2_data::{GridShape, Layout, SIDE};
use mnist2x2_model::{Config, LayoutKind};

/// The layout that a model of these sizes reads. Of a grid with empty cells, whose share the model does not know, a third of
/// the cells is empty.
pub fn layout_of(config: &Config) -> Layout {
    let shape = GridShape { rows: config.image_height() / SIDE, cols: config.image_width() / SIDE };
    match config.arrangement {
        LayoutKind::Sparse => Layout::Grid { shape, blanks: 1.0 / 3.0 },
        LayoutKind::Line => Layout::Line { most: config.max_digits(), canvas: shape },
        LayoutKind::Scatter => Layout::Scatter { most: config.max_digits(), canvas: shape },
        _ => shape.into(),
    }
}

/// The sizes of a model like one of these that reads `layout`.
#[must_use]
pub fn config_for(config: Config, layout: Layout) -> Config {
    let (arrangement, digits) = match layout {
        Layout::Line { most, .. } => (LayoutKind::Line, most),
        Layout::Scatter { most, .. } => (LayoutKind::Scatter, most),
        _ if layout.is_full() => (LayoutKind::Grid, 0),
        _ => (LayoutKind::Sparse, 0),
    };
    let GridShape { rows, cols } = layout.shape();
    Config { rows, cols, arrangement, digits, ..config }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_for_a_layout_reads_that_layout() {
        for (text, blanks) in [("2x2", 0.0), ("3x5", 1.0 / 3.0), ("line:8", 0.0), ("scatter:10", 0.0)] {
            let layout = text.parse::<Layout>().unwrap().with_blanks(blanks).unwrap();
            let config = config_for(Config::reference(), layout);
            config.validate().unwrap();
            assert_eq!((layout_of(&config), config.max_digits()), (layout, layout.max_digits()));
        }
        let presets =
            [("2x2", Config::reference()), ("line:8", Config::line()), ("scatter:10", Config::scatter())];
        for (text, preset) in presets {
            assert_eq!(config_for(preset.clone(), text.parse().unwrap()), preset, "{text}");
        }
    }
}
