"""A Transformer that reads handwritten digits in a picture, in plain PyTorch: python modeling_mnist2x2.py PICTURE ...

Needs torch, safetensors, numpy and Pillow, and beside it config.json and model.safetensors. A picture shows light ink on a dark
ground, each digit as MNIST has it, and is brought to the model's size. Prints the digits of each picture in a line.

The network is that of A. Vaswani and others, *Attention Is All You Need*, 2017, with two changes that are usual today: the norm
stands before each sub-layer (R. Xiong and others, *On Layer Normalization in the Transformer Architecture*, 2020), and the encoder
reads an image that is cut into patches (A. Dosovitskiy and others, *An Image Is Worth 16x16 Words*, 2021).

Letters in shapes: B batch, N patches, T tokens, D width, H heads, V vocabulary.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

try:
    from huggingface_hub import PyTorchModelHubMixin as HubMixin  # from_pretrained, save_pretrained, push_to_hub
except ImportError:

    class HubMixin:
        """Without huggingface_hub a model is loaded from a folder alone."""


START, FINISH = 10, 11  # tokens; 0 to 9 are the digits
MEAN, STD = 0.1307, 0.3081  # of MNIST's pixels, as shares of 255


class Mnist2x2(nn.Module, HubMixin):
    """The whole network, from an image to the logits of each next token. Its sizes are those of config.json."""

    def __init__(self, rows, cols, cell, patch_height, patch_width, width, heads, feed_forward_width, encoder_layers,
                 decoder_layers, vocabulary, stem=(), digits=0, **_):
        super().__init__()
        self.image = rows * cell, cols * cell  # height and width, in pixels
        self.max_digits = digits or rows * cols
        channels = [1, *(convolution["channels"] for convolution in stem)]
        strides = [convolution["stride"] for convolution in stem]
        reduction = math.prod(strides)
        self.patch = patch_height // reduction, patch_width // reduction * channels[-1]  # rows, and numbers in each
        patches = (self.image[0] // patch_height) * (self.image[1] // patch_width)
        sizes = width, heads, feed_forward_width
        self.stem = nn.ModuleList(map(Convolution, channels, channels[1:], strides))
        self.feature_extractor = nn.ModuleDict({"proj": nn.Linear(math.prod(self.patch), width)})
        self.encoder = Encoder(patches, encoder_layers, *sizes)
        self.decoder = Decoder(self.max_digits + 1, decoder_layers, vocabulary, *sizes)

    @classmethod
    def load(cls, folder):
        """The model in a folder with config.json and model.safetensors."""
        model = cls(**json.loads((Path(folder) / "config.json").read_text()))
        model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
        return model.eval()

    def forward(self, pixel_values: Tensor, input_ids: Tensor) -> Tensor:
        """Logits (B, T, V) of the token after each of `input_ids` (B, T)."""
        return self.decoder(input_ids, self.encode(pixel_values))

    def encode(self, pixel_values: Tensor) -> Tensor:
        """Images (B, 1, height, width) to the memory (B, N, D) that the decoder looks at."""
        maps = pixel_values
        for convolution in self.stem:
            maps = convolution(maps)
        maps = maps.permute(0, 2, 3, 1).flatten(2)  # (B, rows, numbers in a row): channels last
        rows, numbers = self.patch
        patches = maps.unflatten(2, (-1, numbers)).unflatten(1, (-1, rows)).transpose(2, 3)
        patches = patches.flatten(3).flatten(1, 2)  # (B, N, numbers of a patch)
        return self.encoder(self.feature_extractor["proj"](patches))

    @torch.inference_mode()
    def generate(self, pixel_values: Tensor) -> Tensor:
        """Greedy decoding: the likeliest token, one after the other, (B, most digits). What follows FINISH means nothing."""
        memory = self.encode(pixel_values)
        tokens = torch.full((len(memory), 1), START, device=memory.device)
        for _ in range(self.max_digits):
            likeliest = self.decoder(tokens, memory)[:, -1:].argmax(-1)
            tokens = torch.cat([tokens, likeliest], dim=1)
        return tokens[:, 1:]

    def read(self, pixel_values: Tensor) -> list[str]:
        """The digits of each picture."""
        ended = ([*sequence, FINISH] for sequence in self.generate(pixel_values).tolist())
        digits = ([token for token in sequence[: sequence.index(FINISH)] if token < START] for sequence in ended)
        return ["".join(map(str, sequence)) for sequence in digits]


# ---- Attention (Vaswani and others, section 3.2) ----


def attention(query: Tensor, key: Tensor, value: Tensor, heads: int, causal: bool = False) -> Tensor:
    """softmax(Q K^T / sqrt(D / H)) V of all heads at once; all (B, T, D) or (B, N, D)."""
    query, key, value = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query, key, value))  # (B, H, T, D / H)
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, H, T, N)
    if causal:  # no token attends to a later one
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    return (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)  # (B, T, D)


def feed_forward(width: int, hidden: int) -> nn.Sequential:
    """Section 3.3, with a GELU (D. Hendrycks and K. Gimpel, 2016)."""
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


# ---- The encoder (section 3.1): every patch learns about all others ----


class EncoderBlock(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv_proj = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = feed_forward(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv_proj(self.norm1(x)).chunk(3, dim=-1)
        x = x + self.out_proj(attention(query, key, value, self.heads))
        return x + self.mlp(self.norm2(x))


class Encoder(nn.Module):
    def __init__(self, patches, layers, width, heads, hidden):
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.zeros(1, patches, width))
        self.layers = nn.ModuleList(EncoderBlock(width, heads, hidden) for _ in range(layers))

    def forward(self, patches: Tensor) -> Tensor:
        x = patches + self.pos_embedding
        for layer in self.layers:
            x = layer(x)
        return x  # no norm after the last block


class Convolution(nn.Module):
    """3 x 3 pixels and a GELU before the patches, where config.json has a stem (T. Xiao and others, *Early Convolutions Help
    Transformers See Better*, 2021). A row of the weight is a window whose channels come last."""

    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, 9 * inputs))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.stride = stride

    def forward(self, maps: Tensor) -> Tensor:
        kernel = self.weight.unflatten(1, (3, 3, -1)).permute(0, 3, 1, 2)
        return F.gelu(F.conv2d(maps, kernel, self.bias, self.stride, padding=1))


# ---- The decoder (section 3.1): writes token by token, and looks at the picture for each ----


class DecoderBlock(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.self_attn_proj = nn.Linear(width, 3 * width)
        self.self_out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.cross_attn_q = nn.Linear(width, width)
        self.cross_attn_kv = nn.Linear(width, 2 * width)
        self.cross_out = nn.Linear(width, width)
        self.norm3 = nn.LayerNorm(width)
        self.mlp = feed_forward(width, hidden)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        query, key, value = self.self_attn_proj(self.norm1(x)).chunk(3, dim=-1)
        x = x + self.self_out(attention(query, key, value, self.heads, causal=True))
        key, value = self.cross_attn_kv(memory).chunk(2, dim=-1)
        x = x + self.cross_out(attention(self.cross_attn_q(self.norm2(x)), key, value, self.heads))
        return x + self.mlp(self.norm3(x))


class Decoder(nn.Module):
    def __init__(self, tokens, layers, vocabulary, width, heads, hidden):
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.pos_embedding = nn.Parameter(torch.zeros(1, tokens, width))
        self.layers = nn.ModuleList(DecoderBlock(width, heads, hidden) for _ in range(layers))
        self.output_proj = nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor, memory: Tensor) -> Tensor:
        x = self.token_embedding(tokens) + self.pos_embedding[:, : tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, memory)
        return self.output_proj(x)  # (B, T, V)


def pixel_values(picture, model: Mnist2x2) -> Tensor:
    """A picture as `model` takes it: (1, 1, height, width), normalized. `picture` is a file or its name."""
    height, width = model.image
    image = Image.open(picture).convert("L")
    if abs(image.width / image.height / (width / height) - 1) > 0.1:
        raise ValueError(f"{picture} has {image.width} x {image.height} pixels; {width} x {height} are read, or enlarged")
    gray = np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float32)
    if np.median(gray) > 127:
        raise ValueError(f"{picture} shows dark ink on a light ground; invert it (PIL.ImageOps.invert)")
    return (torch.from_numpy(gray / 255)[None, None] - MEAN) / STD


if __name__ == "__main__":
    reader = Mnist2x2.load(Path(__file__).resolve().parent)
    print("\n".join(reader.read(torch.cat([pixel_values(picture, reader) for picture in sys.argv[1:]]))))
