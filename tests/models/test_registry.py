"""What depends on the task: the best model, weights of its own, learnt colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import gifnet
from gifnet.engine import memory as room
from gifnet.errors import DeviceError
from gifnet.fusion import color_net as chroma
from gifnet.fusion.canvas import PlaneSet
from gifnet.fusion.color_net import ColorNetChroma
from gifnet.fusion.request import make_request
from gifnet.geometry.region import Region
from gifnet.imaging.chroma_correction import ChromaCorrection
from gifnet.models.frufn.color_net import ColorNet
from gifnet.models.frufn.efrufn import EFRUFN
from gifnet.models.registry import model_spec
from gifnet.models.spec import ModelSpec
from gifnet.models.weights import save_weights
from gifnet.options import FuseOptions
from gifnet.tasks import TASKS, best_model


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
    bundled = ModelSpec.bundled_weights
    monkeypatch.setattr(
        ModelSpec,
        "bundled_weights",
        lambda self, task=None: path if self.name == "color-net" else bundled(self, task),
    )

    def shifted(self: ColorNet, luminance: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        return torch.tensor([0.1, -0.05]).view(1, 2, 1, 1) + torch.zeros_like(luminance)

    monkeypatch.setattr(ColorNet, "correction", shifted)
    return module


@pytest.mark.parametrize("most", [1 << 20, 64])
def test_learnt_chroma_corrects_the_mean(
    companion: ColorNet, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chroma, "MAX_PIXELS", most)
    request = make_request(coloured_pair(), "auto", "auto", "auto")
    shape = (request.shape[0], request.shape[1])
    found = ColorNetChroma(torch.device("cpu")).of_plane(PlaneSet(request, ()), shape)
    assert (found.factor > 1) == (most == 64)
    part = found.part(Region(3, 1, 20, 9))
    np.testing.assert_allclose(part, np.broadcast_to([0.1, -0.05], (17, 8, 2)), atol=1e-6)


@pytest.mark.parametrize("most", [1 << 20, 400])
@pytest.mark.parametrize("lazy", [False, True])
def test_the_learnt_colour_does_not_depend_on_tiles(
    most: int, lazy: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dask.array as da

    monkeypatch.setattr(chroma, "MAX_PIXELS", most)
    monkeypatch.setattr(chroma, "_STRIP", 500)
    torch.manual_seed(0)
    path = tmp_path / "efrufn.safetensors"
    save_weights(EFRUFN(), path, {})
    rng = np.random.default_rng(4)
    pair = [(rng.random((75, 61, 3)) * 255).astype(np.uint8) for _ in range(2)]
    options = {"model": "efrufn", "task": "meif", "weights": path, "device": "cpu"}
    options |= {"precision": "float32", "channel_axis": -1}
    whole = gifnet.fuse(*pair, **options)
    if lazy:
        pair = [da.from_array(image, chunks=(20, 20, 3)) for image in pair]
    tiled = np.asarray(gifnet.fuse(*pair, **options, tile=32))
    difference = np.abs(tiled.astype(int) - whole)
    assert difference.max() <= 1
    assert difference.mean() < 0.01


def test_a_correction_is_linear_between_blocks() -> None:
    ramp = np.arange(6, dtype=np.float32)[:, None, None] * 4 + 1.5 + np.zeros((6, 5, 2), np.float32)
    found = ChromaCorrection(ramp, 4).part(Region(3, 0, 20, 20))
    np.testing.assert_allclose(found, np.arange(3, 20)[:, None, None] + np.zeros((17, 20, 2)))


def test_a_source_without_data_leaves_the_colour_to_the_other() -> None:
    over, under = (image.astype(np.float32) / 255 for image in coloured_pair())
    over[2:8, 3:9] = np.nan
    request = make_request((over, under), (0, 1), -1, "auto")
    one, two = PlaneSet(request, ()).chroma(Region(0, 0, *request.shape))
    np.testing.assert_array_equal(one[2:8, 3:9], two[2:8, 3:9])
    assert (one != two).any()


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
    for task in (None, *TASKS):
        name = best_model(task)
        assert model_spec(name).has_weights(task), (task, name)
        assert FuseOptions(model="best", task=task).model == name
    recorded = gifnet.Fuser(model="best", task="mfif", device="cpu").provenance()
    assert recorded["options"]["model"] == best_model("mfif")


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
