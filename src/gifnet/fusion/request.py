"""A validated fusion: sources with axes, colour and value range on one grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from ..errors import InvalidInputError
from ..geometry.region import Region
from ..imaging.arrays import Pixels, is_dask
from ..imaging.chroma_correction import ChromaCorrection, Floats
from ..imaging.ranges import Range, RangeSpec, dtype_range, resolve_range, split_range_spec
from ..imaging.source import Source, SourcePlane, read_sources
from ..options import ValueRange

if TYPE_CHECKING:
    from .canvas import PlanePair


class ChromaModel(Protocol):
    """A network for the colour of two coloured sources; see `ColorNetChroma`."""

    def strips(self, shape: tuple[int, int], /) -> list[Region]: ...
    def survey(self, pair: PlanePair, strip: Region, shape: tuple[int, int], /) -> Floats: ...
    def correct(self, seen: Sequence[Floats], shape: tuple[int, int], /) -> ChromaCorrection: ...
    def of_plane(self, pair: PlanePair, shape: tuple[int, int], /) -> ChromaCorrection: ...


@dataclass(frozen=True)
class Request:
    """One validated fusion: two sources on one grid, with their value ranges and colour."""

    first: Source
    second: Source
    limits: tuple[Range, Range]
    #: the range and type of the result
    output_limits: Range
    colour_from: Literal["first", "second", "blend", "none"]
    #: Blends the chroma in place of the usual rule.
    chroma_model: ChromaModel | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the fused planes, (..., H, W)."""
        return np.broadcast_shapes(self.first.shape, self.second.shape)

    @property
    def keeps_alpha(self) -> bool:
        return self.coloured and (self.first.has_alpha or self.second.has_alpha)

    @property
    def coloured(self) -> bool:
        return self.colour_from != "none"

    @property
    def channels(self) -> tuple[int, ...]:
        """The channels of the result: (), (3,) or (4,)."""
        if not self.coloured:
            return ()
        return (4,) if self.keeps_alpha else (3,)

    @property
    def is_lazy(self) -> bool:
        """Whether a source, and hence the result, is a dask array."""
        return any(is_dask(source.data) for source in (self.first, self.second))

    @property
    def is_eight_bit(self) -> bool:
        return all(source.dtype.itemsize == 1 for source in (self.first, self.second))

    @property
    def is_masked(self) -> bool:
        return self.first.is_masked

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Yield the index of every plane."""
        yield from np.ndindex(self.shape[:-2])

    def places(self, index: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return both sources' indices of the plane at an index of the result."""
        one, two = (_broadcast_index(s.shape, index) for s in (self.first, self.second))
        return one, two

    def planes(
        self, index: tuple[int, ...], region: Region | None = None
    ) -> tuple[SourcePlane, SourcePlane]:
        """Return both sources' planes at an index of the result, or a region of them."""
        one, two = self.places(index)
        first = self.first.plane(one, self.limits[0], region)
        if self.second is self.first:
            return first, first
        return first, self.second.plane(two, self.limits[1], region)

    def arrays(self, index: tuple[int, ...], region: Region) -> tuple[Pixels, Pixels | None]:
        """Return both sources' arrays of a region; None for a second that is the first."""
        one, two = self.places(index)
        first = self.first.array(one, region)
        return first, None if self.second is self.first else self.second.array(two, region)

    def require_data(self, index: tuple[int, ...]) -> None:
        """Refuse planes without a single finite pixel, with an `InvalidInputError`."""
        for source, place in zip((self.first, self.second), self.places(index), strict=True):
            source.require_data(place)


def _broadcast_index(shape: Sequence[int], index: tuple[int, ...]) -> tuple[int, ...]:
    leading = shape[:-2]
    return tuple(
        0 if length == 1 else i
        for length, i in zip(leading, index[len(index) - len(leading) :], strict=True)
    )


def make_request(
    first: object,
    second: object,
    value_range: ValueRange = "auto",
    channel_axis: int | Literal["auto"] | None = "auto",
    chroma: str = "auto",
) -> Request:
    """Validate two images, or one image twice (the same object), as `gifnet.fuse` takes them.

    Raises
    ------
    InvalidInputError
        With the image or option that cannot be used, and the remedy.
    """
    specs = split_range_spec(value_range)
    if second is first and specs[0] == specs[1]:
        (source,) = read_sources({"first": first}, channel_axis)
        sources = (source, source)
        limits = (resolve_range(source.intensities, specs[0]),) * 2
    else:
        one, two = read_sources({"first": first, "second": second}, channel_axis)
        sources = (one, two)
        limits = (_limits(one, specs[0]), _limits(two, specs[1]))
        try:
            np.broadcast_shapes(one.shape, two.shape)
        except ValueError:
            raise InvalidInputError(
                f"The leading axes of the images do not match: first {one.shape[:-2]}, second "
                f"{two.shape[:-2]}. Give both the same number of planes, or one of them a "
                "single plane."
            ) from None
    colour_from = _colour_from(sources, chroma)
    return Request(*sources, limits, _output_limits(sources, limits), colour_from)


def _output_limits(sources: tuple[Source, Source], limits: tuple[Range, Range]) -> Range:
    """Return the first image's range, or another one if that image is constant."""
    (low, high), second = limits
    if low < high or second[0] == second[1]:
        return low, high
    # The second's values may not fit the first's type.
    dtype = sources[0].dtype
    return second if dtype == sources[1].dtype or dtype.kind == "f" else dtype_range(dtype)


def _limits(source: Source, spec: RangeSpec) -> Range:
    try:
        return resolve_range(source.intensities, spec)
    except InvalidInputError as error:
        raise InvalidInputError(f"In the {source.name} image: {error}") from error


def _colour_from(
    sources: tuple[Source, Source], chroma: str
) -> Literal["first", "second", "blend", "none"]:
    first, second = (source.coloured for source in sources)
    if chroma == "none" or not (first or second):
        if chroma in ("first", "second", "blend"):
            raise InvalidInputError(
                f"chroma is {chroma!r}, but neither image has colour channels; pass channel_axis "
                "if one has, or leave chroma at 'auto'."
            )
        return "none"
    if chroma == "auto":
        if sources[0] is sources[1]:
            return "first"
        return "blend" if first and second else ("first" if first else "second")
    wanted = {"first": first, "second": second, "blend": first and second}
    if not wanted[chroma]:
        missing = chroma if chroma != "blend" else ("second" if first else "first")
        raise InvalidInputError(
            f"chroma is {chroma!r}, but the {missing} image is grey; leave chroma at 'auto'."
        )
    return chroma  # type: ignore[return-value]
