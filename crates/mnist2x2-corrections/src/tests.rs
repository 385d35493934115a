//! What the tests of several modules need.

use serde_json::json;

use crate::Correction;

/// A correction that obeys all rules.
pub(crate) fn correction(key: &str) -> Correction {
    Correction {
        key: key.into(),
        time: 1_767_225_600_123,
        model: "0a".repeat(32),
        read: "40_1".into(),
        right: "4071".into(),
        strokes: Some(json!({ "cells": [[[[0.1, 0.25], [3, 4]]], [], [], []] })),
        picture: Some(b"\x89PNG\r\n\x1a\n\x00\xff\x07".into()),
        found: None,
        source: Some("a \"test\"\nof lines".into()),
    }
}

/// Three digits that were found somewhere, of which the second is none.
pub(crate) fn found(key: &str) -> Correction {
    let digits: Vec<u8> = (0..3 * 784).map(|i| (i / 784 + i % 251) as u8).collect();
    Correction {
        read: "408".into(),
        right: "4_8".into(),
        strokes: None,
        picture: None,
        found: Some(digits),
        ..correction(key)
    }
}
