"""Adds up weights files of one model with shares, as the average of runs of one descent.

    python tools/average_weights.py A.safetensors=0.7 B.safetensors=0.3 -o C.safetensors

The model card is that of the first file, and names the shares and the hashes of all.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from gifnet.models.registry import model_spec
from gifnet.models.weights import load_weights, save_weights


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("weights", nargs="+", metavar="FILE=SHARE")
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    given = [text.rpartition("=") for text in arguments.weights]
    try:
        shares = [float(share) for _, _, share in given]
    except ValueError:
        parser.error("every file needs a share: FILE=SHARE")
    if abs(sum(shares) - 1) > 1e-6:
        parser.error(f"the shares add up to {sum(shares):g}, not 1")
    files = [load_weights(path) for path, _, _ in given]
    models = {file.model for file in files}
    if len(models) > 1:
        parser.error(f"the files are of different models: {', '.join(sorted(models))}")
    (model,) = models
    state = {
        name: sum(
            (share * file.state[name].double() for file, share in zip(files, shares, strict=True)),
            torch.zeros((), dtype=torch.float64),
        ).to(tensor.dtype)
        for name, tensor in files[0].state.items()
    }
    module = model_spec(model).build()
    module.load_state_dict(state)
    parts = [
        {"sha256": file.sha256, "share": share} for file, share in zip(files, shares, strict=True)
    ]
    print(save_weights(module, arguments.out, {**files[0].card, "average_of": parts}))


if __name__ == "__main__":
    main()
