//! Laws of what a model sees: MNIST's look whatever the drawing's, and nothing where nothing was written.

use image::{DynamicImage, GrayImage, Luma, imageops};
use mnist2x2_data::mnist::Split;
use mnist2x2_data::{GridShape, Point, SIDE, StrokeRenderer, Strokes, stitch_u8, synthetic};
use mnist2x2_picture::{Arrangement, Drawing, Findings, ModelInput, Picture};
use mnist2x2_random::Random;

const SHAPE: GridShape = GridShape { rows: 3, cols: 2 };

fn see(image: GrayImage) -> ModelInput {
    ModelInput::from_picture(&Picture::new(&DynamicImage::from(image)), SHAPE)
}

/// What was seen, as a picture.
fn picture(seen: &ModelInput) -> GrayImage {
    GrayImage::from_raw(SHAPE.width() as u32, SHAPE.height() as u32, seen.pixels().to_vec()).unwrap()
}

fn difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>() / a.len() as f64
}

/// The mean difference of what was seen, each digit moved by up to a pixel: a center of mass between two pixels goes
/// to the one or the other.
fn apart(a: &ModelInput, b: &ModelInput) -> f64 {
    let gray = |seen: &ModelInput, x: usize, y: usize| f64::from(seen.pixels()[y * SHAPE.width() + x]);
    let cell = |cell: usize| {
        let (left, top) = (cell % SHAPE.cols * SIDE, cell / SHAPE.cols * SIDE);
        let moved = |shift: usize| {
            let inner = || (1..SIDE - 1).flat_map(|y| (1..SIDE - 1).map(move |x| (left + x, top + y)));
            let moved = |x, y| gray(b, x + shift % 3 - 1, y + shift / 3 - 1);
            inner().map(|(x, y)| (gray(a, x, y) - moved(x, y)).abs()).sum::<f64>() / (SIDE * SIDE) as f64
        };
        (0..9).map(moved).fold(f64::MAX, f64::min)
    };
    (0..SHAPE.cells()).map(cell).sum::<f64>() / SHAPE.cells() as f64
}

/// Six digits in the unit square: 2, 7, 1, 4, 0 and 3.
fn digits() -> Vec<Strokes> {
    let ring = (0..=20).map(|i| f32::sin_cos(i as f32 * 0.314)).map(|(s, c)| [0.5 + 0.14 * s, 0.5 - 0.2 * c]);
    let patterns: [Vec<Vec<Point>>; 6] = [
        vec![vec![[0.36, 0.38], [0.44, 0.3], [0.56, 0.34], [0.54, 0.46], [0.36, 0.66], [0.62, 0.66]]],
        vec![vec![[0.36, 0.32], [0.62, 0.32], [0.44, 0.7]], vec![[0.42, 0.5], [0.58, 0.5]]],
        vec![vec![[0.5, 0.3], [0.48, 0.68]]],
        vec![vec![[0.42, 0.3], [0.36, 0.52], [0.64, 0.52]], vec![[0.56, 0.38], [0.54, 0.7]]],
        vec![ring.collect()],
        vec![vec![[0.38, 0.32], [0.58, 0.32], [0.46, 0.46], [0.6, 0.56], [0.54, 0.68], [0.38, 0.68]]],
    ];
    patterns.into_iter().map(|strokes| Strokes::new(strokes).unwrap()).collect()
}

/// The six digits as `canvas` draws them.
fn drawn(canvas: &StrokeRenderer) -> GrayImage {
    let digits = digits();
    let grays = canvas.render(&digits.iter().map(Some).collect::<Vec<_>>(), SHAPE);
    GrayImage::from_raw((SHAPE.cols * canvas.cell) as u32, (SHAPE.rows * canvas.cell) as u32, grays).unwrap()
}

/// The same from their strokes.
fn from_strokes() -> ModelInput {
    let place = |(cell, strokes): (usize, &Strokes)| {
        let corner = [(cell % SHAPE.cols) as f32, (cell / SHAPE.cols) as f32];
        strokes.map(|[x, y]| [x + corner[0], y + corner[1]]).iter().map(<[_]>::to_vec).collect::<Vec<_>>()
    };
    let strokes = Strokes::new(digits().iter().enumerate().flat_map(place).collect()).unwrap();
    ModelInput::from_drawing(&Drawing::new(strokes, SHAPE.cols as f32, SHAPE.rows as f32).unwrap(), SHAPE)
}

#[test]
fn a_grid_that_looks_like_mnist_stays_as_it_is() {
    let digits = synthetic::digits(Split::Test, 60, 0);
    for grid in (0..60).collect::<Vec<u32>>().chunks_exact(6) {
        let mut grays = vec![0; SHAPE.pixels()];
        stitch_u8(&digits, grid, SHAPE, &mut grays);
        let image = GrayImage::from_raw(56, 84, grays.clone()).unwrap();
        assert_eq!(see(image.clone()).pixels(), grays);
        for (factor, filter, most) in [
            (10, imageops::Nearest, 0.0),
            (7, imageops::Nearest, 0.0),
            (10, imageops::Triangle, 6.0),
            (10, imageops::CatmullRom, 4.0),
        ] {
            let large = imageops::resize(&image, 56 * factor, 84 * factor, filter);
            let found = difference(see(large).pixels(), &grays);
            assert!(found <= most, "{factor} times, {filter:?}: {found}");
        }
    }
}

#[test]
fn what_was_seen_is_seen_again() {
    for brush in [10.0, 15.0, 30.0] {
        let seen = see(drawn(&StrokeRenderer { brush, ..StrokeRenderer::default() }));
        assert_eq!(see(picture(&seen)), seen);
    }
}

#[test]
fn any_brush_size_place_and_color_gives_what_the_strokes_give() {
    let judged = StrokeRenderer::default();
    for (canvas, most) in [
        (judged, 2.5),
        (StrokeRenderer { brush: 8.0, ..judged }, 2.5),
        (StrokeRenderer { brush: 24.0, ..judged }, 2.5),
        (StrokeRenderer { brush: 32.0, ..judged }, 3.0),
        (StrokeRenderer { scale: 0.5, ..judged }, 5.0),
        (StrokeRenderer { scale: 1.5, ..judged }, 3.5),
        (StrokeRenderer { shift: [0.2, -0.15], ..judged }, 2.5),
        (StrokeRenderer { inverted: true, ..judged }, 2.5),
        (StrokeRenderer { guide_lines: true, ..judged }, 2.5),
        (StrokeRenderer { guide_lines: true, inverted: true, cell: 130, brush: 5.0, ..judged }, 2.5),
        (StrokeRenderer { cell: 61, brush: 3.0, ..judged }, 2.5),
    ] {
        let seen = see(drawn(&canvas));
        assert_eq!(seen.empty(), [false; 6], "{canvas:?}");
        let found = apart(&seen, &from_strokes());
        assert!(found <= most, "{canvas:?}: {found} gray levels from the strokes");
    }
}

#[test]
fn a_framed_page_with_a_margin_is_read_cell_by_cell() {
    let inner =
        drawn(&StrokeRenderer { cell: 150, brush: 6.0, guide_lines: true, ..StrokeRenderer::default() });
    let mut page = GrayImage::from_pixel(340, 490, Luma([0]));
    for x in 18..322 {
        for y in (18..20).chain(470..472) {
            page.put_pixel(x, y, Luma([128]));
        }
    }
    for y in 18..472 {
        for x in (18..20).chain(320..322) {
            page.put_pixel(x, y, Luma([128]));
        }
    }
    imageops::replace(&mut page, &inner, 20, 20);
    imageops::invert(&mut page);
    assert!(apart(&see(page), &from_strokes()) < 3.5);
}

#[test]
fn nothing_is_seen_where_nothing_was_written() {
    let blank = GrayImage::from_pixel(400, 600, Luma([251]));
    assert_eq!(see(blank.clone()).empty(), [true; 6]);
    let mut random = Random::keyed(0, "dust", 0, 0);
    let mut dusty = blank;
    for _ in 0..60 {
        let [x, y] = [400, 600].map(|side| random.below(side));
        dusty.put_pixel(x, y, Luma([0]));
    }
    for (x, y) in (205..212).flat_map(|x| (300..309).map(move |y| (x, y))) {
        dusty.put_pixel(x, y, Luma([20])); // a tap of the pen
    }
    assert_eq!(see(dusty.clone()).empty(), [true; 6]);
    for y in 230..370 {
        for x in 98..104 {
            dusty.put_pixel(x, y, Luma([0])); // a one in cell 2
        }
    }
    let seen = see(dusty);
    assert_eq!(seen.empty(), [true, true, false, true, true, true]);
    assert!((0..SHAPE.pixels()).all(|i| seen.pixels()[i] == 0 || (SIDE..2 * SIDE).contains(&(i / 56))));
    let guides = StrokeRenderer { cell: 200, guide_lines: true, ..StrokeRenderer::default() }
        .render(&[None; 6], SHAPE);
    assert_eq!(see(GrayImage::from_raw(400, 600, guides).unwrap()).empty(), [true; 6]);
}

#[test]
fn ink_across_a_border_stays_whole_and_touching_digits_are_cut() {
    let mut digits = digits();
    // The 7 hangs over into the cell of the 2, which stands at the left.
    digits[0] = digits[0].map(|[x, y]| [x - 0.2, y]);
    digits[1] = digits[1].map(|[x, y]| [x - 0.42, y]);
    let draw = |digits: &[Strokes]| {
        let grays = StrokeRenderer::default().render(&digits.iter().map(Some).collect::<Vec<_>>(), SHAPE);
        see(GrayImage::from_raw(800, 1200, grays).unwrap())
    };
    assert!(apart(&draw(&digits), &from_strokes()) < 2.5);
    // Now their ends touch, and both cells still have their digit.
    digits[0] = digits[0].map(|[x, y]| [x + 0.39, y + 0.02]);
    digits[1] = digits[1].map(|[x, y]| [x + 0.07, y]);
    let seen = draw(&digits);
    assert_eq!(seen.empty(), [false; 6]);
    assert!(apart(&seen, &from_strokes()) < 9.0);
}

#[test]
fn pictures_of_any_size_and_content_are_seen_without_fault() {
    let mut random = Random::keyed(0, "noise", 0, 0);
    for (width, height) in [(1, 1), (1, 900), (5_000, 2), (3, 4), (27, 57), (56, 84), (301, 303)] {
        let noise = GrayImage::from_fn(width, height, |_, _| Luma([random.bits() as u8]));
        assert_eq!(see(noise).pixels().len(), SHAPE.pixels());
        let halves = GrayImage::from_fn(width, height, |x, _| Luma([if 2 * x < width { 0 } else { 255 }]));
        assert_eq!(see(halves).pixels().len(), SHAPE.pixels());
    }
}

#[test]
fn other_ways_to_see_a_picture_differ_from_the_first_and_a_told_grid_has_none() {
    let picture = Picture::new(&DynamicImage::from(drawn(&StrokeRenderer::default())));
    let usual = GridShape { rows: 4, cols: 3 }; // about square cells, but of more digits
    let found = Findings::of(&picture, Arrangement::Auto, usual);
    assert_eq!((found.shape(), found.digits().count()), (Some(SHAPE), 6));
    let bounds = |found: &Findings| found.digits().map(|digit| digit.bounds).collect::<Vec<_>>();
    let others = found.others();
    assert!(!others.is_empty());
    assert!(others.iter().all(|other| other.others().is_empty() && bounds(other) != bounds(&found)));
    assert!(Findings::of(&picture, Arrangement::Grid(SHAPE), usual).others().is_empty());
}
