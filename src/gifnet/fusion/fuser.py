"""`Fuser`: one fusion from call to result.

arrays -> sources with axes, colour and value range -> luminance planes in [0, 1], and chroma ->
network -> fused planes -> colour, range and missing pixels back -> an array like a source.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ..engine.device import resolve_precision
from ..engine.engine import Engine
from ..engine.tile_io import Arrays, PlaneStore
from ..errors import InvalidInputError
from ..imaging.missing import shares_of_all
from ..models.registry import MODELS, require_share
from ..models.weights import Weights
from ..options import FuseOptions, Wanted
from ..progress import Progress, Reporter, drain
from ..provenance import make_record
from .canvas import Canvas, CanvasPlane, PlaneSet
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
    shares : float32 array or None
        If requested, the first source's share per pixel, (..., H, W), or those of all N sources,
        (N, ..., H, W).
    record : dict
        JSON values, as in `Fuser.provenance`.
    """

    # NumPy, masked, dask, or what the caller passes as `out`: it depends on the images.
    image: Any
    shares: Any
    record: dict[str, object]


class Planes(NamedTuple):
    """A fused (H, W) plane and, if the model has shares, all sources' shares, (N, H, W)."""

    fused: Plane
    shares: Plane | None


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

        It describes a fusion of images of more than 8 bits. The result of `run` has its own
        record.
        """
        return self._record(self._options, self._dtype(eight_bit=False))

    def fuse(
        self,
        first: object,
        second: object,
        *others: object,
        return_mask: bool = False,
        return_shares: bool = False,
        out: object = None,
        progress: Progress = None,
    ) -> Any:
        """Fuse two or more images; see `gifnet.fuse`."""
        wanted = _wanted(return_mask, return_shares)
        done = self.run(first, second, *others, shares=wanted, out=out, progress=progress)
        return done.image if wanted == "none" else (done.image, done.shares)

    def enhance(self, image: object, *, out: object = None, progress: Progress = None) -> Any:
        """Enhance one image; see `gifnet.enhance`."""
        return self.run_enhancement(image, out=out, progress=progress).image

    def run(
        self,
        *images: object,
        shares: Wanted = "none",
        out: object = None,
        dtype: npt.DTypeLike | None = None,
        progress: Progress = None,
    ) -> Fusion:
        """Fuse two or more images as `fuse` does, and return the result with its record.

        Parameters
        ----------
        shares : {"none", "first", "all"}
            The shares to return: those of the first source, or of all.
        dtype : dtype, optional
            The type of the result, if it is not to be that of a source. Integers then get the
            value range spread over all of the type, floats keep the values.
        """
        checked, reporter = self._checked(images), Reporter(progress)
        return drain(self._steps(self._options, checked, shares, out, reporter, dtype))

    def run_enhancement(
        self,
        image: object,
        *,
        out: object = None,
        dtype: npt.DTypeLike | None = None,
        progress: Progress = None,
    ) -> Fusion:
        """Enhance one image as `enhance` does, and return the result with its record."""
        options, reporter = self._options.for_one_image(), Reporter(progress)
        images = (image,) if self.fuses_any_number else (image, image)
        return drain(self._steps(options, images, "none", out, reporter, dtype))

    def fuse_steps(
        self,
        first: object,
        second: object,
        *others: object,
        return_mask: bool = False,
        return_shares: bool = False,
        out: object = None,
    ) -> Generator[tuple[int, int], None, Any]:
        """Fuse images step by step, as a generator instead of a progress callback.

        Yields
        ------
        (int, int)
            Blocks done and total number of blocks. Closing the generator stops the run.

        Returns
        -------
        fused, or (fused, mask), or (fused, shares)
            The result of `fuse`, as the generator's return value.

        Examples
        --------
        napari's ``@thread_worker`` and ``yield from`` take such generators:

        >>> @thread_worker(progress={"total": 0})  # doctest: +SKIP
        ... def run(near, far):
        ...     return (yield from Fuser(task="mfif").fuse_steps(near, far))
        """
        images, reporter = self._checked((first, second, *others)), Reporter(None)
        wanted = _wanted(return_mask, return_shares)
        done = yield from self._steps(self._options, images, wanted, out, reporter)
        return done.image if wanted == "none" else (done.image, done.shares)

    def fuse_planes(self, *planes: Plane, progress: Progress = None) -> Planes:
        """Fuse (H, W) float32 planes in [0, 1] without missing pixels.

        Options for value ranges, axes and colour are ignored.
        """
        result = Arrays.of(*self._checked(planes))
        self.run_planes(result, len(planes), planes[0].shape, shares=True, progress=progress)
        shares = None if result.share is None else shares_of_all(result.share, len(planes))
        return Planes(result.image[0].clip(0, 1), shares)

    def run_planes(
        self,
        planes: PlaneStore,
        count: int,
        shape: tuple[int, ...],
        *,
        shares: bool = False,
        progress: Progress = None,
    ) -> None:
        """Fuse planes that are read, and written, region by region.

        Parameters
        ----------
        planes : PlaneStore
            Gives (P, N, h, w) planes without missing pixels. The first of P decides. It receives
            the result and, if asked for, the shares.
        count : int
            The number N of sources.
        shape : (H, W)
        """
        reporter = Reporter(progress)
        engine = self._engine(self._options, self._dtype(eight_bit=False), count, shares)
        height, width = shape
        reporter.expect(engine.units(height, width))
        engine.run(planes, planes, (height, width), reporter)

    @property
    def fuses_any_number(self) -> bool:
        """Whether the model fuses any number of images at once."""
        return self._network.spec.any_number

    def _checked(self, images: Sequence[Any]) -> Sequence[Any]:
        """Refuse a number of images that the model does not take."""
        if len(images) < 2:
            raise InvalidInputError(
                f"{len(images)} image(s) given; fuse takes two or more, enhance takes one."
            )
        if len(images) > 2 and not self.fuses_any_number:
            able = ", ".join(repr(spec.name) for spec in MODELS.values() if spec.any_number)
            raise InvalidInputError(
                f"Model {self.model!r} fuses two images, not {len(images)}; use model {able}, or "
                "fuse_stack for slices of one stack."
            )
        return images

    def _steps(
        self,
        options: FuseOptions,
        images: Sequence[object],
        wanted: Wanted,
        out: object,
        reporter: Reporter,
        result_type: npt.DTypeLike | None = None,
    ) -> Generator[tuple[int, int], None, Fusion]:
        if wanted != "none":
            require_share(self.model, "or return_mask=False")
        request = self._request(images, result_type)
        dtype = self._dtype(request.is_eight_bit)
        engine = self._engine(options, dtype, len(images), wanted != "none")
        record = self._record(options, dtype)
        if request.is_lazy and out is None:
            return Fusion(*fuse_lazily(request, wanted, engine), record)
        *leading, height, width = request.shape
        canvas = Canvas.of(request, out, wanted)
        reporter.expect(int(np.prod(leading)) * engine.units(height, width))
        for index in request.indices():
            request.require_data(index)
            planes = self._planes(request, index)
            sink = CanvasPlane(canvas, planes)
            for _ in engine.run_steps(planes, sink, (height, width), reporter):
                yield reporter.done, reporter.total
        return Fusion(canvas.result(), canvas.shares, record)

    def _request(self, images: Sequence[object], dtype: npt.DTypeLike | None = None) -> Request:
        options, spec = self._options, self._network.spec
        how = options.value_range, options.channel_axis, options.chroma
        request = make_request(images, *how, any_number=spec.any_number, dtype=dtype)
        if options.chroma != "auto" or len(request.colour_from) < 2:
            return request
        if options.task not in spec.colornet_tasks:
            return request
        return dataclasses.replace(request, chroma_model=self._network.colornet())

    def _planes(self, request: Request, index: tuple[int, ...]) -> PlaneSet:
        """Return the planes of a request at an index, with their chroma correction."""
        planes, mixer = PlaneSet(request, index), request.chroma_model
        if mixer is None:
            return planes
        height, width = request.shape[-2:]
        return dataclasses.replace(planes, correction=mixer.of_plane(planes, (height, width)))

    def _dtype(self, eight_bit: bool) -> torch.dtype:
        eight_bit = eight_bit and self._network.spec.bfloat16
        return resolve_precision(self._options.precision, self._network.device, eight_bit=eight_bit)

    def _record(self, options: FuseOptions, dtype: torch.dtype) -> dict[str, object]:
        # The options as given, with the recognised model.
        asked = dataclasses.replace(self._options, model=self.model)
        limit = options.overshoot_limit
        return make_record(asked, self.weights, self._network.device, dtype, limit)

    def _engine(
        self, options: FuseOptions, dtype: torch.dtype, images: int, want_share: bool
    ) -> Engine:
        network, cpu = self._network, torch.device("cpu")
        how = options.overshoot_limit, options.balance
        if options.balance is not None and len(options.balance) != images:
            raise InvalidInputError(
                f"balance has {len(options.balance)} numbers for {images} image(s); give one per "
                "image."
            )
        on_cpu = partial(network.pipeline, cpu, torch.float32, *how)
        return Engine(
            network.pipeline(network.device, dtype, *how),
            network.spec,
            tile=options.tile,
            statistics=options.statistics,
            memory=options.memory,
            tf32=options.precision == "tf32",
            fallback=None if network.device.type == "cpu" else on_cpu,
            images=images,
            want_share=want_share,
        )


def _wanted(return_mask: bool, return_shares: bool) -> Wanted:
    if return_mask and return_shares:
        raise InvalidInputError(
            "return_mask and return_shares are both True; return_shares includes the mask, which "
            "is the first source's share."
        )
    return "first" if return_mask else "all" if return_shares else "none"
