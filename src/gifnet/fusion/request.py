"""A validated fusion: sources with axes, colour and value range on one grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..geometry.region import Region
from ..imaging.arrays import Pixels, is_dask
from ..imaging.chroma_correction import ChromaCorrection, Floats
from ..imaging.common_grid import type_source
from ..imaging.ranges import (
    Range,
    RangeSpec,
    dtype_range,
    resolve_noting_extremes,
    resolve_range,
    split_range_spec,
)
from ..imaging.source import Source, SourcePlane, read_sources
from ..options import ValueRange

if TYPE_CHECKING:
    from .canvas import PlaneSet


class ChromaModel(Protocol):
    """A network for the colour of two coloured sources; see `ColorNetChroma`."""

    def strips(self, shape: tuple[int, int], /) -> list[Region]: ...
    def survey(self, planes: PlaneSet, strip: Region, shape: tuple[int, int], /) -> Floats: ...
    def correct(self, seen: Sequence[Floats], shape: tuple[int, int], /) -> ChromaCorrection: ...
    def of_plane(self, planes: PlaneSet, shape: tuple[int, int], /) -> ChromaCorrection: ...


@dataclass(frozen=True)
class Request:
    """One validated fusion: sources on one grid, with their value ranges and colour.

    Attributes
    ----------
    sources : tuple of Source
        A pair for models of two images; one image is then given twice, as the same object.
    limits : tuple of (low, high)
        The values of each source that map to 0 and 1.
    colour_from : tuple of int
        The sources whose colour the result gets; empty for a grey result.
    by_shares : bool
        Whether the colour is decided like the luminance, by the network.
    chroma_model : ChromaModel, optional
        Blends the chroma of two sources in place of the usual rule.
    """

    sources: tuple[Source, ...]
    limits: tuple[Range, ...]
    #: the range and type of the result
    output_limits: Range
    dtype: np.dtype[np.generic]
    colour_from: tuple[int, ...]
    by_shares: bool = False
    chroma_model: ChromaModel | None = None

    @property
    def reference(self) -> Source:
        """The source whose type the result has: the first coloured one if it is coloured."""
        return self.sources[self.colour_from[0] if self.colour_from else 0]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the fused planes, (..., H, W)."""
        return np.broadcast_shapes(*(source.shape for source in self.sources))

    @property
    def alpha_from(self) -> int | None:
        """The source whose alpha channel the result keeps."""
        found = (i for i, source in enumerate(self.sources) if source.has_alpha)
        return next(found, None) if self.coloured else None

    @property
    def coloured(self) -> bool:
        return bool(self.colour_from)

    @property
    def channels(self) -> tuple[int, ...]:
        """The channels of the result: (), (3,) or (4,)."""
        if not self.coloured:
            return ()
        return (3,) if self.alpha_from is None else (4,)

    @property
    def is_lazy(self) -> bool:
        """Whether a source, and hence the result, is a dask array."""
        return any(is_dask(source.data) for source in self.sources)

    @property
    def is_eight_bit(self) -> bool:
        return all(source.dtype.itemsize == 1 for source in self.sources)

    @property
    def is_masked(self) -> bool:
        floats = self.reference.dtype.kind == "f" and self.dtype.kind != "f"
        return self.reference.is_masked or (floats and self.may_have_missing)

    @property
    def needs_sources(self) -> bool:
        """Whether a result is finished with the sources: for colour, alpha or missing pixels."""
        colour = self.coloured and not self.by_shares
        return colour or self.may_have_missing or self.alpha_from is not None

    @property
    def may_have_missing(self) -> bool:
        """Whether pixels of a source may be missing."""
        return any(source.may_have_missing for source in self.sources)

    @property
    def different(self) -> tuple[int, ...]:
        """The places of the sources that are not the one before."""
        return tuple(
            i for i, source in enumerate(self.sources) if not i or source is not self.sources[i - 1]
        )

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Yield the index of every plane."""
        yield from np.ndindex(self.shape[:-2])

    def places(self, index: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """Return every source's index of the plane at an index of the result."""
        return tuple(_broadcast_index(source.shape, index) for source in self.sources)

    def planes(self, index: tuple[int, ...], region: Region | None = None) -> list[SourcePlane]:
        """Return every source's plane at an index of the result, or a region of it."""
        found: list[SourcePlane] = []
        different = self.different
        for i, place in enumerate(self.places(index)):
            new = i in different
            found.append(
                self.sources[i].plane(place, self.limits[i], region) if new else found[i - 1]
            )
        return found

    def arrays(self, index: tuple[int, ...], region: Region) -> list[Pixels]:
        """Return the arrays of a region of all sources that are not the one before."""
        places = self.places(index)
        return [self.sources[i].array(places[i], region) for i in self.different]

    def with_arrays(self, arrays: Sequence[Pixels]) -> Request:
        """Return the request with other pixels, given as `arrays` returns them."""
        given, sources = iter(arrays), list[Source]()
        for i, source in enumerate(self.sources):
            new = i in self.different
            sources.append(replace(source, data=next(given)) if new else sources[i - 1])
        return replace(self, sources=tuple(sources))

    def require_data(self, index: tuple[int, ...]) -> None:
        """Refuse planes without a single finite pixel, with an `InvalidInputError`."""
        places = self.places(index)
        for i in self.different:
            self.sources[i].require_data(places[i])


def _broadcast_index(shape: Sequence[int], index: tuple[int, ...]) -> tuple[int, ...]:
    leading = shape[:-2]
    return tuple(
        0 if length == 1 else i
        for length, i in zip(leading, index[len(index) - len(leading) :], strict=True)
    )


def make_request(
    images: Sequence[object],
    value_range: ValueRange = "auto",
    channel_axis: int | Literal["auto"] | None = "auto",
    chroma: str = "auto",
    any_number: bool = False,
    dtype: npt.DTypeLike | None = None,
) -> Request:
    """Validate images as `gifnet.fuse` takes them.

    Parameters
    ----------
    images : sequence of array
        One image, or one given twice (the same object), is enhanced.
    value_range, channel_axis, chroma
        See `FuseOptions`.
    any_number : bool
        Whether the model takes any number of images, and decides on colour by shares.
    dtype : dtype, optional
        The type of the result, if it is not that of a source. Integers then get the value range
        spread over all of the type, floats keep the values.

    Raises
    ------
    InvalidInputError
        With the image or option that cannot be used, and the remedy.
    """
    specs = split_range_spec(value_range, len(images))
    same = len(images) == 2 and images[0] is images[1] and specs[0] == specs[1]
    if same and not any_number:
        (source,) = read_sources({"first": images[0]}, channel_axis)
        sources: tuple[Source, ...] = (source, source)
        limits: tuple[Range, ...] = (resolve_range(source.intensities, specs[0]),) * 2
    else:
        names = [ordinal(number) for number in range(len(images))]
        sources = read_sources(dict(zip(names, images, strict=True)), channel_axis)
        limits = tuple(_limits(*each) for each in zip(sources, specs, strict=True))
        try:
            np.broadcast_shapes(*(source.shape for source in sources))
        except ValueError:
            axes = ", ".join(f"{source.name} {source.shape[:-2]}" for source in sources)
            raise InvalidInputError(
                f"The leading axes of the images do not match: {axes}. Give all the same number "
                "of planes, or some of them a single plane."
            ) from None
    colour_from = _colour_from(sources, chroma)
    by_shares = any_number and chroma == "auto" and len(colour_from) == len(sources)
    reference = type_source([source.coloured for source in sources], chroma)
    output = _output_limits(sources, limits, reference)
    asked = sources[reference].dtype if dtype is None else np.dtype(dtype)
    if asked != sources[reference].dtype and asked.kind != "f":
        output = dtype_range(asked)
    return Request(sources, limits, output, asked, colour_from, by_shares)


_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)  # fmt: skip


def ordinal(number: int) -> str:
    """Return the name of an image in messages, counted from 0: "first", ..., "12th"."""
    return _ORDINALS[number] if number < len(_ORDINALS) else f"{number + 1}th"


def _output_limits(sources: tuple[Source, ...], limits: tuple[Range, ...], reference: int) -> Range:
    """Return the reference's range, or another one if that image is constant."""
    low, high = limits[reference]
    varying = [i for i, (least, most) in enumerate(limits) if least < most]
    if low < high or not varying:
        return low, high
    # Another one's values may not fit the reference's type.
    dtype, other = sources[reference].dtype, varying[0]
    fits = dtype == sources[other].dtype or dtype.kind == "f"
    return limits[other] if fits else dtype_range(dtype)


def _limits(source: Source, spec: RangeSpec) -> Range:
    return resolve_noting_extremes(source.intensities, spec, f"the {source.name} image")


def _colour_from(sources: tuple[Source, ...], chroma: str) -> tuple[int, ...]:
    """Return the sources whose colour the result gets, by the option `chroma`."""
    coloured = tuple(i for i, source in enumerate(sources) if source.coloured)
    if chroma == "none" or not coloured:
        if chroma in ("first", "second", "blend"):
            raise InvalidInputError(
                f"chroma is {chroma!r}, but no image has colour channels; pass channel_axis "
                "if one has, or leave chroma at 'auto'."
            )
        return ()
    if chroma == "auto":
        return coloured[:1] if all(source is sources[0] for source in sources) else coloured
    if chroma == "blend":
        wanted = tuple(range(len(sources)))
    else:
        wanted = (("first", "second").index(chroma),)
        if wanted[0] >= len(sources):
            raise InvalidInputError(
                f"chroma is {chroma!r}, but there is one image; leave chroma at 'auto'."
            )
    for i in wanted:
        if i not in coloured:
            raise InvalidInputError(
                f"chroma is {chroma!r}, but the {sources[i].name} image is grey; leave chroma at "
                "'auto'."
            )
    return wanted
