"""The choice of the device and of the number format."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from ..errors import DeviceError
from .process_settings import ProcessSetting


def resolve_device(device: str) -> torch.device:
    """Return the device for a name; "auto" prefers CUDA, then MPS, then the CPU.

    Raises
    ------
    DeviceError
        If the name is no device, or the device is not available.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if not re.fullmatch(r"(cpu|mps|cuda)(:\d+)?", device):
        raise DeviceError(f"device is {device!r}; use auto, cpu, cuda, cuda:N or mps.")
    found = torch.device(device)
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise DeviceError(
            f"device is {device!r}, but PyTorch sees {count} CUDA device(s); use 'auto' or 'cpu'."
        )
    if found.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device is 'mps', which this machine does not have; use 'auto' or 'cpu'.")
    return found


def resolve_precision(
    precision: str, device: torch.device, *, eight_bit: bool = False
) -> torch.dtype:
    """Return the number format of the network.

    Parameters
    ----------
    precision : {"auto", "float32", "tf32", "bfloat16", "float16"}
        "auto" is bfloat16 for 8-bit images if the hardware supports it, float32 otherwise. The
        error of bfloat16 is about that of rounding to 8 bits.
    eight_bit : bool
        Whether all sources are 8-bit, and the model is faster in bfloat16.

    Raises
    ------
    DeviceError
        For float16 on the CPU, which emulates it and is up to 1000 times slower, for bfloat16 on
        processors that emulate it and are up to 10 times slower, and for TF32 on devices other
        than CUDA.
    """
    if precision == "auto":
        return torch.bfloat16 if eight_bit and _has_bfloat16(device) else torch.float32
    if precision == "float16" and device.type == "cpu":
        raise DeviceError(
            "precision is 'float16', which the CPU emulates at a thousandth of the speed; use "
            "'bfloat16' or 'float32'."
        )
    if precision == "bfloat16" and device.type == "cpu" and not _has_bfloat16(device):
        raise DeviceError(
            "precision is 'bfloat16', which this processor emulates at an eighth of the speed of "
            "float32; use 'float32' or 'auto'."
        )
    if precision == "tf32" and device.type != "cuda":
        raise DeviceError(
            f"precision is 'tf32', which only CUDA devices have, not {device}; use 'float32' or "
            "'bfloat16'."
        )
    formats = {
        "float32": torch.float32,
        "tf32": torch.float32,
        "bfloat16": torch.bfloat16,
        "float16": torch.float16,
    }
    return formats[precision]


def _backends() -> tuple[Any, ...]:
    return torch.backends.cudnn.conv, torch.backends.cuda.matmul  # type: ignore[attr-defined]


def _set_products(precisions: tuple[str, ...]) -> None:
    for backend, precision in zip(_backends(), precisions, strict=True):
        backend.fp32_precision = precision


# Tiles of a dask graph run in several threads.
_products = ProcessSetting(
    lambda: tuple(backend.fp32_precision for backend in _backends()), _set_products
)


def float32_products(device: torch.device, *, tf32: bool) -> AbstractContextManager[None]:
    """Make CUDA multiply float32 numbers exactly, or rounded to TF32's 10 bits.

    By default PyTorch rounds in convolutions, which costs three digits.
    """
    if device.type != "cuda":
        return nullcontext()
    return _products.held(("tf32" if tf32 else "ieee",) * 2)


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        # Some releases do not have this test. Without it float32 is safe.
        supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        return bool(supported is not None and supported())
    return False
