"""Exported networks compute what PyTorch computes, on sizes that the export has not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gifnet.cli import main
from gifnet.errors import InvalidInputError, WriteError
from gifnet.export import export


def test_torch_export_in_two_sizes(tmp_path: Path, random_weights: Path) -> None:
    import torch

    path = tmp_path / "net.pt2"
    difference = export(path, format="torch-export", weights=random_weights)
    assert difference is not None
    assert difference < 1e-5
    fused, share = torch.export.load(path).module()(*torch.rand(2, 1, 1, 24, 40))
    assert fused.shape == share.shape == (1, 1, 24, 40)


def test_onnx_in_onnx_runtime(tmp_path: Path, random_weights: Path) -> None:
    """Through the command line; the fusion is that of `fuse` on float planes."""
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package)
    runtime = pytest.importorskip("onnxruntime")
    from gifnet import fuse

    path = tmp_path / "net.onnx"
    with pytest.raises(SystemExit) as stop:
        main(["export", "-o", str(path), "--weights", str(random_weights)])
    assert not stop.value.code
    session = runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    first, second = np.random.default_rng(0).random((2, 40, 56)).astype(np.float32)
    found = session.run(None, {"first": first[None, None], "second": second[None, None]})
    options = {"weights": random_weights, "device": "cpu", "precision": "float32"}
    wanted = fuse(first, second, value_range=(0, 1), return_mask=True, **options)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours[0, 0], theirs, atol=1e-4)


def test_any_number_of_images_in_onnx_runtime(tmp_path: Path, weights_of_shares: Path) -> None:
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package)
    runtime = pytest.importorskip("onnxruntime")
    from gifnet import fuse

    path = tmp_path / "net.onnx"
    difference = export(path, weights=weights_of_shares)
    assert difference is not None
    assert difference < 1e-5
    session = runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    options = {"weights": weights_of_shares, "device": "cpu", "value_range": (0, 1)}
    for count, height, width in ((2, 64, 128), (3, 192, 64), (5, 64, 64)):
        images = np.random.default_rng(0).random((count, height, width)).astype(np.float32)
        fused, shares = session.run(None, {"images": images[None]})
        wanted, of_all = fuse(*images, return_shares=True, **options)
        np.testing.assert_allclose(fused[0, 0], wanted, atol=1e-5)
        np.testing.assert_allclose(shares[0], of_all, atol=1e-5)


def test_what_cannot_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInputError, match="onnx, torch-export"):
        export(tmp_path / "net.onnx", format="tflite")
    with pytest.raises(WriteError, match=r"\.pt2"):
        export(tmp_path / "net.onnx", format="torch-export")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InvalidInputError, match=r"napari-gifnet\[export\]"):
        export(tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []
