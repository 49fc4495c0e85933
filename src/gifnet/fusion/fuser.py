"""The story of one fusion: two images in, one better image out.

arrays -> sources with axes, colour and value range -> luminance planes in [0, 1], chroma
kept aside -> network -> fused luminance -> colour, range and missing pixels back -> an
array like the first image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidInputError
from ..models.registry import model_spec, require_share
from ..options import FuseOptions, Overshoot
from ..progress import Progress, Reporter
from .canvas import Canvas, CanvasPlane, PlanePair
from .request import Request, make_request

if TYPE_CHECKING:
    import torch

    from ..engine.engine import Engine
    from ..models.contract import Pipeline
    from ..models.weights import Weights
    from .color_net import ColorNetChroma


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
        known = [field.name for field in dataclasses.fields(FuseOptions)]
        if unknown := sorted(set(overrides) - set(known)):
            raise InvalidInputError(f"Unknown options {unknown}; known are {known}.")
        self.options = dataclasses.replace(options or FuseOptions(), **overrides)
        self._module: Any = None
        self._pipelines: dict[tuple[torch.device, torch.dtype], Pipeline] = {}
        self._weights: Weights | None = None
        self._chroma: ColorNetChroma | None = None
        self._device: torch.device | None = None
        self._dtype: torch.dtype | None = None
        self._limit: float | None = None

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
            from ..models.weights import load_weights

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
        from ..provenance import make_record

        device = self._resolved_device()
        return make_record(self.options, self.weights, device, self._dtype, self._limit)

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
        steps = self._steps(
            first, second, return_mask, out, Reporter(progress), self.options.overshoot
        )
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
        return self._steps(first, second, return_mask, out, Reporter(None), self.options.overshoot)

    def _steps(
        self,
        first: Any,
        second: Any,
        return_mask: bool,
        out: Any,
        reporter: Reporter,
        overshoot: Overshoot,
    ) -> Generator[tuple[int, int], None, Any]:
        if return_mask:
            require_share(self.options.model, "or return_mask=False")
        request = self._request(first, second)
        engine = self._engine(request, overshoot)
        result, mask = yield from self._run(request, engine, return_mask, reporter, out)
        return (result, mask) if return_mask else result

    def enhance(self, image: Any, *, out: Any = None, progress: Progress = None) -> Any:
        """Enhance one image; see `gifnet.enhance`."""
        overshoot = self.options.for_one_image().overshoot
        return _returned(self._steps(image, image, False, out, Reporter(progress), overshoot))

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
        from ..engine.sketch import sketch_plane

        request, reporter = self._request(first, second), Reporter(progress)
        engine = self._engine(request, self.options.overshoot)
        canvas = Canvas.of(request, None, False)
        for index in request.indices():
            request.require_data(index)
            pair = self._pair(request, index)
            sketch_plane(
                engine,
                pair,
                CanvasPlane(canvas, pair),
                request.shape[-2:],
                side,
                reporter,
                self._limit,
            )
        return canvas.result()

    def _request(self, first: Any, second: Any) -> Request:
        options = self.options
        how = options.value_range, options.channel_axis, options.chroma
        request = make_request(first, second, *how)
        learnt = options.task in model_spec(options.model).colornet_tasks
        if not learnt or options.chroma != "auto" or request.colour_from != "blend":
            return request
        from .color_net import make_colornet_chroma

        self._chroma = self._chroma or make_colornet_chroma(self._resolved_device())
        return dataclasses.replace(request, chroma_model=self._chroma)

    def _pair(self, request: Request, index: tuple[int, ...]) -> PlanePair:
        """Return a plane of a request, its colour decided."""
        pair, mixer = PlanePair(request, index), request.chroma_model
        if mixer is None:
            return pair
        height, width = request.shape[-2:]
        return dataclasses.replace(pair, correction=mixer.of_plane(pair, (height, width)))

    def _resolved_device(self) -> torch.device:
        if self._device is None:
            from ..engine.device import resolve_device

            self._device = resolve_device(self.options.device)
        return self._device

    def _engine(self, request: Request, overshoot: Overshoot) -> Engine:
        from ..engine.device import resolve_precision
        from ..engine.engine import Engine

        device = self._resolved_device()
        eight_bit = all(s.dtype.itemsize == 1 for s in (request.first, request.second))
        dtype = resolve_precision(self.options.precision, device, eight_bit=eight_bit)
        self._dtype = dtype
        limit = self._limit = None if overshoot == "auto" else overshoot
        return Engine(
            self._pipeline(device, dtype, limit),
            model_spec(self.options.model),
            tile=self.options.tile,
            statistics=self.options.statistics,
            memory=self.options.memory,
            tf32=self.options.precision == "tf32",
            fallback=None if device.type == "cpu" else partial(self._on_cpu, limit),
        )

    def _pipeline(
        self, device: torch.device, dtype: torch.dtype, overshoot: float | None
    ) -> Pipeline:
        """Return the network ready to run, made once for each number format."""
        from ..engine.overshoot import with_limit

        if self._module is None:
            from ..models.weights import load_for_inference

            self._module = load_for_inference(self.weights)
        if (device, dtype) not in self._pipelines:
            spec = model_spec(self.options.model)
            self._pipelines[device, dtype] = spec.pipeline(self._module, device, dtype)
        return with_limit(self._pipelines[device, dtype], overshoot)

    def _on_cpu(self, overshoot: float | None) -> Pipeline:
        import torch

        return self._pipeline(torch.device("cpu"), torch.float32, overshoot)

    def _run(
        self, request: Request, engine: Engine, want_share: bool, reporter: Reporter, out: Any
    ) -> Generator[tuple[int, int], None, tuple[Any, Any]]:
        if request.is_lazy and out is None:
            from .dask_graph import fuse_lazily

            return fuse_lazily(request, want_share, engine)
        shape = request.shape
        canvas = Canvas.of(request, out, want_share)
        reporter.expect(int(np.prod(shape[:-2])) * engine.units(*shape[-2:]))
        for index in request.indices():
            request.require_data(index)
            pair = self._pair(request, index)
            sink, plane = CanvasPlane(canvas, pair), (shape[-2], shape[-1])
            for _ in engine.run_steps(pair, sink, plane, reporter):
                yield reporter.done, reporter.total
        return canvas.result(), canvas.share


def _returned(steps: Generator[Any, None, Any]) -> Any:
    """Return what a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value
