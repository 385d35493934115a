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
        source: Some("a \"test\"\nof lines".into()),
    }
}
