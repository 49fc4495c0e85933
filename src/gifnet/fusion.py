"""The story of one fusion: two images in, one better image out.

arrays -> sources with axes, colour and value range -> luminance planes in [0, 1], chroma
kept aside -> network -> fused luminance -> colour, range and missing pixels back -> an
array like the first image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .errors import InvalidInputError
from .imaging.canvas import Canvas, CanvasPlane, PlanePair
from .imaging.request import Request, make_request
from .models.registry import model_spec, require_mask
from .options import FuseOptions
from .progress import Progress, Reporter

if TYPE_CHECKING:
    import torch

    from .engine.chroma import LearntChroma
    from .engine.run import Engine
    from .models.stages import Pipeline
    from .models.weights import Weights


class Fuser:
    """Keeps a model on its device for many fusions.

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
        base = options or FuseOptions()
        try:
            self.options = dataclasses.replace(base, **overrides)
        except TypeError:
            known = [field.name for field in dataclasses.fields(FuseOptions)]
            unknown = sorted(set(overrides) - set(known))
            raise InvalidInputError(f"Unknown options {unknown}; known are {known}.") from None
        self._module: Any = None
        self._pipelines: dict[tuple[torch.device, torch.dtype], Pipeline] = {}
        self._weights: Weights | None = None
        self._chroma: LearntChroma | None = None
        self._device: torch.device | None = None
        self._dtype: torch.dtype | None = None

    def __enter__(self) -> Fuser:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    @property
    def device(self) -> str:
        """The device that computes, such as "cpu" or "cuda"."""
        return str(self._resolved_device())

    @property
    def weights(self) -> Weights:
        """The weights, with their source, sha256 and model card."""
        if self._weights is None:
            from .models.weights import load_weights

            options = self.options
            self._weights = load_weights(options.weights, options.model, options.task)
        return self._weights

    @contextmanager
    def using(self, **overrides: Any) -> Iterator[Fuser]:
        """Change options for a while: those that do not concern the model or its device."""
        own = self.options
        self.options = dataclasses.replace(own, **overrides)
        try:
            yield self
        finally:
            self.options = own

    def release(self) -> None:
        """Free the model and its device memory; the next call loads it again."""
        device, self._module, self._weights, self._chroma = self._device, None, None, None
        self._pipelines.clear()
        if device is not None and device.type == "cuda":
            import torch

            torch.cuda.empty_cache()

    def provenance(self) -> dict[str, Any]:
        """Return a JSON-able record of the options, weights, device and versions."""
        from .provenance import make_record

        return make_record(self.options, self.weights, self._resolved_device(), self._dtype)

    def fuse(
        self,
        first: Any,
        second: Any,
        *,
        return_mask: bool = False,
        out: Any = None,
        progress: Progress = None,
    ) -> Any:
        """Fuse two images; see `gifnet.fuse`."""
        steps = self._steps(first, second, return_mask, out, Reporter(progress))
        return _returned(steps)

    def fuse_steps(
        self, first: Any, second: Any, *, return_mask: bool = False, out: Any = None
    ) -> Generator[tuple[int, int], None, Any]:
        """Fuse two images step by step, for those who would rather pull than be called back.

        Yields
        ------
        (int, int)
            Steps done and steps in all, after every step. Closing the generator stops the run.

        Returns
        -------
        fused, or (fused, mask)
            What `fuse` returns, as the generator's return value.

        Examples
        --------
        napari's ``@thread_worker`` and ``yield from`` take such generators:

        >>> @thread_worker(progress={"total": 0})  # doctest: +SKIP
        ... def run(near, far):
        ...     return (yield from Fuser(task="mfif").fuse_steps(near, far))
        """
        return self._steps(first, second, return_mask, out, Reporter(None))

    def _steps(
        self, first: Any, second: Any, return_mask: bool, out: Any, reporter: Reporter
    ) -> Generator[tuple[int, int], None, Any]:
        if return_mask:
            require_mask(self.options.model, "or return_mask=False")
        request = self._request(first, second)
        result, mask = yield from self._run(request, return_mask, reporter, out)
        return (result, mask) if return_mask else result

    def enhance(self, image: Any, *, out: Any = None, progress: Progress = None) -> Any:
        """Enhance one image; see `gifnet.enhance`."""
        return _returned(self._steps(image, image, False, out, Reporter(progress)))

    def sketch(self, first: Any, second: Any, side: int, *, progress: Progress = None) -> Any:
        """Fuse two images approximately: the network sees a reduced copy of them.

        The shares and the residual that it finds there are enlarged and applied to the images
        themselves, so the result is as sharp as they are, in a fraction of the time. Models
        without shares give both images the same one.

        Parameters
        ----------
        first, second, progress
            As `gifnet.fuse` takes them, and returns the result.
        side : int
            The longest side in pixels of what the network sees.
        """
        from .engine.sketch import sketch_plane

        request, reporter = self._request(first, second), Reporter(progress)
        engine, canvas = self._engine(request), Canvas.of(request, None, False)
        for index in request.indices():
            request.require_data(index)
            pair = PlanePair(request, index)
            sketch_plane(
                engine, pair, CanvasPlane(canvas, pair), request.shape[-2:], side, reporter
            )
        return canvas.result()

    def _request(self, first: Any, second: Any) -> Request:
        options = self.options
        how = options.value_range, options.channel_axis, options.chroma
        request = make_request(first, second, *how)
        learnt = options.task in model_spec(options.model).learnt_chroma
        if not learnt or options.chroma != "auto" or request.colour_from != "blend":
            return request
        from .engine.chroma import learnt_chroma

        self._chroma = self._chroma or learnt_chroma(self._resolved_device())
        return dataclasses.replace(request, mix_chroma=self._chroma)

    def _resolved_device(self) -> torch.device:
        if self._device is None:
            from .engine.device import resolve_device

            self._device = resolve_device(self.options.device)
        return self._device

    def _engine(self, request: Request) -> Engine:
        from .engine.device import resolve_precision
        from .engine.run import Engine

        device = self._resolved_device()
        eight_bit = all(s.dtype.itemsize == 1 for s in (request.first, request.second))
        dtype = resolve_precision(self.options.precision, device, eight_bit=eight_bit)
        self._dtype = dtype
        return Engine(
            self._pipeline(device, dtype),
            model_spec(self.options.model),
            tile=self.options.tile,
            statistics=self.options.statistics,
            memory=self.options.memory,
            tf32=self.options.precision == "tf32",
            fallback=None if device.type == "cpu" else self._on_cpu,
        )

    def _pipeline(self, device: torch.device, dtype: torch.dtype) -> Pipeline:
        """Return the network ready to run, made once for each number format."""
        if self._module is None:
            from .models.weights import build_model

            self._module = build_model(self.weights, self.options.model)
        if (device, dtype) not in self._pipelines:
            spec = model_spec(self.options.model)
            self._pipelines[device, dtype] = spec.pipeline(self._module, device, dtype)
        return self._pipelines[device, dtype]

    def _on_cpu(self) -> Pipeline:
        import torch

        return self._pipeline(torch.device("cpu"), torch.float32)

    def _run(
        self, request: Request, want_mask: bool, reporter: Reporter, out: Any = None
    ) -> Generator[tuple[int, int], None, tuple[Any, Any]]:
        engine = self._engine(request)
        if request.is_lazy and out is None:
            from .lazy import fuse_lazily

            return fuse_lazily(request, want_mask, engine)
        shape = request.shape
        canvas = Canvas.of(request, out, want_mask)
        reporter.expect(int(np.prod(shape[:-2])) * engine.units(*shape[-2:]))
        for index in request.indices():
            request.require_data(index)
            pair = PlanePair(request, index)
            sink, plane = CanvasPlane(canvas, pair), (shape[-2], shape[-1])
            for _ in engine.steps(pair, sink, plane, reporter):
                yield reporter.done, reporter.total
        return canvas.result(), canvas.share


def _returned(steps: Generator[Any, None, Any]) -> Any:
    """Return what a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def fuse(
    first: Any,
    second: Any,
    *,
    task: str | None = None,
    model: str = "gifnet",
    weights: Any = None,
    device: str = "auto",
    precision: str = "auto",
    statistics: str = "exact",
    tile: int | Literal["auto"] = "auto",
    memory: int | Literal["auto"] = "auto",
    value_range: Any = "auto",
    channel_axis: int | Literal["auto"] | None = "auto",
    chroma: str = "auto",
    progress: Progress = None,
    return_mask: bool = False,
    out: Any = None,
) -> Any:
    """Fuse two images of one scene into one.

    Parameters
    ----------
    first, second : array
        (..., H, W), or with an RGB(A) axis. Booleans, integers and floats of any byte order;
        NumPy, masked, dask or zarr arrays, or anything with ``__array__``. Heights and widths are
        equal; leading axes (Z, T, C) broadcast and are fused plane by plane. The network is
        not symmetric: the functional or spectral source comes first (infrared, PET, SPECT, MS,
        over-exposed, near-infrared), the structural one second (visible, MRI, PAN).
    task : {"ivif", "nir", "medical", "mfif", "meif", "pansharpen"}, optional
        What the pair is. It names the roles of both sources, and the weights of some models.
    model : str
        A name from `list_models`, or "best": that of the best measured quality for the task.
    weights : path, optional
        A .safetensors file or an authors' checkpoint; the bundled weights if left out.
    device : str
        "auto", "cpu", "cuda", "cuda:N" or "mps".
    precision : {"auto", "float32", "tf32", "bfloat16", "float16"}
        "auto" is bfloat16 for 8-bit pairs where the hardware has it, float32 otherwise.
    statistics : {"exact", "sampled"}
        How the whole-image statistics of a tiled image are found.
    tile : int or "auto"
        Side of the tiles in pixels, a multiple of 8; 0 for none.
    memory : int or "auto"
        Bytes for the network's features. Those that fit are made in one piece, which is faster.
    value_range : "auto", "dtype", (low, high), or a pair of these
        What maps to the network's [0, 1]. "auto" is the type's range for uint8, and each
        source's finite minimum and maximum over the whole stack otherwise.
    channel_axis : int, "auto" or None
        The axis of RGB(A) channels. "auto" takes a last axis of 3 or 4 in uint8 images.
    chroma : {"auto", "first", "second", "blend", "none"}
        Whose colour the result has. "auto": the coloured source's; of two, their blend, or with
        `task` "meif" and a model that has it, what a network makes of both.
    progress : callable or progress bar, optional
        A tqdm or napari bar, or a function of (done, total) that returns False to stop.
    return_mask : bool
        Return the first source's share of every pixel as well.
    out : array, callable, or a pair of these, optional
        Where the result is written, part by part: of the result's shape and type, such as a
        NumPy memory map or a zarr array; or a function of (shape, dtype) that makes one; or
        both of one and of the same for the mask. It is also what is returned, and incomplete if
        the run is cancelled. Sources and result then never need to be in memory as a whole.

    Returns
    -------
    fused : array
        With the type and value range of `first`; (..., H, W), or (..., H, W, C) if either
        source is coloured. NaN, or masked, where neither source has data; where one lacks
        data the other is used.
    mask : (..., H, W) float32 array in [0, 1]
        Only with `return_mask`.

    Raises
    ------
    InvalidInputError
        If an image or option cannot be used.
    WeightsError
        If the weights are missing, damaged, or belong to another model.
    DeviceError
        If the device or precision is not available.
    Cancelled
        If the progress callback returned False.

    Notes
    -----
    With ``value_range=(0, 1)`` and float32 planes in [0, 1] the result is the network's own
    output. The method is that of Cheng et al., "One Model for ALL: Low-Level Task
    Interaction Is a Key to Task-Agnostic Image Fusion", CVPR 2025.
    """
    fuser = Fuser(
        task=task, model=model, weights=weights, device=device, precision=precision,
        statistics=statistics, tile=tile, memory=memory, value_range=value_range,
        channel_axis=channel_axis, chroma=chroma,
    )  # fmt: skip
    return fuser.fuse(first, second, return_mask=return_mask, out=out, progress=progress)


def enhance(
    image: Any,
    *,
    model: str = "gifnet",
    weights: Any = None,
    device: str = "auto",
    precision: str = "auto",
    statistics: str = "exact",
    tile: int | Literal["auto"] = "auto",
    memory: int | Literal["auto"] = "auto",
    value_range: Any = "auto",
    channel_axis: int | Literal["auto"] | None = "auto",
    chroma: str = "auto",
    progress: Progress = None,
    out: Any = None,
) -> Any:
    """Enhance one image as the fusion of it with itself, F(X, X) (paper, Eq. 2).

    Parameters and errors are those of `fuse`.

    Returns
    -------
    enhanced : array
        Of the type and value range of `image`: (..., H, W), or (..., H, W, C) with colour last.
    """
    fuser = Fuser(
        model=model, weights=weights, device=device, precision=precision, statistics=statistics,
        tile=tile, memory=memory, value_range=value_range, channel_axis=channel_axis,
        chroma=chroma,
    )  # fmt: skip
    return fuser.enhance(image, out=out, progress=progress)
