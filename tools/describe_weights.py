"""Adds to a weights file's model card what a training run cannot know.

    python tools/describe_weights.py RUN/weights.safetensors tools/model_cards/gifnet.json -o FILE

The notes say where the data comes from and on what terms, what was measured, and how the
weights fail; the commit is the working tree's, unless the card has one. Tensors are left as they
are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

from gifnet.models.weights import build_model, load_weights, save_weights


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("notes", type=Path, help="a JSON object")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--commit", help="of the code that trained; the working tree's by default")
    parser.add_argument("--renew", action="store_true", help="replace what the card has already")
    arguments = parser.parse_args()
    weights = load_weights(arguments.weights)
    notes = json.loads(arguments.notes.read_text(encoding="utf-8"))
    if (twice := sorted(set(notes) & set(weights.card))) and not arguments.renew:
        parser.error(f"{arguments.notes} repeats {twice} of the card; --renew replaces them")
    commit = (
        arguments.commit
        or weights.card.get("commit")
        or subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
    )
    module = build_model(weights)
    card = {**weights.card, "commit": commit, **notes}
    print(save_weights(module, arguments.out, card))


if __name__ == "__main__":
    main()
