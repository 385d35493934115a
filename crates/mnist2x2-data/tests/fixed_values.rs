//! Values that may never change: whoever repeats a run, on another machine or with a later version, gets the same
//! digits, grids and batches, bit for bit. Each digest is SHA-256 over the values, little-endian.

use std::fmt::Write as _;
use std::sync::Arc;

use mnist2x2_data::mnist::{Digests, Split};
use mnist2x2_data::{
    Augmentation, Digits, Epoch, GridShape, GridSource, Loader, PIXELS, RenderCondition, StrokeRenderer,
    Strokes, denormalize, normalize, reference, stitch, stitch_u8, synthetic,
};
use mnist2x2_random::Random;
use sha2::{Digest as _, Sha256};

const SHAPE: GridShape = GridShape { rows: 2, cols: 3 };

fn sha256(bytes: impl IntoIterator<Item = u8>) -> String {
    let digest = Sha256::digest(bytes.into_iter().collect::<Vec<u8>>());
    digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn bytes(values: impl IntoIterator<Item = f32>) -> impl Iterator<Item = u8> {
    values.into_iter().flat_map(f32::to_le_bytes)
}

fn augmentation() -> Augmentation {
    Augmentation { rotation: 14.0, scale: 0.14, shear: 0.24, shift: 2.4, elastic: 1.4, stroke: 0.5 }
}

/// A seven with a bar, and a curve of many points, in the unit square.
fn strokes() -> [Strokes; 2] {
    let seven = vec![vec![[0.2, 0.15], [0.75, 0.1], [0.4, 0.9]], vec![[0.3, 0.55], [0.65, 0.5]]];
    let curve = (0..30).map(|i| i as f32 / 29.0).map(|t| [0.1 + 0.8 * t, 0.2 + 2.4 * t * (1.0 - t)]);
    [seven, vec![curve.collect(), vec![[0.5, 0.05]]]].map(|strokes| Strokes::new(strokes).unwrap())
}

#[test]
fn gray_values_are_normalized_as_ever() {
    assert_eq!(
        sha256(bytes((0..=255).map(normalize))),
        "0103dbab6b16bfcaea0aa75d7377b4b22bb6792081600921bee4a17ff9c4d33e"
    );
    assert!((0..=255).all(|gray| denormalize(normalize(gray)) == gray));
}

#[test]
fn synthetic_digits_are_the_same() {
    let digest = |split, seed| {
        let digits = synthetic::digits(split, 300, seed);
        let Digests { images, labels, .. } = Digests::of(&digits);
        [images, labels]
    };
    assert_eq!(
        digest(Split::Train, 0),
        [
            "fa007b1fe6514ff621f473fa6889c6351e590d3db43d4b836dd1a63db7fc5012",
            "a93d9e31583390b24e15d3830515a1b45413ee73bcf494b3c4bac2feb469b1d0"
        ]
    );
    assert_eq!(
        digest(Split::Test, 7),
        [
            "d7cd89b92ea7365ac2cd4670d65d56ab80022108ac20cd3545a055dd1f867c20",
            "b9f6bc026b42cac3b7e99ae84052896db402aec12c3244597da010efe2f9f4f5"
        ]
    );
}

#[test]
fn rare_digits_are_the_same() {
    let Digests { images, labels, .. } = Digests::of(&synthetic::rare_digits(300, 0));
    assert_eq!(
        [images, labels],
        [
            "2449abe2108487d530c0d71fe98731c0f2ef5e824cb21d2363a51702e40d9689",
            "1ab196583ca1a26727a9a089249df670e1c5ae7db8e115a12fa718ac49a7c546"
        ]
    );
}

#[test]
fn augmented_digits_are_the_same() {
    let digits = synthetic::digits(Split::Train, 50, 0);
    let change = |augmentation: &Augmentation| {
        let change = |i| augmentation.apply(digits.image(i), &mut Random::keyed(3, "test", 0, i as u64));
        sha256(bytes((0..digits.len()).flat_map(change)))
    };
    assert_eq!(change(&augmentation()), "e9192dfd3adaef9058520b1fd1b4284f92f1137de382d1328bd41407775d1562");
    assert_eq!(
        change(&Augmentation { rotation: 180.0, stroke: 1.0, ..augmentation() }),
        "8866dd4b8a136243ac81fba31e892c2ed0744126878d976f56a1232636600ba5"
    );
    assert_eq!(
        change(&Augmentation::default()),
        "ca75ff9c2f107b79985c5dbec09443cd156cc694229152d799f4571b9a9422d0"
    );
}

#[test]
fn grids_are_stitched_alike() {
    let digits = synthetic::digits(Split::Test, 20, 1);
    let (mut gray, mut normal) = (vec![0; SHAPE.pixels()], vec![0.0; SHAPE.pixels()]);
    stitch_u8(&digits, &[19, 3, 0, 7, 3, 11], SHAPE, &mut gray);
    stitch(&digits, &[19, 3, 0, 7, 3, 11], SHAPE, &mut normal);
    assert_eq!(
        [sha256(gray), sha256(bytes(normal))],
        [
            "99bd38fd131a0422012991c0c4dbed44f09bc52daf9185ec39f6e0bedfc781b8",
            "008fc281fce150c738bb26582d87b61fd975491f60892f4fb63494a99de0ca56"
        ]
    );
}

fn loader(source: GridSource) -> Loader {
    Loader::new(Arc::new(synthetic::digits(Split::Train, 90, 5)), source, SHAPE, 7, 11).unwrap()
}

/// Digests of the images and the labels of all batches.
fn batches(epoch: &Epoch) -> [String; 2] {
    let batches: Vec<_> = (0..epoch.steps()).map(|step| epoch.batch(step)).collect();
    let images = batches.iter().flat_map(|batch| batch.images.iter().copied());
    let labels = batches.iter().flat_map(|batch| batch.labels.iter().copied());
    [sha256(bytes(images)), sha256(labels)]
}

#[test]
fn batches_are_the_same() {
    let fixed = loader(GridSource::Fixed(reference::grids(90, 20, 6)));
    let fresh = loader(GridSource::Fresh { grids: 20 });
    let mixed = loader(GridSource::Mixed { grids: 20, kinds: vec![(60, 0.3)] });
    let of_three = loader(GridSource::Mixed { grids: 20, kinds: vec![(50, 0.3), (70, 0.2)] });
    for (loader, expected) in [
        (
            &fixed,
            [
                "6222f1522b48a9d5eb2557c7c5ed77a6c76fc14f6d77fcf7cd52c4cae10a4a1a",
                "144a041d7fee24b50f0b57579798bb83ba8b0c9ed7347c995a99ef84e847f54d",
            ],
        ),
        (
            &fresh,
            [
                "c52bc2f9dab3cf870d52cd4bd3047e9eed9c0d43b1f14199d4bded5862f4ae0c",
                "4e0057c153641a3e7a15f15365cef6de4c6d9b36482cb19452eb999a773d97e7",
            ],
        ),
        (
            &mixed,
            [
                "2ba7102932a1dcab241817bc8472c9e3385e970154178385f7651719e6e30341",
                "61eca9ba103cd481bb7198b4560c0f9c7c66bd3c92f76e3a1d34c6e36355735a",
            ],
        ),
        (
            &of_three,
            [
                "0d6e9cef3d296d971f77c269e637862819292d31d27e338457a9be90990d8ea6",
                "d3848b3b1002a18e73bb8f8a247ed81eb5442c1ef7efba666b6d6a5bfa40a1c2",
            ],
        ),
    ] {
        assert_eq!(batches(&loader.epoch(2)), expected);
    }
    assert_eq!(
        batches(&fixed.in_order()),
        [
            "b68f0a674abfb20916c49acdf4a42e184cd95ab726e179466812e45b30d19972",
            "dea9dfbeb3de62b812eebd83b25085eb114f570dd0e9af9c749b75ab2796ec55"
        ]
    );
    for (loader, expected) in [
        (
            fixed,
            [
                "c3a25ee3cca0f25a71511fd64b9ae9a4232b03ccca68573f058ed7f7e76822f2",
                "144a041d7fee24b50f0b57579798bb83ba8b0c9ed7347c995a99ef84e847f54d",
            ],
        ),
        (
            fresh,
            [
                "e9a7159a140e43fe5db5cff5ab4e208c2191c4854c9c59d36f2a6742b8a3faaa",
                "4e0057c153641a3e7a15f15365cef6de4c6d9b36482cb19452eb999a773d97e7",
            ],
        ),
        (
            mixed,
            [
                "c43e7cb51cb0a4f971ca14927aecb7e798d32fd1a66f9b036d9e4e581b4f70c0",
                "61eca9ba103cd481bb7198b4560c0f9c7c66bd3c92f76e3a1d34c6e36355735a",
            ],
        ),
    ] {
        assert_eq!(batches(&loader.augmented(augmentation()).unwrap().epoch(2)), expected);
    }
}

#[test]
fn strokes_are_drawn_alike() {
    let digits = strokes();
    let images = digits.iter().flat_map(|digit| [1.7, Strokes::MNIST_WIDTH, 3.1].map(|w| digit.rasterize(w)));
    let images: Vec<[u8; PIXELS]> = images.collect();
    assert_eq!(sha256(images.concat()), "934af9d531f16a4a64db8d8a9958688b77c689ec640e4edf6d0d9a5aa3881be6");
}

#[test]
fn drawings_are_the_same_under_every_condition() {
    let [seven, curve] = strokes();
    let digits = [Some(&seven), None, Some(&curve), Some(&curve), Some(&seven), None];
    let conditions = [RenderCondition::STANDARD].into_iter().chain(RenderCondition::OTHERS);
    let renderers: Vec<StrokeRenderer> = conditions.filter_map(|condition| condition.renderer(3)).collect();
    assert_eq!(renderers.len(), 13);
    let small = |like: &StrokeRenderer| StrokeRenderer { cell: 80, brush: like.brush / 5.0, ..*like };
    let drawings = renderers.iter().flat_map(|renderer| small(renderer).render(&digits, SHAPE));
    assert_eq!(sha256(drawings), "cab2916608818973be30a98c9dfccf016a3df29a6abc74eeb5341136093456fb");
}

#[test]
fn digests_are_those_of_the_files() {
    let digits = Digits::new((0..2 * PIXELS).map(|i| (i % 251) as u8).collect(), vec![4, 9]).unwrap();
    let Digests { images, labels, .. } = Digests::of(&digits);
    assert_eq!(
        [images.as_str(), labels.as_str()],
        [
            "f53a5c8908b046305d55481706b055827e1881a96ed938beefce9ace665c9889",
            "9ae988751d77662ff6bc8bf10ad9e8230a69d84cfc44c3c84ec12c0a075bce82"
        ]
    );
}
