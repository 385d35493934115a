"""Reads the digits of pictures with onnxruntime: python run_onnx.py PICTURE ...

Needs numpy, Pillow and onnxruntime, and beside it encoder_model.onnx, decoder_model.onnx and preprocessor_config.json. A
picture shows light ink on a dark ground, each digit as MNIST has it, and is brought to the model's size; `mnist2x2 predict
--show FILE` makes such a picture of a photograph. Prints the digits of each picture in a line.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

FOLDER = Path(__file__).resolve().parent
CONFIG = json.loads((FOLDER / "preprocessor_config.json").read_text())
START, FINISH = 10, 11  # tokens; 0 to 9 are the digits


def pixel_values(picture: str) -> np.ndarray:
    """A picture as the encoder takes it: (1, height, width), normalized."""
    size = CONFIG["size"]["width"], CONFIG["size"]["height"]
    gray = np.asarray(Image.open(picture).convert("L").resize(size, Image.Resampling.BOX), np.float32)
    normalized = (gray * CONFIG["rescale_factor"] - CONFIG["image_mean"][0]) / CONFIG["image_std"][0]
    return normalized[None].astype(np.float32)


def read(pixels: np.ndarray) -> list[list[int]]:
    """The likeliest digits, one token after the other, of each picture of a batch."""
    sessions = [onnxruntime.InferenceSession(str(FOLDER / f"{part}_model.onnx")) for part in ("encoder", "decoder")]
    (memory,) = sessions[0].run(None, {"pixel_values": pixels})
    tokens = np.full((len(pixels), 1), START, np.int64)
    for _ in range(CONFIG["max_digits"]):
        (logits,) = sessions[1].run(None, {"input_ids": tokens, "encoder_hidden_states": memory})
        tokens = np.concatenate([tokens, logits[:, -1:].argmax(-1)], axis=1)
    ended = ([*sequence, FINISH] for sequence in tokens[:, 1:].tolist())
    return [[token for token in sequence[: sequence.index(FINISH)] if token < START] for sequence in ended]


if __name__ == "__main__":
    for digits in read(np.stack([pixel_values(picture) for picture in sys.argv[1:]])):
        print("".join(map(str, digits)))
