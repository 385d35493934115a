//! Writing archives and pickle programs, honest and otherwise.

use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

pub(crate) type Entries = Vec<(String, Vec<u8>)>;

/// The entries of an archive with their full names.
pub(crate) fn entries_of(archive: &[u8]) -> Entries {
    let mut archive = ZipArchive::new(Cursor::new(archive)).unwrap();
    let count = archive.len();
    let entry = |index| {
        let mut entry = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.name().unwrap().into_owned(), content)
    };
    (0..count).map(entry).collect()
}

pub(crate) fn zip_of(entries: &[(String, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::DEFAULT.compression_method(method);
    for (name, content) in entries {
        writer.start_file(name.as_str(), options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An archive of a pickle of `value` and of one storage, `data/0`.
pub(crate) fn in_archive(value: &[u8], storage: &[u8]) -> Vec<u8> {
    let program = [b"\x80\x02", value, b"."].concat();
    let entries = [("data.pkl", program), ("byteorder", b"little".into()), ("data/0", storage.into())];
    zip_of(&entries.map(|(name, content)| (format!("root/{name}"), content)), CompressionMethod::Stored)
}

pub(crate) fn int(value: i32) -> Vec<u8> {
    [b"J".as_slice(), &value.to_le_bytes()].concat()
}

pub(crate) fn text(value: &str) -> Vec<u8> {
    [b"X".as_slice(), &(value.len() as u32).to_le_bytes(), value.as_bytes()].concat()
}

pub(crate) fn tuple(items: &[i32]) -> Vec<u8> {
    [b"(".to_vec(), items.iter().flat_map(|&item| int(item)).collect(), b"t".to_vec()].concat()
}

pub(crate) fn dict(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let items = items.iter().flat_map(|(key, value)| [text(key), value.clone()].concat());
    [b"}(".to_vec(), items.collect(), b"u".to_vec()].concat()
}

/// The parts of a saved tensor; the default is an honest one of 2 x 3 values in `data/0`.
pub(crate) struct Tensor<'a> {
    pub(crate) class: &'a str,
    pub(crate) key: &'a str,
    pub(crate) length: i32,
    pub(crate) offset: i32,
    pub(crate) shape: &'a [i32],
    pub(crate) strides: &'a [i32],
}

impl Default for Tensor<'_> {
    fn default() -> Self {
        Self { class: "FloatStorage", key: "0", length: 6, offset: 0, shape: &[2, 3], strides: &[3, 1] }
    }
}

impl Tensor<'_> {
    pub(crate) fn program(&self) -> Vec<u8> {
        let class = format!("ctorch\n{}\n", self.class);
        [
            b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
            [text("storage"), class.into_bytes(), text(self.key), text("cpu"), int(self.length)].concat(),
            b"tQ".to_vec(),
            [int(self.offset), tuple(self.shape), tuple(self.strides)].concat(),
            b"\x89ccollections\nOrderedDict\n)RtR".to_vec(),
        ]
        .concat()
    }
}
