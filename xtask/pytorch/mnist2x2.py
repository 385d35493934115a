"""The model of this workspace in PyTorch, with clocks: what `cargo xtask compare` holds the Rust programs against.

    pip install -r requirements.txt
    python mnist2x2.py train  [--threads N] [--batch 64] [--layout 2x2] [--seconds S] [--compile]
    python mnist2x2.py decode [--threads N] [--batch 500] [--layout 2x2] [--seconds S]
    python mnist2x2.py versions

Each measurement is one line of JSON with the fields of `mnist2x2 bench`, and `variant`: `eager` or `compile` for
training; `encode_each_step` or `encode_once` for decoding.

The digits are noise, for what a pixel holds changes nothing that is timed. Where PyTorch offers several ways to the same
arithmetic, the fastest on a CPU is taken.

Letters in shapes: B batch, T tokens, D width, H heads, V vocabulary.
"""

import argparse
import json
import math
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

# The network is the one that `mnist2x2 export --format hf` writes.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "crates/mnist2x2-formats/src/weights"))
import modeling_mnist2x2 as modeling  # noqa: E402

CELL, DIGITS_IN_MEMORY = 28, 10_000  # as many as `mnist2x2 bench` has
WARM_UP_STEPS, LATENCY_RUNS = 20, 300


def layout(text: str) -> tuple[int, int]:
    """Rows and columns of `4x4`; or of `line:8`, which costs what a grid of one row does."""
    if text.startswith("line:"):
        cells = int(text.removeprefix("line:"))
        return 1, cells + cells % 2
    rows, cols = text.split("x")
    return int(rows), int(cols)


def published(rows: int, cols: int) -> modeling.Mnist2x2:
    """The architecture of the published model, for pictures of `rows` x `cols` digits."""
    return modeling.Mnist2x2(rows, cols, CELL, patch_height=14, patch_width=14, width=64, heads=4, feed_forward_width=128,
                             encoder_layers=4, decoder_layers=2, vocabulary=13)


def fastest_attention(query: Tensor, key: Tensor, value: Tensor, heads: int, causal: bool = False) -> Tensor:
    """What `modeling.attention` computes, in the fastest of PyTorch's ways on a CPU."""
    # For sequences as short as these, the compiler makes faster code of the formula than PyTorch's own kernel is.
    if torch.compiler.is_compiling():
        return by_formula(query, key, value, heads, causal)
    query, key, value = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query, key, value))  # (B, H, T, D / H)
    return F.scaled_dot_product_attention(query, key, value, is_causal=causal).transpose(1, 2).flatten(2)


by_formula, modeling.attention = modeling.attention, fastest_attention


class Digits:
    """Labelled noise in the shape of MNIST's training digits, and the grids stitched from it."""

    def __init__(self):
        self.pixels = torch.randn(DIGITS_IN_MEMORY, CELL, CELL)
        self.labels = torch.randint(0, 10, (DIGITS_IN_MEMORY,))

    def batch(self, size: int, rows: int, cols: int) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, 1, height, width), the decoder's input (B, T) and its target (B, T)."""
        chosen = torch.randint(0, DIGITS_IN_MEMORY, (size, rows * cols))
        cells = self.pixels[chosen].unflatten(1, (rows, cols))  # (B, rows, cols, 28, 28)
        images = cells.transpose(2, 3).reshape(size, 1, rows * CELL, cols * CELL)
        digits = self.labels[chosen]
        return images, F.pad(digits, (1, 0), value=modeling.START), F.pad(digits, (0, 1), value=modeling.FINISH)


def encode_each_step(model: modeling.Mnist2x2, images: Tensor) -> Tensor:
    """The likeliest token for each digit, the whole model anew each time; digits (B, T - 1)."""
    tokens = torch.full((len(images), 1), modeling.START)
    for _ in range(model.max_digits):
        likeliest = model(images, tokens)[:, -1].argmax(-1, keepdim=True)
        tokens = torch.cat([tokens, likeliest], dim=1)
    return tokens[:, 1:]


def encode_once(model: modeling.Mnist2x2, images: Tensor) -> Tensor:
    """The same digits; only the decoder runs anew."""
    return model.generate(images)


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


def report(model: modeling.Mnist2x2, variant: str, batch: int, grids_per_second: float, **more: float) -> None:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    line = {"variant": variant, "grids_per_second": grids_per_second, "batch": batch, "parameters": parameters, **more}
    print(json.dumps(line), flush=True)


def train(arguments: argparse.Namespace) -> None:
    """Sampling, stitching, forward, backward and Adam, all of it on the clock."""
    digits, model = Digits(), published(*arguments.layout)
    # Fused is not PyTorch's default on a CPU, but the faster of its forms.
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def loss_of(images: Tensor, tokens: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(model(images, tokens).flatten(0, 1), targets.flatten())

    objective = torch.compile(loss_of) if arguments.compile else loss_of

    def step() -> None:
        optimizer.zero_grad()
        objective(*digits.batch(arguments.batch, *arguments.layout)).backward()
        optimizer.step()

    for _ in range(WARM_UP_STEPS):
        step()
    rate = arguments.batch * calls_per_second(step, arguments.seconds)
    report(model, "compile" if arguments.compile else "eager", arguments.batch, rate)


@torch.inference_mode()
def decode(arguments: argparse.Namespace) -> None:
    """Both ways to decode: grids per second in batches, and the time of one grid alone."""
    model = published(*arguments.layout).eval()
    many = torch.randn(arguments.batch, 1, *model.image)
    one = many[:1]
    for greedy in [encode_each_step, encode_once]:
        for _ in range(WARM_UP_STEPS):
            greedy(model, one)
        latency = median_milliseconds(lambda: greedy(model, one))
        greedy(model, many)
        rate = arguments.batch * calls_per_second(lambda: greedy(model, many), arguments.seconds)
        report(model, greedy.__name__, arguments.batch, rate, latency_ms_p50=latency)


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
            arguments.add_argument("--layout", type=layout, default=(2, 2), help="rows x columns, or line:N")
            arguments.add_argument("--seconds", type=float, default=5, help="of a measurement, after warming up")
        if verb is train:
            arguments.add_argument("--compile", action="store_true", help="with torch.compile")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    chosen.run(chosen)


if __name__ == "__main__":
    main()
