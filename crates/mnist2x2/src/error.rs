//! One error for everything beneath.

/// What can go wrong in any of the crates: `?` turns each of their errors into it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of [`tokenizer`](crate::tokenizer).
    #[error(transparent)]
    Tokenizer(#[from] mnist2x2_tokenizer::Error),
    /// An error of [`data`](crate::data).
    #[error(transparent)]
    Data(#[from] mnist2x2_data::Error),
    /// An error of [`model`](crate::model).
    #[error(transparent)]
    Model(#[from] mnist2x2_model::Error),
    /// An error of [`formats`](crate::formats).
    #[error(transparent)]
    Formats(#[from] mnist2x2_formats::Error),
    /// An error of [`picture`](crate::picture).
    #[error(transparent)]
    Picture(#[from] mnist2x2_picture::Error),
    /// An error of [`infer`](crate::infer).
    #[error(transparent)]
    Infer(#[from] mnist2x2_infer::Error),
    /// An error of `train`.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Train(#[from] mnist2x2_train::Error),
    /// An error of `report`.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Report(#[from] mnist2x2_report::Error),
    /// An error of `corrections`.
    #[cfg(feature = "serve")]
    #[error(transparent)]
    Corrections(#[from] mnist2x2_corrections::Error),
    /// An error of `serve`.
    #[cfg(feature = "serve")]
    #[error(transparent)]
    Serve(#[from] mnist2x2_serve::Error),
    /// An operation of candle on a [`Tensor`](crate::Tensor) failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}
