//! Sets of digits in every form that is read, and what is said of others.

use std::fs;
use std::path::Path;

use image::GrayImage;
use mnist2x2_data::idx::Kind;
use mnist2x2_data::mnist::{Digests, Split};
use mnist2x2_data::{Digits, PIXELS, SIDE, synthetic};
use mnist2x2_picture::Dataset;
use tempfile::TempDir;

/// Digits that look like MNIST's, with enough ones among them.
fn digits(split: Split) -> Digits {
    synthetic::digits(split, 400, 3)
}

/// Writes digits as IDX files of these names.
fn write_idx(folder: &Path, [images, labels]: [&str; 2], digits: &Digits, gray: impl Fn(&[u8], usize) -> u8) {
    fs::create_dir_all(folder).unwrap();
    let header = |kind: Kind| kind.header(digits.len() as u32);
    let pixels =
        (0..digits.len()).flat_map(|i| (0..PIXELS).map(|at| gray(digits.image(i), at)).collect::<Vec<_>>());
    fs::write(folder.join(images), header(Kind::Images).into_iter().chain(pixels).collect::<Vec<_>>())
        .unwrap();
    let labels_of = (0..digits.len()).map(|i| digits.label(i));
    fs::write(folder.join(labels), header(Kind::Labels).into_iter().chain(labels_of).collect::<Vec<_>>())
        .unwrap();
}

fn upright(image: &[u8], at: usize) -> u8 {
    image[at]
}

fn transposed(image: &[u8], at: usize) -> u8 {
    image[at % SIDE * SIDE + at / SIDE]
}

const TRAIN: [&str; 2] = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
const TEST: [&str; 2] = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

#[track_caller]
fn found(path: &Path) -> Dataset {
    Dataset::find(path).unwrap()
}

fn refusal(result: Result<impl std::fmt::Debug, mnist2x2_picture::Error>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn own_files_under_mnists_names_are_found_where_torchvision_puts_them() {
    for place in ["", "MNIST/raw", "raw"] {
        let root = TempDir::new().unwrap();
        write_idx(&root.path().join(place), TRAIN, &digits(Split::Train), upright);
        let dataset = found(root.path());
        let loaded = dataset.load(Split::Train).unwrap();
        assert_eq!((&loaded, dataset.name(&Digests::of(&loaded))), (&digits(Split::Train), "own"), "{place}");
        assert!(dataset.has(Split::Train) && !dataset.has(Split::Test));
        assert!(refusal(dataset.load(Split::Test)).contains("has no t10k-images-idx3-ubyte"));
        write_idx(&root.path().join(place), TEST, &digits(Split::Test), upright);
        assert!(found(root.path()).has(Split::Test));
    }
}

#[test]
fn emnists_digits_are_turned_upright() {
    for set in ["digits", "mnist"] {
        let root = TempDir::new().unwrap();
        for (split, name) in [(Split::Train, "train"), (Split::Test, "test")] {
            let names =
                ["images-idx3", "labels-idx1"].map(|kind| format!("emnist-{set}-{name}-{kind}-ubyte"));
            write_idx(root.path(), [&names[0], &names[1]], &digits(split), transposed);
        }
        let dataset = found(root.path());
        for split in [Split::Train, Split::Test] {
            let loaded = dataset.load(split).unwrap();
            assert_eq!((&loaded, dataset.name(&Digests::of(&loaded))), (&digits(split), "emnist"));
        }
    }
}

#[test]
fn digits_that_look_wrong_are_refused_unless_they_are_asked_for() {
    let root = TempDir::new().unwrap();
    write_idx(root.path(), TRAIN, &digits(Split::Train), transposed);
    let error = refusal(found(root.path()).load(Split::Train));
    assert!(error.contains("its ones lie on their side") && error.contains("emnist-digits-..."), "{error}");
    assert!(error.contains("--as-is"), "{error}");
    assert_eq!(found(root.path()).as_is().load(Split::Train).unwrap().len(), 400);
    write_idx(root.path(), TRAIN, &digits(Split::Train), |image, at| 255 - image[at]);
    let error = refusal(found(root.path()).load(Split::Train));
    assert!(error.contains("dark on light paper") && error.contains("255 - value"), "{error}");
}

/// Digits as Kaggle's table.
fn table(digits: &Digits, labels: bool) -> String {
    let label = |label: String| if labels { label + "," } else { String::new() };
    let row = |first: String, rest: Vec<String>| format!("{}{}\n", label(first), rest.join(","));
    let names = row("label".into(), (0..PIXELS).map(|i| format!("pixel{i}")).collect());
    let line = |i: usize| {
        row(digits.label(i).to_string(), digits.image(i).iter().map(ToString::to_string).collect())
    };
    names + &(0..digits.len()).map(line).collect::<String>()
}

#[test]
fn tables_are_read_from_a_folder_or_by_name() {
    let root = TempDir::new().unwrap();
    let file = root.path().join("train.csv");
    fs::write(&file, table(&digits(Split::Train), true)).unwrap();
    fs::write(root.path().join("test.csv"), table(&digits(Split::Test), false)).unwrap();
    let dataset = found(root.path());
    assert_eq!(dataset.load(Split::Train).unwrap(), digits(Split::Train));
    assert!(dataset.has(Split::Train) && !dataset.has(Split::Test), "Kaggle's test.csv has no labels");
    let error = refusal(dataset.load(Split::Test));
    assert!(error.contains("test.csv, line 1: its first value is `pixel0` and no label"), "{error}");
    let alone = found(&file);
    assert!(!alone.has(Split::Test) && alone.load(Split::Test).unwrap() == digits(Split::Train));
}

/// Writes one digit as a picture.
fn write_picture(path: &Path, digits: &Digits, i: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    GrayImage::from_raw(28, 28, digits.image(i).to_vec()).unwrap().save(path).unwrap();
}

#[test]
fn folders_of_labeled_pictures_go_the_way_of_all_pictures() {
    let digits = synthetic::digits(Split::Train, 30, 3);
    let root = TempDir::new().unwrap();
    let [folders, names, divided] = ["folders", "names", "divided"].map(|name| root.path().join(name));
    for i in 0..30 {
        let label = digits.label(i);
        write_picture(&folders.join(format!("{label}/{i:02}.png")), &digits, i);
        write_picture(&names.join(format!("{label}_{i:02}.png")), &digits, i);
        write_picture(&divided.join(format!("training/{label}/{i:02}.png")), &digits, i);
    }
    write_picture(&divided.join("testing/7_a.PNG"), &digits, 0);
    fs::write(folders.join("notes.txt"), "ours").unwrap();
    let loaded = found(&folders).load(Split::Train).unwrap();
    let sorted = |digits: &Digits| {
        let mut all: Vec<_> =
            (0..digits.len()).map(|i| (digits.label(i), digits.image(i).to_vec())).collect();
        all.sort();
        all
    };
    assert_eq!(sorted(&loaded), sorted(&digits), "what looks like MNIST's stays as it is");
    assert_eq!(found(&folders).load(Split::Test).unwrap(), loaded);
    assert_eq!(found(&names).load(Split::Train).unwrap(), loaded);
    assert_eq!(found(&divided).load(Split::Train).unwrap(), loaded);
    assert_eq!(found(&divided).load(Split::Test).unwrap().len(), 1);
    assert!(found(&divided).has(Split::Test) && !found(&folders).has(Split::Test));
    let labels: Vec<u8> = (0..30).map(|i| loaded.label(i)).collect();
    assert!(!labels.is_sorted(), "the last of them are of all kinds");
    assert_eq!((found(&names).name(&Digests::of(&loaded)), found(&names).description()), ("own", "pictures"));
}

/// Without loss, what looks like MNIST's digits stays as it is; a JPEG is near.
#[test]
fn labeled_pictures_are_of_every_format_that_is_read() {
    let digits = synthetic::digits(Split::Train, 1, 3);
    for ending in ["png", "webp", "bmp", "gif", "tif", "TIFF", "jpg", "jpeg"] {
        let root = TempDir::new().unwrap();
        let folder = root.path().join(digits.label(0).to_string());
        fs::create_dir(&folder).unwrap();
        let gray = GrayImage::from_raw(28, 28, digits.image(0).to_vec()).unwrap();
        // A GIF is written in colors alone.
        image::DynamicImage::from(gray).to_rgb8().save(folder.join(format!("a.{ending}"))).unwrap();
        let loaded = found(root.path()).load(Split::Train).unwrap();
        assert_eq!((loaded.len(), loaded.label(0)), (1, digits.label(0)), "{ending}");
        let distance = loaded.image(0).iter().zip(digits.image(0)).map(|(&a, &b)| a.abs_diff(b)).max();
        assert!(distance <= Some(if ending.starts_with('j') { 60 } else { 0 }), "{ending}: {distance:?}");
    }
}

#[test]
fn a_picture_that_cannot_be_used_is_named() {
    let digits = synthetic::digits(Split::Train, 2, 3);
    let case = |name: &str, bytes: Option<&[u8]>| {
        let root = TempDir::new().unwrap();
        write_picture(&root.path().join("3/good.png"), &digits, 0);
        match bytes {
            Some(bytes) => fs::write(root.path().join(name), bytes).unwrap(),
            None => write_picture(&root.path().join(name), &digits, 1),
        }
        let error = refusal(found(root.path()).load(Split::Train));
        assert!(error.contains(name), "{error}");
        error
    };
    assert!(case("b.png", None).contains("has no label; call it 7_name.png"));
    assert!(case("3/b.png", Some(b"no picture")).contains("cannot be read as an image"));
    assert!(case("3/b.webp", Some(b"RIFF")).contains("cannot be read as an image"));
    for other in ["3/b.heic", "3/b.AVIF", "3/b.svg"] {
        assert!(case(other, Some(b"any")).contains("is no PNG, JPEG, WebP, BMP, GIF or TIFF; convert it"));
    }
    let blank = TempDir::new().unwrap();
    GrayImage::new(40, 40).save(blank.path().join("5_blank.png")).unwrap();
    let error = refusal(found(blank.path()).load(Split::Train));
    assert!(error.contains("5_blank.png") && error.contains("no digit is found in it"), "{error}");
}

#[test]
fn other_forms_get_the_list_of_what_is_read() {
    let root = TempDir::new().unwrap();
    let check = |path: &Path, what: &str| {
        let error = refusal(Dataset::find(path));
        assert!(error.contains(what), "{error}");
        for form in ["MNIST/raw", "emnist-digits-", "train.csv", "7_name.png"] {
            assert!(error.contains(form), "{error}");
        }
    };
    check(root.path(), "is an empty folder");
    check(&root.path().join("none"), "is not there");
    for name in ["train.parquet", "mnist.npz"] {
        let folder = root.path().join(name.replace('.', "_"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), b"PAR1").unwrap();
        check(&folder, &format!("holds `{name}` and no digits of a known form"));
        check(&folder.join(name), "is a file of another form");
    }
}
