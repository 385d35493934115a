//! Model selection: which epoch's weights a run ends with.

use serde::{Deserialize, Serialize};

/// Which weights a run ends with.
///
/// No run is stopped early: a schedule that falls to nothing needs its whole length. What early stopping would save is
/// kept by [`ModelSelection::Best`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ModelSelection {
    /// Those of the last epoch.
    Last,
    /// Those of the epoch with the highest sequence accuracy on the validation grids, the latest of several.
    Best,
}

impl ModelSelection {
    /// Whether an epoch with this validation accuracy takes the place of the `best` one before.
    pub(crate) fn prefers(self, accuracy: f64, best: Option<f64>) -> bool {
        self == Self::Best && best.is_none_or(|best| accuracy >= best)
    }
}
