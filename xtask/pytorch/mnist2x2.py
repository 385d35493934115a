"""The model of this workspace in PyTorch, with clocks: what `cargo xtask compare` holds the Rust programs against.

    pip install -r requirements.txt
    python mnist2x2.py train  [--threads N] [--batch 64] [--layout 2x2] [--seconds S] [--compile]
    python mnist2x2.py decode [--threads N] [--batch 500] [--layout 2x2] [--seconds S]
    python mnist2x2.py versions

Each measurement is one line of JSON with the fields of `mnist2x2 bench`, and `variant`: `eager` or `compile` for
training; `encode_each_step` or `encode_once` for decoding. Tensors bear the names of the published checkpoint.

The digits are noise, for what a pixel holds changes nothing that is timed. Where PyTorch offers several ways to the same
arithmetic, the fastest on a CPU is taken.

Letters in shapes: B batch, N patches, T tokens, D width, H heads, V vocabulary.
"""

import argparse
import json
import math
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CELL, PATCH = 28, 14
WIDTH, HEADS, HIDDEN = 64, 4, 128
ENCODER_LAYERS, DECODER_LAYERS = 4, 2
START, FINISH, VOCABULARY = 10, 11, 13
DIGITS_IN_MEMORY = 10_000  # as many as `mnist2x2 bench` has
WARM_UP_STEPS, LATENCY_RUNS = 20, 300


@dataclass(frozen=True)
class Layout:
    """How many digits lie in a picture, each in its cell."""

    rows: int
    cols: int

    @property
    def digits(self) -> int:
        return self.rows * self.cols

    @property
    def patches(self) -> int:
        return self.digits * (CELL // PATCH) ** 2

    @property
    def image(self) -> tuple[int, int]:
        return self.rows * CELL, self.cols * CELL


def layout(text: str) -> Layout:
    """`4x4`; or `line:8`, which costs what a grid of one row does."""
    if text.startswith("line:"):
        cells = int(text.removeprefix("line:"))
        return Layout(1, cells + cells % 2)
    rows, cols = text.split("x")
    return Layout(int(rows), int(cols))


def attention(query: Tensor, key: Tensor, value: Tensor, causal: bool = False) -> Tensor:
    """softmax(Q K^T / sqrt(D / H)) V over H heads (Vaswani et al., 2017, 3.2); all (B, T, D)."""
    query, key, value = (x.unflatten(-1, (HEADS, -1)).transpose(1, 2) for x in (query, key, value))  # (B, H, T, D / H)
    # For sequences as short as these, the compiler makes faster code of the formula than PyTorch's own kernel is.
    weigh = attention_by_formula if torch.compiler.is_compiling() else F.scaled_dot_product_attention
    return weigh(query, key, value, is_causal=causal).transpose(1, 2).flatten(2)  # (B, T, D)


def attention_by_formula(query: Tensor, key: Tensor, value: Tensor, is_causal: bool) -> Tensor:
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, H, T, T)
    if is_causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    return scores.softmax(-1) @ value


def feed_forward() -> nn.Sequential:
    return nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, WIDTH))


class PatchEmbedding(nn.Module):
    """Cuts the picture into patches, row by row, and maps each to the model's width (Dosovitskiy et al., 2021, 3.1)."""

    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(PATCH * PATCH, WIDTH)

    def forward(self, images: Tensor) -> Tensor:
        rows = images.unflatten(2, (-1, PATCH)).unflatten(1, (-1, PATCH))  # (B, N / n, 14, n, 14)
        return self.proj(rows.transpose(2, 3).flatten(3).flatten(1, 2))  # (B, N, D)


class EncoderLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.qkv_proj = nn.Linear(WIDTH, 3 * WIDTH)
        self.out_proj = nn.Linear(WIDTH, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = feed_forward()

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv_proj(self.norm1(x)).chunk(3, dim=-1)
        x = x + self.out_proj(attention(query, key, value))
        return x + self.mlp(self.norm2(x))


class Encoder(nn.Module):
    def __init__(self, layout: Layout):
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.randn(1, layout.patches, WIDTH))
        self.layers = nn.ModuleList(EncoderLayer() for _ in range(ENCODER_LAYERS))

    def forward(self, patches: Tensor) -> Tensor:
        x = patches + self.pos_embedding
        for layer in self.layers:
            x = layer(x)
        return x


class DecoderLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.self_attn_proj = nn.Linear(WIDTH, 3 * WIDTH)
        self.self_out = nn.Linear(WIDTH, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.cross_attn_q = nn.Linear(WIDTH, WIDTH)
        self.cross_attn_kv = nn.Linear(WIDTH, 2 * WIDTH)
        self.cross_out = nn.Linear(WIDTH, WIDTH)
        self.norm3 = nn.LayerNorm(WIDTH)
        self.mlp = feed_forward()

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        query, key, value = self.self_attn_proj(self.norm1(x)).chunk(3, dim=-1)
        x = x + self.self_out(attention(query, key, value, causal=True))
        key, value = self.cross_attn_kv(memory).chunk(2, dim=-1)
        x = x + self.cross_out(attention(self.cross_attn_q(self.norm2(x)), key, value))
        return x + self.mlp(self.norm3(x))


class Decoder(nn.Module):
    def __init__(self, layout: Layout):
        super().__init__()
        self.token_embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.pos_embedding = nn.Parameter(torch.randn(1, layout.digits + 1, WIDTH))
        self.layers = nn.ModuleList(DecoderLayer() for _ in range(DECODER_LAYERS))
        self.output_proj = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, tokens: Tensor, memory: Tensor) -> Tensor:
        x = self.token_embedding(tokens) + self.pos_embedding[:, : tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, memory)
        return self.output_proj(x)  # (B, T, V)


class Seq2Seq(nn.Module):
    def __init__(self, layout: Layout):
        super().__init__()
        self.layout = layout
        self.feature_extractor = PatchEmbedding()
        self.encoder = Encoder(layout)
        self.decoder = Decoder(layout)

    def encode(self, images: Tensor) -> Tensor:
        """Images (B, height, width) to the memory (B, N, D) that the decoder looks at."""
        return self.encoder(self.feature_extractor(images))

    def forward(self, images: Tensor, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) of the token after each of `tokens` (B, T)."""
        return self.decoder(tokens, self.encode(images))


class Digits:
    """Labelled noise in the shape of MNIST's training digits, and the grids stitched from it."""

    def __init__(self):
        self.pixels = torch.randn(DIGITS_IN_MEMORY, CELL, CELL)
        self.labels = torch.randint(0, 10, (DIGITS_IN_MEMORY,))

    def batch(self, size: int, layout: Layout) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, height, width), the decoder's input (B, T) and its target (B, T)."""
        chosen = torch.randint(0, DIGITS_IN_MEMORY, (size, layout.digits))
        cells = self.pixels[chosen].unflatten(1, (layout.rows, layout.cols))  # (B, rows, cols, 28, 28)
        images = cells.transpose(2, 3).reshape(size, *layout.image)
        digits = self.labels[chosen]
        return images, F.pad(digits, (1, 0), value=START), F.pad(digits, (0, 1), value=FINISH)


def greedy_encode_each_step(model: Seq2Seq, images: Tensor) -> Tensor:
    """The likeliest token for each digit, the whole model anew each time; digits (B, T - 1)."""
    tokens = torch.full((len(images), 1), START)
    for _ in range(model.layout.digits):
        likeliest = model(images, tokens)[:, -1].argmax(-1, keepdim=True)
        tokens = torch.cat([tokens, likeliest], dim=1)
    return tokens[:, 1:]


def greedy_encode_once(model: Seq2Seq, images: Tensor) -> Tensor:
    """The same digits; only the decoder runs anew."""
    memory = model.encode(images)
    tokens = torch.full((len(images), 1), START)
    for _ in range(model.layout.digits):
        likeliest = model.decoder(tokens, memory)[:, -1].argmax(-1, keepdim=True)
        tokens = torch.cat([tokens, likeliest], dim=1)
    return tokens[:, 1:]


def calls_per_second(call: Callable[[], object], seconds: float) -> float:
    """How often `call` ends in a second, by the clock, over `seconds` or one call."""
    calls, start = 0, time.perf_counter()
    while True:
        call()
        calls += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return calls / elapsed


def median_milliseconds(call: Callable[[], object]) -> float:
    return statistics.median(1000 / calls_per_second(call, 0) for _ in range(LATENCY_RUNS))


def report(model: Seq2Seq, variant: str, batch: int, grids_per_second: float, **more: float) -> None:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    line = {"variant": variant, "grids_per_second": grids_per_second, "batch": batch, "parameters": parameters, **more}
    print(json.dumps(line), flush=True)


def train(arguments: argparse.Namespace) -> None:
    """Sampling, stitching, forward, backward and Adam, all of it on the clock."""
    digits, model = Digits(), Seq2Seq(arguments.layout)
    # Fused is not PyTorch's default on a CPU, but the faster of its forms.
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def loss_of(images: Tensor, tokens: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(model(images, tokens).flatten(0, 1), targets.flatten())

    objective = torch.compile(loss_of) if arguments.compile else loss_of

    def step() -> None:
        optimizer.zero_grad()
        objective(*digits.batch(arguments.batch, arguments.layout)).backward()
        optimizer.step()

    for _ in range(WARM_UP_STEPS):
        step()
    rate = arguments.batch * calls_per_second(step, arguments.seconds)
    report(model, "compile" if arguments.compile else "eager", arguments.batch, rate)


@torch.inference_mode()
def decode(arguments: argparse.Namespace) -> None:
    """Both ways to decode: grids per second in batches, and the time of one grid alone."""
    model = Seq2Seq(arguments.layout).eval()
    many = torch.randn(arguments.batch, *arguments.layout.image)
    one = many[:1]
    for greedy in [greedy_encode_each_step, greedy_encode_once]:
        for _ in range(WARM_UP_STEPS):
            greedy(model, one)
        latency = median_milliseconds(lambda: greedy(model, one))
        greedy(model, many)
        rate = arguments.batch * calls_per_second(lambda: greedy(model, many), arguments.seconds)
        report(model, greedy.__name__.removeprefix("greedy_"), arguments.batch, rate, latency_ms_p50=latency)


def versions(_: argparse.Namespace) -> None:
    print(json.dumps({"python": platform.python_version(), "torch": torch.__version__}))


def main() -> None:
    parser = argparse.ArgumentParser(description="The model of this workspace in PyTorch, with clocks.")
    verbs = parser.add_subparsers(required=True)
    for verb, batch in [(train, 64), (decode, 500), (versions, None)]:
        arguments = verbs.add_parser(verb.__name__)
        arguments.set_defaults(run=verb, threads=1)
        if batch:
            arguments.add_argument("--threads", type=int, default=1, help="that PyTorch computes on")
            arguments.add_argument("--batch", type=int, default=batch, help="grids")
            arguments.add_argument("--layout", type=layout, default=Layout(2, 2), help="rows x columns, or line:N")
            arguments.add_argument("--seconds", type=float, default=5, help="of a measurement, after warming up")
        if verb is train:
            arguments.add_argument("--compile", action="store_true", help="with torch.compile")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    chosen.run(chosen)


if __name__ == "__main__":
    main()
