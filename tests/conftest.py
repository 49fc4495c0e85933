"""Fixtures that several test files share."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The reference material beside the repository; the test is skipped where there is none."""
    path = ROOT.parent / "shared"
    if not path.is_dir():
        pytest.skip("needs the reference material in ../shared")
    return path


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of model gifnet, not trained: for tests of everything but quality."""
    import torch

    from gifnet.models.gifnet import GIFNet
    from gifnet.models.weights import save_weights

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = GIFNet("blend")
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(module, path, {"model": "gifnet", "recipe": "none: random numbers"})
    return path
