//! The sub-layers as operations of candle, with gradients.
//!
//! Each is a custom operation whose inputs are the activations and the sub-layer's parameters. candle hands the
//! same operation object to the forward and to the backward pass, so what the forward pass saves waits in the object
//! until the graph is dropped; a second backward pass over the same graph works. Where no input is differentiated nothing
//! is saved. All run on the CPU in `f32` and answer anything else with an error.
//!
//! A [`Tape`] applies the same sub-layers to values of its own, and goes back without candle's graph.

mod decode;
mod gradients;
mod op;
mod operand;
mod sub_layers;
mod support;
mod tape;
mod token_embedding;

pub use decode::{cross_attention_step, project_memory, self_attention_step};
pub use gradients::Gradients;
pub use operand::{Cut, Layer, Operand, Packed};
pub use sub_layers::{
    cross_attention, cut_patches, head_loss, logits, mlp, patch_embedding, self_attention, stem,
    token_embedding,
};
pub use tape::{Recorded, Tape};
pub use token_embedding::Lookup;
