//! The verbs, one file each.

pub(crate) mod bench;
pub(crate) mod corrections;
pub(crate) mod eval;
pub(crate) mod experiment;
pub(crate) mod export;
pub(crate) mod finetune;
pub(crate) mod info;
pub(crate) mod predict;
pub(crate) mod sample;
pub(crate) mod serve;
pub(crate) mod train;
