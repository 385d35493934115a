"""The recipe `sprint` in PyTorch, with a clock: what `cargo xtask compare --sprint` holds `mnist2x2 train` against.

    python sprint.py --data-dir DIR [--seed 0] [--epochs 4] [--threads N]

Prints a line of JSON for each epoch, with fields as in a run's `metrics.jsonl`. As there, `seconds` are those of training alone:
digits are drawn, changed and stitched, but nothing is compiled or validated on that clock. Sources of the methods stand in
the Rust recipe; here they are in the form that is fastest on a CPU.

Letters in shapes: N digits, B batch, T tokens.
"""

import argparse
import copy
import gzip
import json
import math
import time
from pathlib import Path

import torch
from mnist2x2 import CELL, encode_once, published
from modeling_mnist2x2 import FINISH, MEAN, START, STD
from torch import Tensor, nn
from torch.nn import functional as F

HELD_OUT, EPOCH_GRIDS, VALIDATION_GRIDS, BATCH = 5_000, 9_000, 10_000, 64
RATE, WARM_UP, DECAY, BETAS, MOMENTUM, AVERAGE = 1e-2, 0.05, 0.1, (0.9, 0.99), 0.95, 0.995
ROTATION, SCALE, SHEAR, SHIFT, ELASTIC, KNOTS = math.radians(14), 0.14, 0.24, 1.2, 1.2, 5
WAVE = 0.7


def mnist(folder: Path) -> tuple[Tensor, Tensor]:
    """The training digits: gray values (N, 28, 28), 0 to 255, and labels (N)."""

    def content(name: str, header: int) -> Tensor:
        return torch.frombuffer(bytearray(gzip.decompress((folder / name).read_bytes())[header:]), dtype=torch.uint8)

    images = content("train-images-idx3-ubyte.gz", 16).view(-1, CELL, CELL).float()
    return images, content("train-labels-idx1-ubyte.gz", 8).long()


def uniform(most: float, *shape: int) -> Tensor:
    return (2 * torch.rand(shape) - 1) * most


def augment(digits: Tensor) -> Tensor:
    """Digits (N, 28, 28) turned, scaled, slanted, moved and bent, each in its own way."""
    count = len(digits)
    angle, slant = uniform(ROTATION, count), uniform(SHEAR, count)
    wide, high = 1 / (1 + uniform(SCALE, count)), 1 / (1 + uniform(SCALE, count))
    sin, cos = angle.sin(), angle.cos()
    pixels = 2 / CELL  # in the units of grid_sample
    left, up = uniform(SHIFT * pixels, count), uniform(SHIFT * pixels, count)
    across = torch.stack([wide * cos, wide * (slant * cos - sin)], -1)
    down = torch.stack([high * sin, high * (slant * sin + cos)], -1)
    linear = torch.stack([across, down], 1)  # (N, 2, 2)
    shift = -(linear @ torch.stack([left, up], -1).unsqueeze(-1))
    places = F.affine_grid(torch.cat([linear, shift], -1), [count, 1, CELL, CELL], align_corners=False)
    knots = uniform(ELASTIC * pixels, count, 2, KNOTS, KNOTS)
    bent = F.interpolate(knots, size=(CELL + 1, CELL + 1), mode="bilinear", align_corners=True)[..., :CELL, :CELL]
    return F.grid_sample(digits.unsqueeze(1), places + bent.permute(0, 2, 3, 1), align_corners=False).squeeze(1)


def stitch(digits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Digits (4 B, 28, 28) as images (B, 1, 56, 56), the decoder's input (B, T) and its target (B, T)."""
    cells = ((digits / 255 - MEAN) / STD).view(-1, 2, 2, CELL, CELL)
    images, labels = cells.transpose(2, 3).reshape(-1, 1, 2 * CELL, 2 * CELL), labels.view(-1, 4)
    return images, F.pad(labels, (1, 0), value=START), F.pad(labels, (0, 1), value=FINISH)


def initialize(model: nn.Module) -> None:
    """Truncated normal weights, and positions that are waves."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            std = module.in_features**-0.5
            nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
    with torch.no_grad():
        model.encoder.pos_embedding.copy_(waves(4, 4, *model.encoder.pos_embedding.shape[-2:]))
        positions = model.decoder.pos_embedding
        positions.copy_(waves(2, 2, *positions.shape[-2:]))


def waves(rows: int, columns: int, count: int, width: int) -> Tensor:
    """For each of `count` positions half a vector for its row and half for its column; what follows the last goes on below."""
    position, number = torch.arange(count).unsqueeze(1), torch.arange(width // 2)
    halves = []
    for place, places in [(position // columns, rows), (position % columns, columns)]:
        middle = place / places + 0.5 / places
        cycles = 0.25 * 8 ** ((number // 2) / (width // 4 - 1))
        angle = 2 * math.pi * cycles * middle
        halves.append(torch.where(number % 2 == 0, angle.sin(), angle.cos()))
    return WAVE * torch.cat(halves, dim=-1)


class Muon:
    """Muon for matrices, those of one shape at once, and AdamW for the rest."""

    def __init__(self, model: nn.Module):
        matrices = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
        known = {id(matrix) for matrix in matrices}
        others = [parameter for parameter in model.parameters() if id(parameter) not in known]
        self.adam = torch.optim.AdamW(others, lr=RATE, betas=BETAS, weight_decay=0.0, fused=True)
        by_shape: dict[torch.Size, list[Tensor]] = {}
        for matrix in matrices:
            by_shape.setdefault(matrix.shape, []).append(matrix)
        self.groups = [(group, torch.zeros(len(group), *shape)) for shape, group in by_shape.items()]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        self.adam.zero_grad()
        for matrices, average in self.groups:
            gradient = torch.stack([matrix.grad for matrix in matrices])
            average.lerp_(gradient, 1 - MOMENTUM)
            steps = orthogonal(gradient.lerp_(average, MOMENTUM))
            size = rate * 0.2 * max(average.shape[-2:]) ** 0.5
            torch._foreach_mul_(matrices, 1 - rate * DECAY)
            torch._foreach_add_(matrices, list(steps.unbind()), alpha=-size)
            for matrix in matrices:
                matrix.grad = None


def orthogonal(x: Tensor) -> Tensor:
    """About the nearest orthogonal matrix to each of `x` (N, rows, columns), by three rounds of Newton and Schulz."""
    tall = x.shape[-2] >= x.shape[-1]
    x = x if tall else x.mT
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-20)
    for _ in range(3):
        square = x.mT @ x
        x = 3.4445 * x + x @ torch.baddbmm(square, square, square, beta=-4.7750, alpha=2.0315)
    return x if tall else x.mT


def rate_at(done: int, total: int) -> float:
    """Up in a line, then down in a line to nothing."""
    rise = (done + 1) / max(WARM_UP * total, 1)
    fall = (total - done) / max((1 - WARM_UP) * total, 1)
    return RATE * min(1.0, rise, fall)


@torch.inference_mode()
def accuracy(model: nn.Module, images: Tensor, digits: Tensor) -> dict[str, float]:
    right = torch.cat([encode_once(model, batch) for batch in images.split(500)]) == digits
    return {"sequence_accuracy": right.all(-1).float().mean().item(), "digit_accuracy": right.float().mean().item()}


def main() -> None:
    parser = argparse.ArgumentParser(description="The recipe `sprint` in PyTorch, with a clock.")
    parser.add_argument("--data-dir", type=Path, required=True, help="with MNIST's training files, as they are published")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    images, labels = mnist(arguments.data_dir)
    training = len(images) - HELD_OUT
    chosen = training + torch.randint(0, HELD_OUT, (4 * VALIDATION_GRIDS,))
    validation, _, targets = stitch(images[chosen], labels[chosen])

    model = published(2, 2)
    initialize(model)
    average = copy.deepcopy(model)
    weights, averages = list(model.parameters()), list(average.parameters())

    @torch.compile
    def objective(images: Tensor, tokens: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(model(images, tokens).flatten(0, 1), targets.flatten())

    batches = [min(BATCH, EPOCH_GRIDS - at) for at in range(0, EPOCH_GRIDS, BATCH)]
    for size in {BATCH, batches[-1]}:  # whatever is compiled is compiled here
        objective(*stitch(augment(images[: 4 * size]), labels[: 4 * size])).backward()
    model.zero_grad()

    optimizer, total, done = Muon(model), arguments.epochs * len(batches), 0
    for epoch in range(1, arguments.epochs + 1):
        start, losses = time.perf_counter(), 0.0
        rounds = -(-4 * EPOCH_GRIDS // training)
        order = torch.cat([torch.randperm(training) for _ in range(rounds)])[: 4 * EPOCH_GRIDS]
        for chosen in order.split(4 * BATCH):
            loss = objective(*stitch(augment(images[chosen]), labels[chosen]))
            loss.backward()
            optimizer.step(rate_at(done, total))
            share = 1 - min(AVERAGE, (1 + done) / (10 + done))
            with torch.no_grad():
                torch._foreach_lerp_(averages, weights, share)
            done += 1
            losses += loss.item() * len(chosen) / 4
        seconds = time.perf_counter() - start
        line = {"epoch": epoch, "steps": done, "loss": losses / EPOCH_GRIDS, "seconds": seconds,
                "grids_per_second": EPOCH_GRIDS / seconds, "validation": accuracy(average, validation, targets[:, :4])}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
