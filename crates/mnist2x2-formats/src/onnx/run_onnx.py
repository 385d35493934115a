"""Reads the digits of pictures with onnxruntime: python run_onnx.py PICTURE ...

Needs numpy, Pillow and onnxruntime, and beside it encoder_model.onnx, decoder_model.onnx and preprocessor_config.json. A
picture shows light ink on a dark ground, each digit as MNIST has it, and is brought to the model's size; `mnist2x2 predict
--show FILE` makes such a picture of a photograph. Prints the digits of each picture in a line.
"""

import json
import sys
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image

FOLDER = Path(__file__).resolve().parent
CONFIG = json.loads((FOLDER / "preprocessor_config.json").read_text())
ENCODER, DECODER = (InferenceSession(str(FOLDER / f"{part}_model.onnx")) for part in ("encoder", "decoder"))
START, FINISH = 10, 11  # tokens; 0 to 9 are the digits


def pixel_values(picture: str) -> np.ndarray:
    """A picture as the encoder takes it: (1, 1, height, width), normalized."""
    width, height = CONFIG["size"]["width"], CONFIG["size"]["height"]
    image = Image.open(picture).convert("L")
    if abs(image.width / image.height / (width / height) - 1) > 0.1:
        raise ValueError(f"{picture} has {image.width} x {image.height} pixels; {width} x {height} are read, or enlarged")
    gray = np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float32)
    if np.median(gray) > 127:
        raise ValueError(f"{picture} shows dark ink on a light ground; invert it (PIL.ImageOps.invert)")
    normalized = (gray * CONFIG["rescale_factor"] - CONFIG["image_mean"][0]) / CONFIG["image_std"][0]
    return normalized[None, None].astype(np.float32)


def logits(tokens: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """Logits (batch, T, 13) of the token after each of `tokens` (batch, T)."""
    return DECODER.run(None, {"input_ids": tokens, "encoder_hidden_states": memory})[0]


def encode(pixels: np.ndarray) -> np.ndarray:
    """Pictures (batch, 1, height, width) to the memory that the decoder looks at."""
    return ENCODER.run(None, {"pixel_values": pixels})[0]


def read(pixels: np.ndarray) -> list[str]:
    """The digits of each picture: the likeliest token, one after the other."""
    memory, tokens = encode(pixels), np.full((len(pixels), 1), START, np.int64)
    for _ in range(CONFIG["max_digits"]):
        tokens = np.concatenate([tokens, logits(tokens, memory)[:, -1:].argmax(-1)], axis=1)
    ended = ([*sequence, FINISH] for sequence in tokens[:, 1:].tolist())
    digits = ([token for token in sequence[: sequence.index(FINISH)] if token < START] for sequence in ended)
    return ["".join(map(str, sequence)) for sequence in digits]


if __name__ == "__main__":
    print("\n".join(read(np.concatenate([pixel_values(picture) for picture in sys.argv[1:]]))))
