"""One `Fuser` for all: immutable options, a shared network, and the model told from the file."""

from __future__ import annotations

import dataclasses
import inspect
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gifnet
from gifnet import FuseOptions, Fuser, fuse
from gifnet.errors import InvalidInputError, WeightsError
from gifnet.models.registry import MODELS
from gifnet.models.weights import load_weights, save_weights
from tests.models.gifnet.test_checkpoint import authors_name

RNG = np.random.default_rng(5)
FIRST, SECOND = RNG.random((2, 40, 56), np.float32)
#: The authors' checkpoints, and the models that they belong to.
PUBLISHED = {
    "gifnet/official.model": "gifnet-cvpr",
    "efrufn/official_ivif.pth": "efrufn-published",
}


def weights_of(name: str, folder: Path) -> Path:
    path = folder / f"{name}.safetensors"
    torch.manual_seed(0)
    save_weights(MODELS[name].build(), path, {})
    return path


# -- the model of a weights file -------------------------------------------------------


@pytest.mark.parametrize("name", ["gifnet", "gifnet-cvpr", "efrufn", "frufn-published"])
def test_the_model_is_recognised_from_the_file(name: str, tmp_path: Path) -> None:
    path = weights_of(name, tmp_path)
    assert load_weights(path).model == name
    fuser = Fuser(weights=path, device="cpu", precision="float32", value_range=(0, 1))
    assert fuser.options.model is None
    done = fuser.run(FIRST, SECOND)
    assert fuser.model == done.record["model"] == done.record["options"]["model"] == name
    named = fuser.with_options(model=name).fuse(FIRST, SECOND)
    np.testing.assert_array_equal(done.image, named)
    again = Fuser(FuseOptions.from_dict(json.loads(json.dumps(done.record))["options"]))
    np.testing.assert_array_equal(again.fuse(FIRST, SECOND), named)


def test_a_checkpoint_with_the_authors_names_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "Final.model"
    torch.manual_seed(0)
    state = MODELS["gifnet-cvpr"].build().state_dict()
    torch.save({authors_name(key): value for key, value in state.items()}, path)
    found = fuse(FIRST, SECOND, weights=path, device="cpu")
    np.testing.assert_array_equal(
        found, fuse(FIRST, SECOND, weights=path, model="gifnet-cvpr", device="cpu")
    )


@pytest.mark.parametrize(("file", "name"), PUBLISHED.items())
def test_the_authors_checkpoints_are_recognised(file: str, name: str, shared_dir: Path) -> None:
    path = shared_dir / "reference" / file
    assert Fuser(weights=path, device="cpu").model == name
    assert fuse(FIRST, SECOND, weights=path, device="cpu").shape == FIRST.shape


def test_a_wrong_name_is_an_error_with_both(tmp_path: Path) -> None:
    path = weights_of("efrufn", tmp_path)
    for name in ("gifnet", "frufn"):
        with pytest.raises(WeightsError, match=f"belong to model 'efrufn', not '{name}'"):
            fuse(FIRST, SECOND, weights=path, model=name, device="cpu")


def test_what_a_recognised_model_cannot_do_is_refused(tmp_path: Path) -> None:
    path = weights_of("gifnet-cvpr", tmp_path)
    with pytest.raises(InvalidInputError, match="'gifnet-cvpr' has no mask"):
        fuse(FIRST, SECOND, weights=path, device="cpu", return_mask=True)
    with pytest.raises(InvalidInputError, match="'gifnet-cvpr' has no mask"):
        gifnet.fuse_stack([FIRST, SECOND], weights=path, device="cpu")


def test_options_name_the_model_where_they_can(tmp_path: Path) -> None:
    assert FuseOptions().model == FuseOptions().to_dict()["model"] == "shares"
    assert FuseOptions(weights="some.safetensors").model is None
    assert FuseOptions(model="frufn", weights="some.safetensors").model == "frufn"
    # Weights that replace the default model's bring their own model.
    assert FuseOptions().updated(weights="some.safetensors").model is None
    assert FuseOptions(model="frufn").updated(weights="some.safetensors").model == "frufn"


def test_fuse_and_enhance_have_the_options_as_arguments() -> None:
    fields = {field.name: field for field in dataclasses.fields(FuseOptions)}
    parameters = inspect.signature(fuse).parameters
    own = ["progress", "return_mask", "return_shares", "out"]
    assert list(parameters) == ["first", "second", "others", *fields, *own]
    of_one = [name for name in fields if name not in ("task", "balance")]
    one = inspect.signature(gifnet.enhance).parameters
    assert list(one) == ["image", *of_one, "progress", "out"]
    text = " ".join((fuse.__doc__ or "").split())
    for name, field in fields.items():
        assert parameters[name].default == field.default
        assert f"{name} : {field.metadata['kind']} {field.metadata['help']}" in text
    with pytest.raises(TypeError, match="colour"):
        fuse(FIRST, SECOND, colour=1)
    with pytest.raises(TypeError, match="task"):
        gifnet.enhance(FIRST, task="mfif")


# -- sharing ---------------------------------------------------------------------------


def test_options_cannot_be_changed(random_weights: Path) -> None:
    fuser = Fuser(weights=random_weights)
    with pytest.raises(AttributeError):
        fuser.options = FuseOptions()  # type: ignore[misc]
    with pytest.raises(InvalidInputError, match="Unknown options"):
        fuser.with_options(tiles=8)


def test_fusers_share_a_network_as_long_as_it_is_the_same(random_weights: Path) -> None:
    fuser = Fuser(weights=random_weights, device="cpu")
    fuser.load()
    same = fuser.with_options(tile=64, task="mfif", value_range=(0, 1))
    assert same.shares_network_with(fuser)
    assert not fuser.with_options(model="efrufn", weights=None).shares_network_with(fuser)
    path = random_weights.with_name("changing.safetensors")
    path.write_bytes(random_weights.read_bytes())
    before = fuser.with_options(weights=path)
    path.write_bytes(b"something else")
    assert not before.with_options(tile=64).shares_network_with(before)


def test_threads_share_a_fuser_with_options_of_their_own(random_weights: Path) -> None:
    fuser = Fuser(weights=random_weights, device="cpu", precision="float32", value_range=(0, 1))
    settings: list[dict[str, Any]] = [
        {"tile": 0}, {"tile": 32, "memory": 0}, {"overshoot": 0}, {"value_range": (0, 2)},
    ]  # fmt: skip
    alone = [Fuser(fuser.options, **each).run(FIRST, SECOND) for each in settings]
    assert np.abs(alone[0].image - alone[2].image).max() > 1e-3

    def run(number: int) -> Any:
        return fuser.with_options(**settings[number % 4]).run(FIRST, SECOND)

    with ThreadPoolExecutor(4) as pool:
        for number, done in enumerate(pool.map(run, range(12))):
            expected = alone[number % 4]
            np.testing.assert_allclose(done.image, expected.image, atol=1e-6)
            assert done.record == expected.record


def test_planes_in_planes_out(random_weights: Path) -> None:
    fuser = Fuser(weights=random_weights, device="cpu", overshoot=0.1, chroma="none")
    asked = []
    found = fuser.fuse_planes(FIRST, SECOND, progress=lambda done, total: asked.append(total))
    plain = fuser.with_options(value_range=(0, 1), chroma="auto", channel_axis=None)
    fused, share = plain.fuse(FIRST, SECOND, return_mask=True)
    np.testing.assert_array_equal(found.fused, fused)
    np.testing.assert_array_equal(found.shares, [share, 1 - share])
    assert asked == [len(asked)] * len(asked)
