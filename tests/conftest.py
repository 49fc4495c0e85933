"""Fixtures that several test files share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
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

    from gifnet.models.gifnet.network import GIFNet
    from gifnet.models.weights import save_weights

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = GIFNet("bands")
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(module, path, {"model": "gifnet", "recipe": "none: random numbers"})
    return path


@pytest.fixture(scope="session")
def weights_of_shares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of model shares, not trained, that decides distinctly."""
    from tests.helpers.shares_samples import deciding_network, save_network

    return save_network(deciding_network(2, 0.3), tmp_path_factory.mktemp("weights"))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, random_weights: Path) -> list[tuple[np.ndarray, ...]]:
    """Replace the network by the mean of all planes; collects the planes it was given.

    The default is a model of two images.
    """
    from gifnet.engine.engine import Engine
    from gifnet.geometry.region import Region

    calls: list[tuple[np.ndarray, ...]] = []

    def run_steps(
        self: Any, source: Any, sink: Any, shape: tuple[int, int], reporter: Any
    ) -> Iterator[None]:
        whole = Region.of(*shape)
        planes = source.read(whole)
        calls.append(tuple(plane.copy() for plane in planes[0]))
        reporter.advance(self.units(*shape))
        sink.write(whole, planes.mean(axis=1), np.full((1, *shape), 0.25, np.float32))
        yield

    monkeypatch.setattr(Engine, "run_steps", run_steps)
    monkeypatch.setattr("gifnet.options.DEFAULT_MODEL", "gifnet")
    monkeypatch.setattr(
        "gifnet.models.spec.ModelSpec.bundled_weights",
        lambda self, task=None: random_weights,
    )
    return calls
