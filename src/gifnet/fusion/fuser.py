"""`Fuser`: one fusion from call to result.

arrays -> sources with axes, colour and value range -> luminance planes in [0, 1], chroma
kept aside -> network -> fused luminance -> colour, range and missing pixels back -> an
array like the first image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ..engine.device import resolve_precision
from ..engine.engine import Engine
from ..engine.sketch import sketch_plane
from ..engine.tile_io import Arrays
from ..errors import InvalidInputError
from ..models.registry import require_share
from ..models.weights import Weights
from ..options import FuseOptions
from ..progress import Progress, Reporter, drain
from ..provenance import make_record
from .canvas import Canvas, CanvasPlane, PlanePair
from .dask_graph import fuse_lazily
from .network import Network
from .request import Request, make_request

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Fusion:
    """A result with its record.

    Attributes
    ----------
    image : array
    share : float32 array or None
        The first source's share per pixel, if it was requested.
    record : dict
        JSON values, as in `Fuser.provenance`.
    """

    # NumPy, masked, dask, or what the caller passes as `out`: it depends on the images.
    image: Any
    share: Any
    record: dict[str, object]


class Planes(NamedTuple):
    """A fused (H, W) plane and, if the model has shares, the first source's share."""

    fused: Plane
    share: Plane | None


class Fuser:
    """Keeps a model on its device for many fusions. Threads may share it.

    Parameters
    ----------
    options : FuseOptions, optional
        Defaults for every call.
    **overrides
        Single options, by name.

    Examples
    --------
    >>> with Fuser(task="mfif") as fuser:  # doctest: +SKIP
    ...     results = [fuser.fuse(near, far) for near, far in pairs]
    """

    def __init__(self, options: FuseOptions | None = None, **overrides: Any):
        if options is not None and not isinstance(options, FuseOptions):
            raise InvalidInputError(
                f"options is {options!r}; pass FuseOptions, or single options by name."
            )
        self._options = (options or FuseOptions()).updated(**overrides)
        self._network = Network(self._options)

    def __enter__(self) -> Fuser:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    @property
    def options(self) -> FuseOptions:
        """The options of all calls."""
        return self._options

    @property
    def model(self) -> str:
        """The model's name: from the options, otherwise from the weights."""
        return self._network.spec.name

    @property
    def device(self) -> str:
        """The device that computes, such as "cpu" or "cuda"."""
        return str(self._network.device)

    @property
    def weights(self) -> Weights:
        """The weights, with their source, sha256 and model card."""
        return self._network.weights

    def with_options(self, options: FuseOptions | None = None, **overrides: Any) -> Fuser:
        """Return a fuser with other options. It shares the loaded network if possible."""
        other = Fuser(options or self._options, **overrides)
        if other._network.key == self._network.key:
            other._network = self._network
        return other

    def shares_network_with(self, other: Fuser) -> bool:
        """Return whether both use one loaded network."""
        return self._network is other._network

    def load(self) -> None:
        """Load the model now, instead of in the first call."""
        _ = self._network.module

    def release(self) -> None:
        """Free the model and its device memory; the next call loads it again."""
        self._network.release()

    def provenance(self) -> dict[str, object]:
        """Return a JSON-able record of the options, weights, device and versions.

        It describes a fusion of two images of more than 8 bits. The result of `run` has its own
        record.
        """
        return self._record(self._options, self._dtype(eight_bit=False))

    def fuse(
        self,
        first: object,
        second: object,
        *,
        return_mask: bool = False,
        out: object = None,
        progress: Progress = None,
    ) -> Any:
        """Fuse two images; see `gifnet.fuse`."""
        done = self.run(first, second, want_share=return_mask, out=out, progress=progress)
        return (done.image, done.share) if return_mask else done.image

    def enhance(self, image: object, *, out: object = None, progress: Progress = None) -> Any:
        """Enhance one image; see `gifnet.enhance`."""
        return self.run_enhancement(image, out=out, progress=progress).image

    def run(
        self,
        first: object,
        second: object,
        *,
        want_share: bool = False,
        out: object = None,
        progress: Progress = None,
    ) -> Fusion:
        """Fuse two images as `fuse` does, and return the result with its record."""
        reporter = Reporter(progress)
        return drain(self._steps(self._options, first, second, want_share, out, reporter))

    def run_enhancement(
        self, image: object, *, out: object = None, progress: Progress = None
    ) -> Fusion:
        """Enhance one image as `enhance` does, and return the result with its record."""
        options, reporter = self._options.for_one_image(), Reporter(progress)
        return drain(self._steps(options, image, image, False, out, reporter))

    def fuse_steps(
        self, first: object, second: object, *, return_mask: bool = False, out: object = None
    ) -> Generator[tuple[int, int], None, Any]:
        """Fuse two images step by step, as a generator instead of a progress callback.

        Yields
        ------
        (int, int)
            Blocks done and total number of blocks. Closing the generator stops the run.

        Returns
        -------
        fused, or (fused, mask)
            The result of `fuse`, as the generator's return value.

        Examples
        --------
        napari's ``@thread_worker`` and ``yield from`` take such generators:

        >>> @thread_worker(progress={"total": 0})  # doctest: +SKIP
        ... def run(near, far):
        ...     return (yield from Fuser(task="mfif").fuse_steps(near, far))
        """
        reporter = Reporter(None)
        done = yield from self._steps(self._options, first, second, return_mask, out, reporter)
        return (done.image, done.share) if return_mask else done.image

    def fuse_planes(self, first: Plane, second: Plane, *, progress: Progress = None) -> Planes:
        """Fuse two (H, W) float32 planes in [0, 1] without missing pixels.

        Options for value ranges, axes and colour are ignored.
        """
        reporter, result = Reporter(progress), Arrays(first, second)
        engine = self._engine(self._options, self._dtype(eight_bit=False))
        height, width = first.shape
        reporter.expect(engine.units(height, width))
        engine.run(result, result, (height, width), reporter)
        return Planes(result.image.clip(0, 1), result.share)

    @property
    def fuses_sets(self) -> bool:
        """Whether the model fuses any number of images at once."""
        return self._network.spec.fuses_sets

    def fuse_set(
        self,
        planes: Plane,
        channels: npt.NDArray[np.float32],
        check: Callable[[], object] = lambda: None,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint16]]:
        """Fuse any number of images at once, if the model can.

        Parameters
        ----------
        planes : (N, H, W) float32 array
            The luminance of every image in [0, 1], without missing pixels.
        channels : (N, C, H, W) float32 array
            What the decisions are applied to, of any range.
        check : callable
            Called after every tile; may raise to stop.

        Returns
        -------
        fused : (C, H, W) float32 array
        depth : (H, W) uint16 array
            The image with the greatest share of the fine details.
        """
        network = self._network
        found: tuple[npt.NDArray[np.float32], npt.NDArray[np.uint16]] = network.spec.fuse_set(
            network.module.to(network.device), planes, channels, check
        )
        return found

    def sketch(self, first: object, second: object, side: int, *, progress: Progress = None) -> Any:
        """Fuse two images approximately: the network sees a reduced copy of them.

        Its shares and residual are enlarged and applied to the full images. So the result is as
        sharp as these, in a fraction of the time. Models without shares use a share of one half.

        Parameters
        ----------
        first, second, progress
            As in `gifnet.fuse`.
        side : int
            The longest side of the reduced copy in pixels.
        """
        options, reporter = self._options, Reporter(progress)
        request = self._request(first, second)
        engine = self._engine(options, self._dtype(request.is_eight_bit))
        canvas, size = Canvas.of(request, None, False), request.shape[-2:]
        for index in request.indices():
            request.require_data(index)
            pair = self._pair(request, index)
            sink = CanvasPlane(canvas, pair)
            sketch_plane(engine, pair, sink, size, side, reporter, options.overshoot_limit)
        return canvas.result()

    def _steps(
        self,
        options: FuseOptions,
        first: object,
        second: object,
        want_share: bool,
        out: object,
        reporter: Reporter,
    ) -> Generator[tuple[int, int], None, Fusion]:
        if want_share:
            require_share(self.model, "or return_mask=False")
        request = self._request(first, second)
        dtype = self._dtype(request.is_eight_bit)
        engine, record = self._engine(options, dtype), self._record(options, dtype)
        if request.is_lazy and out is None:
            return Fusion(*fuse_lazily(request, want_share, engine), record)
        *leading, height, width = request.shape
        canvas = Canvas.of(request, out, want_share)
        reporter.expect(int(np.prod(leading)) * engine.units(height, width))
        for index in request.indices():
            request.require_data(index)
            pair = self._pair(request, index)
            for _ in engine.run_steps(pair, CanvasPlane(canvas, pair), (height, width), reporter):
                yield reporter.done, reporter.total
        return Fusion(canvas.result(), canvas.share, record)

    def _request(self, first: object, second: object) -> Request:
        options = self._options
        how = options.value_range, options.channel_axis, options.chroma
        request = make_request(first, second, *how)
        if options.chroma != "auto" or request.colour_from != "blend":
            return request
        if options.task not in self._network.spec.colornet_tasks:
            return request
        return dataclasses.replace(request, chroma_model=self._network.colornet())

    def _pair(self, request: Request, index: tuple[int, ...]) -> PlanePair:
        """Return a plane of a request, with its chroma correction."""
        pair, mixer = PlanePair(request, index), request.chroma_model
        if mixer is None:
            return pair
        height, width = request.shape[-2:]
        return dataclasses.replace(pair, correction=mixer.of_plane(pair, (height, width)))

    def _dtype(self, eight_bit: bool) -> torch.dtype:
        return resolve_precision(self._options.precision, self._network.device, eight_bit=eight_bit)

    def _record(self, options: FuseOptions, dtype: torch.dtype) -> dict[str, object]:
        # The options as given, with the recognised model.
        asked = dataclasses.replace(self._options, model=self.model)
        limit = options.overshoot_limit
        return make_record(asked, self.weights, self._network.device, dtype, limit)

    def _engine(self, options: FuseOptions, dtype: torch.dtype) -> Engine:
        network, limit, cpu = self._network, options.overshoot_limit, torch.device("cpu")
        on_cpu = partial(network.pipeline, cpu, torch.float32, limit)
        return Engine(
            network.pipeline(network.device, dtype, limit),
            network.spec,
            tile=options.tile,
            statistics=options.statistics,
            memory=options.memory,
            tf32=options.precision == "tf32",
            fallback=None if network.device.type == "cpu" else on_cpu,
        )
