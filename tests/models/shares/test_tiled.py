"""Shares through the engine: tiles, dask and order equal the whole plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gifnet
from tests.helpers.shares_samples import deciding_network, save_network

SHAPE = (300, 420)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_network(deciding_network(1, 0.2), tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    first, second = rng.random((2, *SHAPE)).astype(np.float32)
    return first, second


def fuse(weights: Path, first: object, second: object, **options: object) -> object:
    return gifnet.fuse(
        first,
        second,
        model="shares",
        weights=weights,
        device="cpu",
        precision="float32",
        value_range=(0, 1),
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("tile", [64, 128, 320])
def test_tiles_equal_the_whole(
    weights: Path, pair: tuple[np.ndarray, np.ndarray], tile: int
) -> None:
    whole, share = fuse(weights, *pair, tile=0, return_mask=True)  # type: ignore[misc]
    tiled, tiled_share = fuse(weights, *pair, tile=tile, return_mask=True)  # type: ignore[misc]
    np.testing.assert_allclose(tiled, whole, atol=2e-6)
    np.testing.assert_allclose(tiled_share, share, atol=2e-6)


def test_the_order_changes_nothing(weights: Path, pair: tuple[np.ndarray, np.ndarray]) -> None:
    one, share = fuse(weights, *pair, return_mask=True)  # type: ignore[misc]
    other, complement = fuse(weights, *reversed(pair), return_mask=True)  # type: ignore[misc]
    np.testing.assert_allclose(one, other, atol=1e-6)
    np.testing.assert_allclose(share, 1 - complement, atol=1e-6)


def test_dask_equals_numpy(weights: Path, pair: tuple[np.ndarray, np.ndarray]) -> None:
    da = pytest.importorskip("dask.array")
    lazy = [da.from_array(plane, chunks=128) for plane in pair]
    found = fuse(weights, *lazy, tile=128)
    expected = fuse(weights, *pair, tile=128)
    np.testing.assert_allclose(found.compute(), expected, atol=2e-6)  # type: ignore[attr-defined]


@pytest.mark.parametrize("shape", [(1, 2), (5, 70), (64, 64), (65, 127)])
def test_any_size(weights: Path, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    first, second = rng.random((2, *shape)).astype(np.float32)
    found = fuse(weights, first, second)
    assert found.shape == shape  # type: ignore[attr-defined]
    assert np.isfinite(found).all()  # type: ignore[arg-type]
