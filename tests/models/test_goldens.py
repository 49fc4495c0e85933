"""The float32 network against outputs of the authors' own code.

The files are not part of the project; the tests are skipped without them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gifnet.models.weights import build_model, load_weights

TOLERANCE = 2e-5
FILES = ("medical", "meif_crop", "nir_crop", "remote_band1")


@pytest.fixture(scope="module")
def network(shared_dir: Path) -> torch.nn.Module:
    weights = load_weights(shared_dir / "reference/gifnet/official.model", "gifnet-cvpr")
    return build_model(weights)


def planes(golden: np.lib.npyio.NpzFile) -> tuple[Tensor, Tensor]:
    first, second = (
        torch.from_numpy(golden[name]).float()[None, None] / 255 for name in ("first", "second")
    )
    return first, second


@pytest.mark.parametrize("name", FILES)
def test_the_network_gives_the_authors_output(
    name: str, network: torch.nn.Module, shared_dir: Path
) -> None:
    golden = np.load(shared_dir / f"reference/gifnet/golden/{name}.npz")
    first, second = planes(golden)
    with torch.inference_mode():
        outputs = {
            "fused_dp": network(first, second).image,
            "fused_mm": network(first, second, main="mm").image,
            "reconstruction": network.reconstruct(first, second),
            "enhanced_second": network(second, second).image,
        }
    differences = {
        key: float(np.abs(value[0, 0].numpy() - golden[key]).max())
        for key, value in outputs.items()
    }
    assert all(value <= TOLERANCE for value in differences.values()), differences


def test_no_golden_file_is_left_out(shared_dir: Path) -> None:
    folder = shared_dir / "reference/gifnet/golden"
    assert sorted(path.stem for path in folder.glob("*.npz")) == sorted(FILES)
