"""A model with its weights on a device, loaded on first use and shared between fusers."""

from __future__ import annotations

import threading
from pathlib import Path

import torch
from torch import nn

from ..engine.device import resolve_device
from ..engine.overshoot import with_limit
from ..errors import InvalidInputError
from ..models.contract import Pipeline
from ..models.registry import model_spec
from ..models.spec import ModelSpec
from ..models.weights import Weights, load_for_inference, load_weights
from ..options import FuseOptions
from .color_net import ColorNetChroma, make_colornet_chroma


class Network:
    """A model with its weights on a device. Threads may share it.

    Attributes
    ----------
    key : tuple
        Equal for options that need the same network.
    """

    def __init__(self, options: FuseOptions):
        self._options = options
        self.key = (options.model, _file(options), options.device)
        self._lock = threading.RLock()
        self._device: torch.device | None = None
        self._clear()

    def _clear(self) -> None:
        self._weights: Weights | None = None
        self._module: nn.Module | None = None
        self._pipelines: dict[tuple[torch.device, torch.dtype], Pipeline] = {}
        self._colornet: ColorNetChroma | None = None

    def __reduce__(self) -> tuple[type[Network], tuple[FuseOptions]]:
        return Network, (self._options,)

    @property
    def device(self) -> torch.device:
        if self._device is None:
            self._device = resolve_device(self._options.device)
        return self._device

    @property
    def weights(self) -> Weights:
        with self._lock:
            if self._weights is None:
                options = self._options
                self._weights = load_weights(options.weights, options.model, options.task)
            return self._weights

    @property
    def spec(self) -> ModelSpec:
        """The model's descriptor. If only weights are given, they are loaded to identify it."""
        return model_spec(self._options.model or self.weights.model)

    @property
    def module(self) -> nn.Module:
        with self._lock:
            if self._module is None:
                self._module = load_for_inference(self.weights)
            return self._module

    def pipeline(
        self,
        device: torch.device,
        dtype: torch.dtype,
        overshoot: float | None,
        balance: tuple[float, ...] | None = None,
    ) -> Pipeline:
        """Return the network ready to run. It is made once per device and number format."""
        with self._lock:
            if (device, dtype) not in self._pipelines:
                self._pipelines[device, dtype] = self.spec.pipeline(self.module, device, dtype)
            made = self._pipelines[device, dtype]
        if balance is not None:
            if made.balanced is None:
                raise InvalidInputError(
                    f"Model {self.spec.name!r} takes no balance; leave it out, or use a model of "
                    "any number of images."
                )
            made = made.balanced(balance)
        return with_limit(made, overshoot)

    def colornet(self) -> ColorNetChroma | None:
        """Return the chroma mixer, None if its weights are not installed."""
        with self._lock:
            self._colornet = self._colornet or make_colornet_chroma(self.device)
            return self._colornet

    def release(self) -> None:
        """Free the model and its device memory; the next use loads it again."""
        with self._lock:
            self._clear()
        if self._device is not None and self._device.type == "cuda":
            torch.cuda.empty_cache()


def _file(options: FuseOptions) -> tuple[object, ...]:
    """Return a key that identifies a weights file and its state."""
    if options.weights is None:
        return (model_spec(options.model or "").bundled_name(options.task),)
    try:
        found = Path(options.weights).expanduser().stat()
    except OSError:
        return (options.weights,)
    return options.weights, found.st_mtime_ns, found.st_size
