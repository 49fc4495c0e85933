"""Lazy in, lazy out: dask sources give a dask result, computed tile by tile.

The graph contains one task per tile and pass, so any dask scheduler can run it, also on several
machines. A pass waits for the moments of the previous pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..engine.engine import Engine
from ..engine.passes import conclude, join_sums, measured_stages, new_sums
from ..geometry.region import Region
from ..imaging.arrays import Pixels, is_dask, lazy
from ..imaging.chroma_correction import ChromaCorrection, Floats
from ..imaging.missing import FILL_REACH
from ..imaging.source import Plane, Source
from ..models.contract import KnownMoments, PlaneSum
from ..options import Wanted
from ..progress import Reporter
from .canvas import Canvas, CanvasPlane, PlaneSet, without_data
from .request import Request

if TYPE_CHECKING:
    import dask.array as da
    from dask.delayed import Delayed

#: What is known of a plane, or the task that finds it out.
Known: TypeAlias = "KnownMoments | Delayed"


@dataclass(frozen=True)
class _TileTask:
    """The data of a task, except the pixels."""

    request: Request  # without its arrays
    tile: Region
    reads: Region
    image: Region

    @property
    def shape(self) -> tuple[int, int]:
        return self.image.height, self.image.width

    def planes(
        self, arrays: Sequence[Pixels], correction: ChromaCorrection | None = None
    ) -> PlaneSet:
        return PlaneSet(self.request.with_arrays(arrays), (), self.reads, correction)

    def survey_chroma(self, arrays: Sequence[Pixels]) -> Floats:
        """Return a strip's input to the network for colour."""
        assert self.request.chroma_model is not None
        return self.request.chroma_model.survey(self.planes(arrays), self.tile, self.shape)

    def correct_chroma(self, seen: Sequence[Floats]) -> ChromaCorrection:
        """Return the correction of the plane's chroma."""
        assert self.request.chroma_model is not None
        return self.request.chroma_model.correct(seen, self.shape)

    def fuse(
        self,
        engine: Engine,
        _: KnownMoments,
        arrays: Sequence[Pixels],
        correction: ChromaCorrection | None,
        wanted: Wanted,
    ) -> tuple[npt.NDArray[np.generic], Pixels | None]:
        """Fuse a plane of a single tile: nothing is computed twice."""
        planes = self.planes(arrays, correction)
        canvas = Canvas.of(planes.request, None, wanted)
        engine.run(planes, CanvasPlane(canvas, planes), self.shape, Reporter(None))
        return without_data(np.asarray(canvas.image), canvas.missing, self.request), canvas.shares

    def measure(
        self, engine: Engine, known: KnownMoments, arrays: Sequence[Pixels]
    ) -> list[PlaneSum]:
        return engine.measure_tile(self.planes(arrays), self.tile, self.image, known)

    def render(
        self,
        engine: Engine,
        known: KnownMoments,
        arrays: Sequence[Pixels],
        correction: ChromaCorrection | None,
        wanted: Wanted,
    ) -> tuple[npt.NDArray[np.generic], Plane | None]:
        planes = self.planes(arrays, correction)
        fused, found = engine.render_tile(planes, self.tile, self.image, known)
        image, shares, missing = planes.finish(self.tile, fused, found)
        if shares is not None and wanted == "first":
            shares = shares[0]
        return without_data(image, missing, self.request), shares


def _join(engine: Engine, known: KnownMoments, parts: Sequence[Sequence[PlaneSum]]) -> KnownMoments:
    """Add the results of a pass, summed over its tiles, to the known ones."""
    totals = new_sums(engine.pipeline, measured_stages(engine.pipeline)[len(known)])
    for part in parts:
        join_sums(totals, part)
    return [*known, conclude(engine.pipeline, totals)]


def _has_data(source: Source, values: Pixels) -> bool:
    return replace(source, data=values).has_data()


def _require_data(
    source: Source, place: tuple[int, ...], known: KnownMoments, found: Sequence[bool]
) -> KnownMoments:
    """Refuse a plane without valid pixels; return the known moments."""
    if not any(found):
        raise source.no_data(place)
    return known


def _may_have_missing(source: Source) -> bool:
    """Return whether pixels may be missing, without computing a lazy array."""
    meta = getattr(source.data, "_meta", None)
    if meta is None or source.has_alpha:
        return source.may_have_missing
    return source.dtype.kind == "f" or np.ma.isMA(meta)


def _checked(source: Source, place: tuple[int, ...], known: Known, *, apart: bool) -> Delayed:
    """Return the known moments, as a task that refuses a plane without valid pixels.

    The plane is read `apart` if tiles do not need the whole plane. Otherwise it would stay in
    memory until the last tile is computed.
    """
    from dask.delayed import delayed
    from dask.graph_manipulation import clone

    bare, plane = _bare(source), source.array(place)
    parts = [plane]
    if is_dask(plane):
        plane = plane.rechunk({-1: -1}) if source.coloured else plane
        parts = list((clone(plane) if apart else plane).to_delayed().ravel())
    found = [delayed(_has_data, pure=False)(bare, part) for part in parts]
    task: Delayed = delayed(_require_data, pure=False)(bare, place, known, found)
    return task


def _bare(source: Source) -> Source:
    """Return a source without its pixels, which a task is given."""
    return replace(source, data=None)  # type: ignore[arg-type]


def _unread(source: Source) -> Pixels:
    """Return an array wrapped, so that it is not read while the graph is built."""
    return lazy(source.data)


def fuse_lazily(
    request: Request, wanted: Wanted, engine: Engine
) -> tuple[da.Array, da.Array | None]:
    """Return the fused image and, if wanted, shares, as dask arrays with one tile per chunk.

    Nothing is computed except the value ranges, which the request already contains. Pixels missing
    in all sources are NaN in floats, and the minimum of the result's range in integers, because
    these dask results are not masked. Planes of floats and masked planes are first searched for
    valid pixels. A plane without any raises `InvalidInputError` on computation.
    """
    import dask.array as da
    from dask.delayed import delayed

    sources = request.sources
    request = request.with_arrays([_unread(sources[i]) for i in request.different])
    leading = request.shape[:-2]
    image = Region.of(*request.shape[-2:])
    bare = replace(request, sources=_bare_all(request))
    shared_engine = delayed(engine, traverse=False)
    in_tiles, stages = len(engine.tiles(image)) > 1, measured_stages(engine.pipeline)
    count = (len(sources),) if wanted == "all" else ()

    def as_dask(both: Any, height: int, width: int) -> tuple[da.Array, da.Array]:
        size, dtype = (height, width), np.dtype(request.dtype)
        return (
            da.from_delayed(both[0], size + request.channels, dtype),
            da.from_delayed(both[1], count + size, np.float32),
        )

    def task(
        tile: Region, index: tuple[int, ...], margin: int = engine.spec.halo
    ) -> tuple[_TileTask, list[Pixels]]:
        reads = tile.expand_within(margin + FILL_REACH, image)
        return _TileTask(bare, tile, reads, image), request.arrays(index, reads)

    def correction_of(index: tuple[int, ...]) -> Delayed | None:
        """Return the network's correction of a plane's chroma, None without a network."""
        if request.chroma_model is None:
            return None
        seen = []
        for strip in request.chroma_model.strips((image.height, image.width)):
            what, arrays = task(strip, index, 0)
            seen.append(delayed(what.survey_chroma, pure=False)(arrays))
        what = _TileTask(bare, image, image, image)
        correction: Delayed = delayed(what.correct_chroma, pure=False)(seen)
        return correction

    def checked(index: tuple[int, ...]) -> Known:
        """Return an empty list of moments, after a check that all planes have valid pixels."""
        known: Known = ()
        places = request.places(index)
        for i in request.different:
            if _may_have_missing(request.sources[i]):
                how = request.sources[i], places[i], known
                known = _checked(*how, apart=in_tiles and not stages)
        return known

    def whole_plane(index: tuple[int, ...]) -> tuple[da.Array, da.Array]:
        what = _TileTask(bare, image, image, image)
        arrays = request.arrays(index, image)
        both = delayed(what.fuse, nout=2, pure=False)(
            shared_engine, checked(index), arrays, correction_of(index), wanted
        )
        return as_dask(both, image.height, image.width)

    def tiled_plane(index: tuple[int, ...]) -> tuple[da.Array, da.Array]:
        known = checked(index)
        for _ in stages:
            parts = []
            for tile in engine.measured(image):
                what, arrays = task(tile, index)
                parts.append(delayed(what.measure, pure=False)(shared_engine, known, arrays))
            known = delayed(_join, pure=False)(shared_engine, known, parts)
        correction = correction_of(index)
        rows: list[list[tuple[da.Array, da.Array]]] = []
        for tile in engine.tiles(image):
            what, arrays = task(tile, index)
            both = delayed(what.render, nout=2, pure=False)(
                shared_engine, known, arrays, correction, wanted
            )
            if tile.left == 0:
                rows.append([])
            rows[-1].append(as_dask(both, tile.height, tile.width))

        def joined(part: int, first_axis: int) -> da.Array:
            whole = [da.concatenate([x[part] for x in row], axis=first_axis + 1) for row in rows]
            rows_joined: da.Array = da.concatenate(whole, axis=first_axis)
            return rows_joined

        return joined(0, 0), joined(1, len(count))

    plane = tiled_plane if in_tiles else whole_plane
    planes = [plane(index) for index in request.indices()]

    def stack(part: int) -> da.Array:
        found = [both[part] for both in planes]
        return da.stack(found).reshape(leading + found[0].shape) if leading else found[0]

    shares: da.Array | None = None if wanted == "none" else stack(1)
    if shares is not None and count:
        moved: da.Array = da.moveaxis(shares, len(leading), 0)
        shares = moved
    return stack(0), shares


def _bare_all(request: Request) -> tuple[Source, ...]:
    """Return a request's sources without their pixels; one given twice stays one object."""
    bare: list[Source] = []
    for i, source in enumerate(request.sources):
        bare.append(_bare(source) if i in request.different else bare[i - 1])
    return tuple(bare)
