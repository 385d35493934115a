//! The whole model: picture in, logits of the next token out.

use candle_core::{Module, Tensor};

use crate::decoder::Decoder;
use crate::encoder::Encoder;
use crate::parameters::Parameters;
use crate::patches::PatchEmbedding;
use crate::{Config, Error};

/// The encoder-decoder Transformer.
///
/// Cheap to clone: clones share their parameters. Built on trainable [`Parameters`] it records what gradients need;
/// built on frozen ones it only computes.
#[derive(Clone, Debug)]
pub struct Seq2Seq {
    parameters: Parameters,
    patch_embedding: PatchEmbedding,
    encoder: Encoder,
    decoder: Decoder,
}

impl Seq2Seq {
    /// The model with these parameters.
    ///
    /// # Errors
    /// [`Error::Candle`] if the device fails.
    pub fn new(parameters: Parameters) -> Result<Self, Error> {
        let (config, vb) = (parameters.config(), parameters.builder());
        Ok(Self {
            patch_embedding: PatchEmbedding::new(config, &vb)?,
            encoder: Encoder::new(config, &vb.pp("encoder"))?,
            decoder: Decoder::new(config, &vb.pp("decoder"))?,
            parameters,
        })
    }

    /// The same model on the same storage, recording no gradients: for evaluation while training goes on.
    ///
    /// # Errors
    /// As [`Seq2Seq::new`].
    pub fn frozen(&self) -> Result<Self, Error> {
        Self::new(self.parameters.frozen()?)
    }

    /// The model's sizes.
    pub fn config(&self) -> &Config {
        self.parameters.config()
    }

    /// The model's parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Logits of the token after each of `tokens`, for training with teacher forcing.
    ///
    /// # Shapes
    /// `images` (B, height, width), `tokens` (B, T) of u32 -> (B, T, V)
    ///
    /// # Errors
    /// As [`Seq2Seq::encode`] and [`Seq2Seq::decode`].
    pub fn forward(&self, images: &Tensor, tokens: &Tensor) -> Result<Tensor, Error> {
        self.decode(tokens, &self.encode(images)?)
    }

    /// Mean cross-entropy, in nats per token, of the logits against the tokens that should come, or distributions over
    /// them: what training lowers.
    ///
    /// # Shapes
    /// `images` (B, height, width), `tokens` (B, T) of u32, `targets` (B, T) of u32 or (B, T, V) -> a scalar
    ///
    /// # Errors
    /// As [`Seq2Seq::encode`] and [`Seq2Seq::decode`].
    pub fn loss(&self, images: &Tensor, tokens: &Tensor, targets: &Tensor) -> Result<Tensor, Error> {
        let memory = self.encode(images)?;
        self.check_decoder_input(tokens, &memory)?;
        let distributions = [tokens.dims(), &[self.config().vocabulary]].concat();
        if targets.dims() != tokens.dims() && targets.dims() != distributions {
            let expected = format!("{:?} or {distributions:?}", tokens.dims());
            return Err(shape("targets", expected, targets.dims()));
        }
        Ok(self.decoder.loss(tokens, targets, &memory)?)
    }

    /// The encoded picture, which every decoding step looks at.
    ///
    /// # Shapes
    /// `images` (B, height, width) -> (B, N, D)
    ///
    /// # Errors
    /// [`Error::Shape`] if the images are not of the configured size.
    pub fn encode(&self, images: &Tensor) -> Result<Tensor, Error> {
        Ok(self.encoder.forward(&self.embed(images)?)?)
    }

    /// As [`Seq2Seq::encode`], with the weights of the self-attention of each encoder block.
    ///
    /// # Shapes
    /// `images` (B, height, width) -> (B, N, D) and, for each block, (B, H, N, N)
    ///
    /// # Errors
    /// As [`Seq2Seq::encode`].
    pub fn encode_with_attention(&self, images: &Tensor) -> Result<(Tensor, Vec<Tensor>), Error> {
        Ok(self.encoder.forward_with_weights(&self.embed(images)?)?)
    }

    fn embed(&self, images: &Tensor) -> Result<Tensor, Error> {
        let (height, width) = (self.config().image_height(), self.config().image_width());
        match images.dims() {
            [_, h, w] if (*h, *w) == (height, width) => Ok(self.patch_embedding.forward(images)?),
            found => Err(shape("images", format!("(B, {height}, {width})"), found)),
        }
    }

    /// Logits of the token after each of `tokens`, given an encoded picture.
    ///
    /// # Shapes
    /// `tokens` (B, T) of u32, `memory` (B, N, D) -> (B, T, V)
    ///
    /// # Errors
    /// [`Error::Shape`] if the two do not fit the model or one another.
    pub fn decode(&self, tokens: &Tensor, memory: &Tensor) -> Result<Tensor, Error> {
        self.check_decoder_input(tokens, memory)?;
        Ok(self.decoder.forward(tokens, memory)?)
    }

    /// As [`Seq2Seq::decode`], with the weights of the cross-attention of each decoder block.
    ///
    /// # Shapes
    /// `tokens` (B, T) of u32, `memory` (B, N, D) -> (B, T, V) and, for each block, (B, H, T, N)
    ///
    /// # Errors
    /// As [`Seq2Seq::decode`].
    pub fn decode_with_attention(
        &self,
        tokens: &Tensor,
        memory: &Tensor,
    ) -> Result<(Tensor, Vec<Tensor>), Error> {
        self.check_decoder_input(tokens, memory)?;
        Ok(self.decoder.forward_with_weights(tokens, memory)?)
    }

    pub(crate) fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    pub(crate) fn check_memory(&self, memory: &Tensor) -> Result<(), Error> {
        let (patches, width) = (self.config().patches(), self.config().width);
        match memory.dims() {
            [_, n, d] if (*n, *d) == (patches, width) => Ok(()),
            found => Err(shape("memory", format!("(B, {patches}, {width})"), found)),
        }
    }

    fn check_decoder_input(&self, tokens: &Tensor, memory: &Tensor) -> Result<(), Error> {
        self.check_memory(memory)?;
        let (batch, most) = (memory.dims()[0], self.config().max_tokens());
        match tokens.dims() {
            [b, t] if *b == batch && (1..=most).contains(t) => Ok(()),
            found => Err(shape("tokens", format!("({batch}, 1 to {most})"), found)),
        }
    }
}

pub(crate) fn shape(what: &'static str, expected: String, found: &[usize]) -> Error {
    Error::Shape { what, expected, found: found.to_vec() }
}
