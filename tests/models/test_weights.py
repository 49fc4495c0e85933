"""Weights files: what is written comes back, and nothing else gets in."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from gifnet.errors import InvalidInputError, WeightsError, WriteError
from gifnet.models.registry import MODELS, model_spec
from gifnet.models.weights import build_model, load_weights, recognise, save_weights

CARD = {"recipe": {"steps": 3, "seed": 7}, "note": "größer", "validation": {"psnr": 41.5}}


@pytest.fixture(scope="module")
def modules() -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    return {name: spec.build() for name, spec in MODELS.items()}


@pytest.fixture
def saved(modules: dict[str, torch.nn.Module], tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_weights(modules["gifnet"], path, CARD)
    return path


@pytest.mark.parametrize("name", sorted(MODELS))
def test_saved_weights_come_back_with_card_and_hash(
    name: str, modules: dict[str, torch.nn.Module], tmp_path: Path
) -> None:
    path = tmp_path / "new folder" / "weights.safetensors"
    digest = save_weights(modules[name], path, CARD)
    weights = load_weights(path, name)
    assert weights.card == CARD
    assert weights.source == str(path)
    assert weights.sha256 == digest == hashlib.sha256(path.read_bytes()).hexdigest()
    rebuilt = build_model(weights)
    assert not rebuilt.training
    assert not any(parameter.requires_grad for parameter in rebuilt.parameters())
    for key, value in modules[name].state_dict().items():
        assert torch.equal(rebuilt.state_dict()[key], value), key


def test_a_file_is_recognised_whatever_the_length_of_its_card(
    modules: dict[str, torch.nn.Module], tmp_path: Path
) -> None:
    # The file begins with its header's length, whose first bytes may look like those of a
    # pickle (0x80) or a zip archive ("PK"); the header is padded to multiples of 8.
    path = tmp_path / "weights.safetensors"
    seen = set()
    for length in range(0, 256, 8):
        card = {"note": "x" * length}
        save_weights(modules["gifnet"], path, card)
        seen.add(path.read_bytes()[0])
        assert load_weights(path, "gifnet").card == card
    assert 0x80 in seen


def test_a_card_of_19_kilobytes_does_not_look_like_a_zip_archive(
    modules: dict[str, torch.nn.Module], tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(modules["gifnet"], path, {"note": ""})
    data = path.read_bytes()
    target = int.from_bytes(b"PK", "little")
    length = int.from_bytes(data[:8], "little")
    slack = (target - length) % 65536
    card = {"note": "x" * slack}
    save_weights(modules["gifnet"], path, card)
    assert path.read_bytes()[:2] == b"PK"
    assert load_weights(path, "gifnet").card == card


def test_saving_twice_gives_the_same_bytes(
    modules: dict[str, torch.nn.Module], tmp_path: Path
) -> None:
    digests = {save_weights(modules["gifnet"], tmp_path / f"{i}.safetensors", CARD) for i in "abc"}
    assert len(digests) == 1


@pytest.mark.parametrize("name", sorted(MODELS))
def test_recognise_tells_the_heads_apart(name: str, modules: dict[str, torch.nn.Module]) -> None:
    assert recognise(modules[name].state_dict()) == name


def test_recognise_names_what_differs(modules: dict[str, torch.nn.Module]) -> None:
    state = dict(modules["gifnet-cvpr"].state_dict())
    state["surplus"] = torch.zeros(1)
    state["unembed.bias"] = torch.zeros(97)
    del state["gate.mm"]
    with pytest.raises(
        WeightsError, match=r"missing gate\.mm; unexpected surplus; .* unembed\.bias"
    ):
        recognise(state)


def test_weights_of_another_model_are_refused_with_its_name(saved: Path) -> None:
    with pytest.raises(WeightsError, match="model='gifnet'"):
        load_weights(saved, "gifnet-cvpr")


def test_an_unknown_model_is_refused(saved: Path) -> None:
    with pytest.raises(InvalidInputError, match="no model 'unet'"):
        load_weights(saved, "unet")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.safetensors"
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors"):
        load_weights(path, "gifnet")


def test_a_folder_is_no_weights_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="Cannot read"):
        load_weights(tmp_path, "gifnet")


def test_a_model_without_bundled_weights_says_so() -> None:
    assert model_spec("gifnet-blend").bundled_weights() is None
    with pytest.raises(WeightsError, match="No weights are bundled for model 'gifnet-blend'"):
        load_weights(None, "gifnet-blend")


@pytest.mark.parametrize("keep", [0, 4, 8, 100, 20_000, -1])
def test_a_truncated_file_is_refused(keep: int, saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(saved, "gifnet")


def test_a_corrupted_header_is_refused(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[8:40] = b"\xff" * 32
    saved.write_bytes(data)
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(saved, "gifnet")


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_text("404: not found")
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(path, "gifnet")


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    module = MODELS["gifnet"].build()
    with torch.no_grad():
        module.get_parameter("unembed.bias")[3] = float("nan")
    save_weights(module, tmp_path / "weights.safetensors", {})
    with pytest.raises(WeightsError, match=r"not finite in unembed\.bias"):
        load_weights(tmp_path / "weights.safetensors", "gifnet")


def test_a_file_without_a_card_loads(modules: dict[str, torch.nn.Module], tmp_path: Path) -> None:
    path = tmp_path / "plain.safetensors"
    save_file(modules["gifnet"].state_dict(), path)
    assert load_weights(path, "gifnet").card == {}


# -- pickled checkpoints --------------------------------------------------------------


def pickled(value: Any, *, zipped: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickled_state_dict_loads(
    zipped: bool, modules: dict[str, torch.nn.Module], tmp_path: Path
) -> None:
    path = tmp_path / "model.pth"
    state = modules["gifnet-cvpr"].state_dict()
    path.write_bytes(pickled(state, zipped=zipped))
    loaded = load_weights(path, "gifnet-cvpr")
    assert loaded.card == {}
    assert all(torch.equal(loaded.state[key], value) for key, value in state.items())


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.999])
def test_a_truncated_pickle_is_refused(
    share: float, zipped: bool, modules: dict[str, torch.nn.Module], tmp_path: Path
) -> None:
    data = pickled(modules["gifnet-cvpr"].state_dict(), zipped=zipped)
    path = tmp_path / "model.pth"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(path, "gifnet-cvpr")


@pytest.mark.parametrize("data", [b"PK", b"PK\x03\x04", b"\x80", b"\x80\x02}q\x00.", b"\x80\x04N."])
def test_a_stub_of_a_pickle_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(data)
    with pytest.raises(WeightsError):
        load_weights(path, "gifnet-cvpr")


class Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("wrapping", ["zip", "legacy", "bare"])
def test_a_pickle_cannot_run_code(wrapping: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    attack = {"getSharedFeatures.conv_1.conv2d.weight": Attack(trace)}
    data = pickle.dumps(attack) if wrapping == "bare" else pickled(attack, zipped=wrapping == "zip")
    path = tmp_path / "model.pth"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="more than tensors"):
        load_weights(path, "gifnet-cvpr")
    assert not trace.exists()


@pytest.mark.parametrize(
    "value", [[torch.zeros(2)], {"state_dict": {"a": torch.zeros(2)}}, torch.zeros(3)]
)
def test_a_pickle_of_something_else_is_refused(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(pickled(value))
    with pytest.raises(WeightsError, match="no state dict"):
        load_weights(path, "gifnet-cvpr")


def test_keys_that_are_no_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(pickled({0: torch.zeros(2), 1: torch.zeros(2)}))
    with pytest.raises(WeightsError):
        load_weights(path, "gifnet-cvpr")


# -- writing --------------------------------------------------------------------------


def test_a_module_of_no_model_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="Only registered models"):
        save_weights(torch.nn.Linear(2, 2), tmp_path / "weights.safetensors", {})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_nothing_behind(
    modules: dict[str, torch.nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(WriteError, match="No space left"):
        save_weights(modules["gifnet"], tmp_path / "weights.safetensors", {})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_file_that_was_there(
    saved: Path, modules: dict[str, torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match="No space left"):
        save_weights(modules["gifnet"], saved, {"other": True})
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_card_that_is_no_json_is_refused_before_writing(
    modules: dict[str, torch.nn.Module], tmp_path: Path
) -> None:
    with pytest.raises(TypeError):
        save_weights(modules["gifnet"], tmp_path / "weights.safetensors", {"a": object()})
    assert list(tmp_path.iterdir()) == []


def test_weights_take_none_of_the_callers_random_numbers() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    build_model(load_weights(None, "gifnet"))
    assert torch.equal(torch.rand(4), expected)
