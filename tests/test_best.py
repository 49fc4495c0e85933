"""What depends on the task: the best model, weights of its own, learnt colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import gifnet
from gifnet.engine import chroma, room
from gifnet.engine.chroma import LearntChroma
from gifnet.errors import DeviceError
from gifnet.models.color_net import ColorNet
from gifnet.models.efrufn import EFRUFN
from gifnet.models.registry import BEST, best_model, model_spec
from gifnet.models.weights import save_weights
from gifnet.options import TASKS, FuseOptions


def coloured_pair(side: int = 32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    over, under = rng.integers(0, 256, (2, side, side + 8, 3), dtype=np.uint8)
    return over, under


@pytest.fixture
def companion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ColorNet:
    """A bundled ColorNet that adds 0.1 to Cb and takes 0.05 from Cr."""
    module = ColorNet()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    path = tmp_path / "color-net.safetensors"
    save_weights(module, path, {"model": "color-net"})
    for user in ("gifnet.models.weights", "gifnet.engine.chroma"):
        monkeypatch.setattr(f"{user}.companion_weights", lambda name: path)

    def shifted(self: ColorNet, luminance: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        return torch.tensor([0.1, -0.05]).view(1, 2, 1, 1) + torch.zeros_like(luminance)

    monkeypatch.setattr(ColorNet, "correction", shifted)
    return module


@pytest.mark.parametrize("most", [1 << 20, 64])
def test_learnt_chroma_corrects_the_mean(
    companion: ColorNet, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chroma, "MOST_PIXELS", most)
    rng = np.random.default_rng(0)
    first, second = rng.uniform(-0.5, 0.5, (2, 13, 18, 2)).astype(np.float32)
    mixed = LearntChroma(torch.device("cpu"))(rng.random((13, 18)), first, second)
    np.testing.assert_allclose(mixed, (first + second) / 2 + [0.1, -0.05], atol=1e-6)


def test_exposures_get_the_learnt_colour(companion: ColorNet, tmp_path: Path) -> None:
    path = tmp_path / "efrufn.safetensors"
    torch.manual_seed(0)
    save_weights(EFRUFN(), path, {})
    over, under = coloured_pair()
    options = {"model": "efrufn", "weights": path, "device": "cpu", "precision": "float32"}
    learnt = gifnet.fuse(over, under, task="meif", **options).astype(float)
    blended = gifnet.fuse(over, under, task="meif", chroma="blend", **options).astype(float)
    other = gifnet.fuse(over, under, task="mfif", **options)
    assert np.abs(learnt - blended).max() > 5
    np.testing.assert_array_equal(other, blended)


def test_the_best_model_of_a_task() -> None:
    assert set(BEST) == {None, *TASKS}
    for task, name in BEST.items():
        assert model_spec(name).has_weights(task), (task, name)
        assert FuseOptions(model="best", task=task).model == best_model(task) == name
    recorded = gifnet.Fuser(model="best", task="mfif", device="cpu").provenance()
    assert recorded["options"]["model"] == BEST["mfif"]


def test_a_plane_that_does_not_fit_is_refused_before_it_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "efrufn.safetensors"
    save_weights(EFRUFN(), path, {})
    plane = np.zeros((64, 128), np.uint8)
    monkeypatch.setattr(room, "free_bytes", lambda device: 30 << 20)
    with pytest.raises(DeviceError, match=r"about 0\.0 GiB for tiles of 64 pixels; cpu has 0\.0"):
        gifnet.fuse(plane, plane, model="efrufn", weights=path, device="cpu", precision="float32")


def test_free_memory_of_this_machine() -> None:
    free = room.free_bytes(torch.device("cpu"))
    assert free is None or free > 1 << 20
