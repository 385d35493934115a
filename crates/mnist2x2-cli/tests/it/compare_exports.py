"""Holds exported models against the program: python compare_exports.py torch|onnx FOLDER ...

Each FOLDER is an exported Hugging Face folder and has in `cases` what the program computed: pixels.u8 (B, height, width), tokens.i64
(B, T) and logits.f32 (B, T, V). Prints a line of JSON for each: the greatest difference of logits, and the digits that are read.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np

CHUNK = 500


def load(file: Path):
    """The module in a file, whatever others of its name are loaded."""
    specification = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def in_torch(folder: Path):
    import torch

    model = load(folder / "modeling_mnist2x2.py").Mnist2x2.load(folder)

    @torch.inference_mode()
    def logits(pixels, tokens):
        return model(torch.from_numpy(pixels), torch.from_numpy(tokens)).numpy()

    return logits, lambda pixels: model.read(torch.from_numpy(pixels))


def in_onnx(folder: Path):
    module = load(folder / "onnx" / "run_onnx.py")
    return lambda pixels, tokens: module.logits(tokens, module.encode(pixels)), module.read


for folder in map(Path, sys.argv[2:]):
    logits, read = {"torch": in_torch, "onnx": in_onnx}[sys.argv[1]](folder)
    config = json.loads((folder / "preprocessor_config.json").read_text())
    sides = config["size"]["height"], config["size"]["width"]
    gray = np.fromfile(folder / "cases" / "pixels.u8", np.uint8).reshape(-1, 1, *sides)
    tokens = np.fromfile(folder / "cases" / "tokens.i64", np.int64).reshape(len(gray), -1)
    expected = np.fromfile(folder / "cases" / "logits.f32", np.float32).reshape(*tokens.shape, -1)
    difference, digits = 0.0, []
    for start in range(0, len(gray), CHUNK):
        part = slice(start, start + CHUNK)
        pixels = (gray[part] * config["rescale_factor"] - config["image_mean"][0]) / config["image_std"][0]
        pixels = pixels.astype(np.float32)
        difference = max(difference, float(np.abs(logits(pixels, tokens[part]) - expected[part]).max()))
        digits += read(pixels)
    print(json.dumps({"difference": difference, "digits": digits}))
