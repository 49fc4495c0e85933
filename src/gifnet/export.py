"""Export of a network to ONNX or torch.export, with sizes and the number of images left open.

The exported graph is the plain module. It takes planes in [0, 1] and gives a fused plane in
[0, 1]. Value ranges, colour, missing pixels and exact tiles are not part of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InvalidInputError, WriteError
from .io.atomic import write_atomically
from .models.registry import model_spec
from .models.weights import load_for_inference, load_weights

if TYPE_CHECKING:
    import torch

    from .models.spec import ModelSpec

__all__ = ["FORMATS", "export"]

FORMATS = ("onnx", "torch-export")
SUFFIXES = {"onnx": ".onnx", "torch-export": ".pt2"}
MAX_SIDE, MAX_IMAGES = 32768, 1024
_OPSET = 18
_TOLERANCE = 1e-4
_SIDES = ((2, "height"), (3, "width"))


@dataclass(frozen=True)
class _Graph:
    """What a graph takes and gives.

    Attributes
    ----------
    multiple, least : int
        Sides are multiples of the first, from the second on. Otherwise the graph would depend on
        the remainder.
    inputs, outputs : tuple of str
    example : tuple of int
        The shape of an input to trace the network with.
    checked : tuple of tuples of int
        The shapes of inputs to compare with PyTorch.
    """

    multiple: int
    least: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    example: tuple[int, ...]
    checked: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, spec: ModelSpec) -> _Graph:
        if spec.any_number:
            checked = ((1, 2, 128, 192), (1, 3, 64, 320))
            return cls(64, 64, ("images",), ("fused", "shares"), (1, 3, 128, 192), checked)
        outputs = ("fused", "share") if spec.has_share else ("fused",)
        checked = ((1, 1, 48, 64), (1, 1, 32, 104))
        return cls(8, 16, ("first", "second"), outputs, checked[0], checked)

    def planes(self, shape: tuple[int, ...], seed: int) -> tuple[torch.Tensor, ...]:
        """Return random inputs of a shape."""
        import torch

        generator = torch.Generator().manual_seed(seed)
        return tuple(torch.rand(*shape, generator=generator) for _ in self.inputs)


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
        A name from `gifnet.list_models`. By default the model of the weights, or "shares".
    weights : path, optional
        A .safetensors file or an authors' checkpoint. By default the bundled weights.
    check : bool
        Run the file on two shapes (ONNX with ONNX Runtime) and compare with PyTorch.

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
    The graph of "shares" takes `images`, float32 of (1, N, H, W) in [0, 1] with N from 2 on. Sides
    are multiples of 64. It gives `fused`, (1, 1, H, W), and `shares`, (1, N, H, W). Repeat the
    last pixels of other planes at their right and bottom border up to such a size.

    The graph of other models takes `first` and `second`, float32 of (1, 1, H, W) in [0, 1]. Sides
    are multiples of 8 from 16 on. It gives `fused`, and `share` if the model has it. Reflect other
    planes at their right and bottom border to such a size. Crop the result in either case.
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
    graph = _Graph.of(spec)
    network = load_for_inference(loaded)
    module = _plain_set(network) if spec.any_number else _plain(network, spec.has_share)
    program = _program(module, graph)
    difference: list[float] = []

    def save(temporary: Path) -> None:
        with _quiet():
            if format == "onnx":
                _save_onnx(program, temporary, graph)
            else:
                import torch

                torch.export.save(program, temporary)
            if check:
                difference.append(_difference(module, temporary, format, graph))
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


def _plain_set(network: torch.nn.Module) -> torch.nn.Module:
    """Return a module that takes the planes of any number of images, and returns tensors."""
    import torch

    from .models.shares.network import SharesNet

    assert isinstance(network, SharesNet)
    shares = network.shares

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            fused, found = self.network(images)
            return fused.clamp(0, 1), shares(found)

    return Plain().eval()


def _program(module: torch.nn.Module, graph: _Graph) -> torch.export.ExportedProgram:
    import torch
    from torch.export import Dim

    bounds = {"min": graph.least // graph.multiple, "max": MAX_SIDE // graph.multiple}
    open_axes = {axis: graph.multiple * Dim(name, **bounds) for axis, name in _SIDES}
    if len(graph.inputs) == 1:
        open_axes[1] = Dim("count", min=2, max=MAX_IMAGES)
    with torch.no_grad(), _quiet():
        return torch.export.export(
            module,
            graph.planes(graph.example, 0),
            dynamic_shapes=dict.fromkeys(graph.inputs, open_axes),
            strict=False,
        )


def _save_onnx(program: torch.export.ExportedProgram, path: Path, graph: _Graph) -> None:
    import torch

    torch.onnx.export(
        program,
        (),
        str(path),
        input_names=list(graph.inputs),
        output_names=list(graph.outputs),
        opset_version=_OPSET,
        external_data=False,
        dynamo=True,
        verbose=False,
    )


def _difference(module: torch.nn.Module, path: Path, format: str, graph: _Graph) -> float:
    """Return the greatest difference between a file and PyTorch on planes of two shapes."""
    import torch

    onnx = format == "onnx"
    run = _onnx_runner(path, graph) if onnx else torch.export.load(path).module()
    worst = 0.0
    for seed, shape in enumerate(graph.checked):
        planes = graph.planes(shape, seed)
        with torch.no_grad():
            pairs = zip(run(*planes), module(*planes), strict=True)
            worst = max(worst, *(float((a - b).abs().max()) for a, b in pairs))
    return worst


def _onnx_runner(path: Path, graph: _Graph) -> Callable[..., list[torch.Tensor]]:
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])

    def run(*planes: torch.Tensor) -> list[torch.Tensor]:
        given = zip(graph.inputs, planes, strict=True)
        found = session.run(None, {name: plane.numpy() for name, plane in given})
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
