//! The whole model: picture in, logits of the next token out.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use mnist2x2_kernels::Gradients;

use crate::fused::Fused;
use crate::network::{Decoding, Network};
use crate::parameters::Parameters;
use crate::transformer::Transformer;
use crate::{Config, Error};

/// The encoder-decoder Transformer.
///
/// Cheap to clone: clones share their parameters. Built on trainable [`Parameters`] it records what gradients need;
/// built on frozen ones it only computes.
#[derive(Clone, Debug)]
pub struct Seq2Seq {
    parameters: Parameters,
    /// The network composed of candle's operations; it alone tells attention weights.
    transformer: Arc<Transformer>,
    /// The network that computes in its place, if there is one.
    fused: Option<Arc<Fused>>,
}

impl Seq2Seq {
    /// The model with these parameters: computed by the fused kernels on the CPU in f32, else by candle's operations.
    ///
    /// # Errors
    /// [`Error::Candle`] if the device fails.
    pub fn new(parameters: Parameters) -> Result<Self, Error> {
        let fused = parameters.device().is_cpu() && parameters.dtype() == DType::F32;
        Self::choose(parameters, fused)
    }

    /// The model computed by candle's operations everywhere: what the fused kernels are held against.
    ///
    /// # Errors
    /// As [`Seq2Seq::new`].
    pub fn plain(parameters: Parameters) -> Result<Self, Error> {
        Self::choose(parameters, false)
    }

    fn choose(parameters: Parameters, fused: bool) -> Result<Self, Error> {
        let transformer = Arc::new(Transformer::new(parameters.config(), &parameters.var_builder()?)?);
        let fused = fused.then(|| Arc::new(Fused::new(&parameters, false)));
        Ok(Self { parameters, transformer, fused })
    }

    fn network(&self) -> Arc<dyn Network> {
        self.fused.clone().map_or(self.transformer.clone(), |fused| fused)
    }

    /// The same model, which transposes each weight once. Drop it before its parameters change: its forward passes would go on with
    /// the old ones, its backward passes with the new.
    #[must_use]
    pub fn fixed(&self) -> Self {
        let fused = self.fused.as_ref().map(|_| Arc::new(Fused::new(&self.parameters, true)));
        Self { fused, ..self.clone() }
    }

    /// The model as it is now, recording no gradients.
    ///
    /// # Errors
    /// As [`Seq2Seq::new`].
    pub fn frozen(&self) -> Result<Self, Error> {
        if self.parameters.are_frozen() {
            return Ok(self.clone());
        }
        Self::choose(self.parameters.frozen()?, self.fused.is_some())
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
    /// them: what training lowers. A distribution of zeros is of no token and counts nothing.
    ///
    /// # Shapes
    /// `images` (B, height, width), `tokens` (B, T) of u32, `targets` (B, T) of u32 or (B, T, V) -> a scalar
    ///
    /// # Errors
    /// As [`Seq2Seq::encode`] and [`Seq2Seq::decode`].
    pub fn loss(&self, images: &Tensor, tokens: &Tensor, targets: &Tensor) -> Result<Tensor, Error> {
        self.decoder_loss(tokens, targets, &self.encode(images)?)
    }

    /// As [`Seq2Seq::loss`], given encoded pictures.
    ///
    /// # Shapes
    /// `tokens` (B, T) of u32, `targets` (B, T) of u32 or (B, T, V), `memory` (B, N, D) -> a scalar
    ///
    /// # Errors
    /// As [`Seq2Seq::decode`].
    pub fn decoder_loss(&self, tokens: &Tensor, targets: &Tensor, memory: &Tensor) -> Result<Tensor, Error> {
        self.check_decoder_input(tokens, memory)?;
        self.check_targets(targets, tokens)?;
        Ok(self.network().loss(tokens, targets, memory)?)
    }

    /// The value and the gradient of [`Seq2Seq::loss`]: the same bits as through candle's graph, in less time.
    ///
    /// # Shapes
    /// As [`Seq2Seq::loss`].
    ///
    /// # Errors
    /// As [`Seq2Seq::loss`].
    pub fn differentiate(
        &self,
        images: &Tensor,
        tokens: &Tensor,
        targets: &Tensor,
    ) -> Result<(f32, Gradients), Error> {
        let Some(fused) = &self.fused else {
            let loss = self.loss(images, tokens, targets)?;
            return Ok((loss.to_dtype(DType::F32)?.to_scalar()?, self.parameters().gradients(&loss)?));
        };
        self.check_images(images)?;
        self.check_tokens(tokens, images.dims()[0])?;
        self.check_targets(targets, tokens)?;
        Ok(fused.differentiate(images, tokens, targets)?)
    }

    /// The encoded picture, which every decoding step looks at.
    ///
    /// # Shapes
    /// `images` (B, height, width) -> (B, N, D)
    ///
    /// # Errors
    /// [`Error::Shape`] if the images are not of the configured size.
    pub fn encode(&self, images: &Tensor) -> Result<Tensor, Error> {
        self.check_images(images)?;
        Ok(self.network().encode(images)?)
    }

    /// As [`Seq2Seq::encode`], with the weights of the self-attention of each encoder block.
    ///
    /// # Shapes
    /// `images` (B, height, width) -> (B, N, D) and, for each block, (B, H, N, N)
    ///
    /// # Errors
    /// As [`Seq2Seq::encode`].
    pub fn encode_with_attention(&self, images: &Tensor) -> Result<(Tensor, Vec<Tensor>), Error> {
        self.check_images(images)?;
        Ok(self.transformer.encode(images)?)
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
        Ok(self.network().decode(tokens, memory)?)
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
        Ok(self.transformer.decode(tokens, memory)?)
    }

    fn check_images(&self, images: &Tensor) -> Result<(), Error> {
        let (height, width) = (self.config().image_height(), self.config().image_width());
        match images.dims() {
            [_, h, w] if (*h, *w) == (height, width) => Ok(()),
            found => Err(shape("images", format!("(B, {height}, {width})"), found)),
        }
    }

    fn check_memory(&self, memory: &Tensor) -> Result<(), Error> {
        let (patches, width) = (self.config().patches(), self.config().width);
        match memory.dims() {
            [_, n, d] if (*n, *d) == (patches, width) => Ok(()),
            found => Err(shape("memory", format!("(B, {patches}, {width})"), found)),
        }
    }

    fn check_decoder_input(&self, tokens: &Tensor, memory: &Tensor) -> Result<(), Error> {
        self.check_memory(memory)?;
        self.check_tokens(tokens, memory.dims()[0])
    }

    fn check_tokens(&self, tokens: &Tensor, batch: usize) -> Result<(), Error> {
        let most = self.config().max_tokens();
        match tokens.dims() {
            [b, t] if *b == batch && (1..=most).contains(t) => Ok(()),
            found => Err(shape("tokens", format!("({batch}, 1 to {most})"), found)),
        }
    }

    fn check_targets(&self, targets: &Tensor, tokens: &Tensor) -> Result<(), Error> {
        let distributions = [tokens.dims(), &[self.config().vocabulary]].concat();
        if targets.dims() == tokens.dims() || targets.dims() == distributions {
            return Ok(());
        }
        let expected = format!("{:?} or {distributions:?}", tokens.dims());
        Err(shape("targets", expected, targets.dims()))
    }
}

/// B sequences that are being written, one token at a time, without computing anything twice: what each decoder block
/// knows of the picture and of the tokens so far.
///
/// [`Cache::step`] gives the logits that [`Seq2Seq::decode`] gives at the last token of the whole prefix.
#[derive(Debug)]
pub struct Cache {
    decoding: Box<dyn Decoding>,
    batch: usize,
    /// How many more tokens each sequence takes.
    left: usize,
    device: Device,
}

impl Cache {
    /// The state before the first token, given encoded pictures.
    ///
    /// # Shapes
    /// `memory` (B, N, D)
    ///
    /// # Errors
    /// [`Error::Shape`] if `memory` is not the encoder's output for this model.
    pub fn new(model: &Seq2Seq, memory: &Tensor) -> Result<Self, Error> {
        model.check_memory(memory)?;
        let left = model.config().max_tokens();
        let decoding = model.network().start(memory, left)?;
        Ok(Self { decoding, batch: memory.dims()[0], left, device: memory.device().clone() })
    }

    /// Reads one more token of each sequence and returns the logits of the next.
    ///
    /// # Shapes
    /// `tokens` (B) of u32 -> (B, V)
    ///
    /// # Errors
    /// [`Error::Shape`] if `tokens` has another length than the cache or the model reads no more tokens.
    pub fn step(&mut self, tokens: &Tensor) -> Result<Tensor, Error> {
        if tokens.dims() != [self.batch] || self.left == 0 {
            let expected = format!("({}), and {} more of them are read", self.batch, self.left);
            return Err(shape("tokens", expected, tokens.dims()));
        }
        let logits = self.decoding.step(tokens)?;
        self.left -= 1;
        Ok(logits)
    }

    /// Where the sequences are written.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The states of the sequences `rows`, in that order: a beam search keeps some, drops some and doubles some.
    ///
    /// # Errors
    /// [`Error::Shape`] if a row is not below B.
    pub fn select(&self, rows: &[u32]) -> Result<Self, Error> {
        if let Some(&row) = rows.iter().find(|&&row| row as usize >= self.batch) {
            return Err(shape("rows", format!("each below {}", self.batch), &[row as usize]));
        }
        let decoding = self.decoding.select(rows)?;
        Ok(Self { decoding, batch: rows.len(), left: self.left, device: self.device.clone() })
    }
}

fn shape(what: &'static str, expected: String, found: &[usize]) -> Error {
    Error::Shape { what, expected, found: found.to_vec() }
}
