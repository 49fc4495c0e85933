"""Export of a network to ONNX or torch.export, with heights and widths left open.

The exported graph is the plain module. It takes planes in [0, 1] and gives a fused plane in
[0, 1]. Value ranges, colour, missing pixels and exact tiles are not part of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InvalidInputError, WriteError
from .io.atomic import write_atomically
from .models.registry import model_spec
from .models.weights import load_for_inference, load_weights

if TYPE_CHECKING:
    import torch

__all__ = ["FORMATS", "export"]

FORMATS = ("onnx", "torch-export")
SUFFIXES = {"onnx": ".onnx", "torch-export": ".pt2"}
#: Sides are multiples of the attention window. Otherwise the graph depends on the remainder.
MULTIPLE = 8
MIN_SIDE, MAX_SIDE = 16, 32768
_OPSET = 18
_EXAMPLE = (48, 64)
_CHECKED = ((48, 64), (32, 104))
_TOLERANCE = 1e-4


def export(
    path: str | Path,
    *,
    format: str = "onnx",
    model: str | None = None,
    weights: Any = None,
    check: bool = True,
) -> float | None:
    """Write a network as a file that runs without this package.

    Parameters
    ----------
    path : str or Path
        Ends in .onnx or, for torch-export, .pt2.
    format : {"onnx", "torch-export"}
        "onnx" needs the packages onnx and onnxscript, of the extra `export`.
    model : str, optional
        A name from `gifnet.list_models`. By default the model of the weights, or "gifnet".
    weights : path, optional
        A .safetensors file or an authors' checkpoint. By default the bundled weights.
    check : bool
        Run the file on two sizes (ONNX with ONNX Runtime) and compare with PyTorch.

    Returns
    -------
    float or None
        The largest difference found by the check; None without a check.

    Raises
    ------
    InvalidInputError
        If a name is unknown or a package is missing.
    WeightsError
        If the weights are missing, damaged, or belong to another model.
    WriteError
        If the file cannot be written, or its results differ from PyTorch's.

    Notes
    -----
    The graph takes `first` and `second`, float32 planes of (1, 1, H, W) in [0, 1]. Their sides are
    multiples of 8 from 16 on. It gives `fused`, and `share` if the model has it. Reflect other
    planes at their right and bottom border to such a size, and crop the result.
    """
    path = Path(path)
    if format not in FORMATS:
        raise InvalidInputError(f"format is {format!r}; choose one of {', '.join(FORMATS)}.")
    if path.suffix != SUFFIXES[format]:
        raise WriteError(f"{str(path)!r} needs a name ending in {SUFFIXES[format]}.")
    if format == "onnx":
        _require("onnx", "onnxscript", *(["onnxruntime"] if check else []))
    loaded = load_weights(weights, model)
    spec = model_spec(loaded.model)
    module = _plain(load_for_inference(loaded), spec.has_share)
    program = _program(module)
    difference: list[float] = []

    def save(temporary: Path) -> None:
        with _quiet():
            if format == "onnx":
                _save_onnx(program, temporary, spec.has_share)
            else:
                import torch

                torch.export.save(program, temporary)
            if check:
                difference.append(_difference(module, temporary, format))
        if check and not difference[0] < _TOLERANCE:
            raise WriteError(
                f"The exported network differs from PyTorch's by {difference[0]:.2g}, more than "
                f"{_TOLERANCE:g}; nothing was written. Try other versions of torch and onnxscript."
            )

    write_atomically(path, save, hint="an export has several megabytes.")
    return difference[0] if check else None


def _require(*packages: str) -> None:
    from importlib.util import find_spec

    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise InvalidInputError(
            f"Export to ONNX needs {', '.join(missing)}; install with: pip install "
            "'napari-gifnet[export]'."
        )


def _plain(network: torch.nn.Module, has_share: bool) -> torch.nn.Module:
    """Return a module that takes two planes and returns a tuple of tensors."""
    import torch

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, ...]:
            fused = self.network(first, second)
            image = fused.image.clamp(0, 1)
            return (image, fused.share) if has_share else (image,)

    return Plain().eval()


def _program(module: torch.nn.Module) -> torch.export.ExportedProgram:
    import torch
    from torch.export import Dim

    least, most = MIN_SIDE // MULTIPLE, MAX_SIDE // MULTIPLE
    sides = {2: MULTIPLE * Dim("height", min=least, max=most),
             3: MULTIPLE * Dim("width", min=least, max=most)}  # fmt: skip
    planes = tuple(torch.rand(1, 1, *_EXAMPLE) for _ in range(2))
    with torch.no_grad(), _quiet():
        return torch.export.export(
            module, planes, dynamic_shapes={"first": sides, "second": sides}, strict=False
        )


def _save_onnx(program: torch.export.ExportedProgram, path: Path, has_share: bool) -> None:
    import torch

    torch.onnx.export(
        program,
        (),
        str(path),
        input_names=["first", "second"],
        output_names=["fused", "share"] if has_share else ["fused"],
        opset_version=_OPSET,
        external_data=False,
        dynamo=True,
        verbose=False,
    )


def _difference(module: torch.nn.Module, path: Path, format: str) -> float:
    """Return the greatest difference between a file and PyTorch on planes of two sizes."""
    import torch

    run = _onnx_runner(path) if format == "onnx" else torch.export.load(path).module()
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for size in _CHECKED:
        planes = [torch.rand(1, 1, *size, generator=generator) for _ in range(2)]
        with torch.no_grad():
            pairs = zip(run(*planes), module(*planes), strict=True)
            worst = max(worst, *(float((a - b).abs().max()) for a, b in pairs))
    return worst


def _onnx_runner(path: Path) -> Callable[[torch.Tensor, torch.Tensor], list[torch.Tensor]]:
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])

    def run(first: torch.Tensor, second: torch.Tensor) -> list[torch.Tensor]:
        found = session.run(None, {"first": first.numpy(), "second": second.numpy()})
        return [torch.from_numpy(array) for array in found]

    return run


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the exporters' internal warnings from the caller."""
    import logging

    names = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
