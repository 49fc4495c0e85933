"""Registration before fusion: `register`, and `misalignment`, which checks if it would help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..geometry import Grid, resample, working_type
from ..imaging.arrays import Pixels, as_float_with_nan, with_missing
from ..imaging.colour import luminance
from ..imaging.ranges import to_type
from ..imaging.source import Source, read_sources
from ..progress import Progress, Reporter
from .search import check_registration, find_transform, glance
from .transform import Transform

ChannelAxis = int | Literal["auto"] | None
Floats = npt.NDArray[np.floating]

#: A pair is aligned if the displacement is below this part of the longer side, or below so many
#: pixels.
_CLOSE_PART = 0.006
_CLOSE_PIXELS = 1.5


@dataclass(frozen=True, eq=False)
class Registered:
    """A registered image.

    Attributes
    ----------
    image : array
        The moving image on the reference's grid, in its own type. Where it is missing, floats
        are NaN and integers are masked.
    transform : Transform
        The transform, in pixels of the reference.
    """

    image: npt.NDArray[np.generic]
    transform: Transform


@dataclass(frozen=True)
class Misalignment:
    """The result of a quick check of a pair.

    Attributes
    ----------
    found : bool
        Whether the pair looks misaligned.
    displacement : float
        Estimated mean displacement in pixels of the first image.
    before, after : float
        Correlation of the edge maps, without and with registration.
    """

    found: bool
    displacement: float
    before: float
    after: float

    @property
    def warning(self) -> str:
        """A one-line warning, empty if the pair looks aligned."""
        if not self.found:
            return ""
        return (
            f"The images look misaligned by about {self.displacement:.0f} pixels; register them "
            "first, or fused edges will be double."
        )


def register(
    moving: object,
    reference: object,
    *,
    kind: str = "affine",
    measure: str = "edges",
    channel_axis: ChannelAxis = "auto",
    moving_grid: Grid | None = None,
    reference_grid: Grid | None = None,
    order: int = 1,
    progress: Progress = None,
) -> Registered:
    """Find the transform of an image onto another one, and resample it.

    Parameters
    ----------
    moving, reference : array
        (..., H, W), or with an RGB(A) axis, as in `gifnet.fuse`. Heights and widths may differ.
        Leading axes share one transform, which is found on their mean. Missing pixels and constant
        borders are ignored.
    kind : {"none", "translation", "rigid", "similarity", "affine"}
        The class of transforms. Shifts are searched up to a fifth of either side, rotations up to
        about 15 degrees. "similarity" adds a scale, "affine" scales and shear.
    measure : {"edges", "mutual-information"}
        The quantity to maximise. "edges" is the correlation of edge maps, which works across
        modalities. "mutual-information" refines it on the intensities, and needs SimpleITK.
    channel_axis : int, "auto" or None
        As in `gifnet.fuse`.
    moving_grid, reference_grid : Grid, optional
        Positions of the last two axes in common world coordinates. By default pixels of equal
        size with a common corner.
    order : int
        Order of the interpolating spline: 1 is linear; 3 is cubic and keeps more detail.
    progress : callable or progress bar, optional
        As in `gifnet.fuse`. The total is an estimate.

    Returns
    -------
    Registered
        The image and the `Transform`. The image has the leading axes and type of `moving` and the
        size of `reference`. It is interpolated once.

    Raises
    ------
    InvalidInputError
        If an image or option cannot be used, the images do not overlap, or one has too little
        structure to be registered.
    Cancelled
        If the progress callback returned False.

    Notes
    -----
    Masked correlation at nine rotations on a coarse level finds a start. Maximising the enhanced
    correlation coefficient (Evangelidis and Psarakis, IEEE TPAMI 30, 2008) from level to level
    refines it below one pixel.
    """
    reporter = Reporter(progress)
    transform = find_registration(
        moving,
        reference,
        kind=kind,
        measure=measure,
        channel_axis=channel_axis,
        moving_grid=moving_grid,
        reference_grid=reference_grid,
        progress=reporter,
    )
    target = _plane_grid(_source(reference, "reference", channel_axis), reference_grid)
    image = resample_onto(
        moving,
        transform,
        target,
        channel_axis=channel_axis,
        moving_grid=moving_grid,
        order=order,
        tick=reporter.check,
    )
    return Registered(image, transform)


def find_registration(
    moving: object,
    reference: object,
    *,
    kind: str = "affine",
    measure: str = "edges",
    channel_axis: ChannelAxis = "auto",
    moving_grid: Grid | None = None,
    reference_grid: Grid | None = None,
    progress: Progress | Reporter = None,
) -> Transform:
    """Find the transform as `register` does, without resampling the image.

    The parameters are those of `register`.

    Returns
    -------
    Transform
        In pixels of the reference.
    """
    check_registration(kind, measure)
    reporter = progress if isinstance(progress, Reporter) else Reporter(progress)
    reporter.expect(20)
    source = _source(moving, "moving", channel_axis)
    fixed = _source(reference, "reference", channel_axis)
    grids = [
        _plane_grid(image, grid) for image, grid in ((source, moving_grid), (fixed, reference_grid))
    ]
    tick = _counted(reporter)
    plane = mean_luminance(source)
    if not grids[0].coincides(grids[1]):
        plane = resample(plane, *grids, tick=tick).astype(np.float32)
    transform = find_transform(plane, mean_luminance(fixed), kind, measure, tick=tick)
    reporter.advance(reporter.total - reporter.done)
    return transform


def resample_onto(
    moving: object,
    transform: Transform | None,
    reference_grid: Grid,
    *,
    channel_axis: ChannelAxis = "auto",
    moving_grid: Grid | None = None,
    order: int = 1,
    tick: Callable[[], object] | None = None,
) -> npt.NDArray[np.generic]:
    """Resample an image onto a reference's grid, optionally with a transform.

    Parameters
    ----------
    moving : array
        As in `register`.
    transform : Transform or None
        The result of `find_registration` with the same reference grid.
    reference_grid, moving_grid : Grid
        As in `register`.
    channel_axis, order
        As in `register`.
    tick : callable, optional
        Called repeatedly; may raise an exception to stop.

    Returns
    -------
    array
        Has the type of `moving`. Where it is missing, floats are NaN and integers are masked.
    """
    source = _source(moving, "moving", channel_axis)
    grid, target = _plane_grid(source, moving_grid), reference_grid.trailing(2)
    if transform is not None:
        grid = Grid(grid.shape, transform.world(target) @ grid.matrix)
    return _resampled(source, grid, target, order, tick)


def misalignment(
    first: object, second: object, *, channel_axis: ChannelAxis = "auto"
) -> Misalignment:
    """Check quickly whether a pair looks misaligned.

    A rigid transform is searched on a reduced copy. The pair is reported as misaligned if the mean
    displacement exceeds 1.5 pixels and 0.6 percent of the longer side, and if the transform
    improves both edges and intensities (their mutual information). Shifts beyond a tenth of a
    side are not searched.

    Parameters
    ----------
    first, second : array
        As in `gifnet.fuse`, with the same height and width.
    channel_axis : int, "auto" or None
        As in `gifnet.fuse`.

    Returns
    -------
    Misalignment

    Raises
    ------
    InvalidInputError
        If the images cannot be used or differ in size.
    """
    planes = [
        mean_luminance(_source(image, name, channel_axis))
        for image, name in ((first, "first"), (second, "second"))
    ]
    if planes[0].shape != planes[1].shape:
        raise InvalidInputError(
            f"The images differ in size: {planes[0].shape} and {planes[1].shape}. Register them, "
            "or resample one onto the other's grid."
        )
    try:
        found, helps = glance(planes[1], planes[0])
    except InvalidInputError:  # too small or too empty for a decision
        return Misalignment(False, 0.0, 0.0, 0.0)
    moved = found.mean_displacement
    limit = max(_CLOSE_PIXELS, _CLOSE_PART * max(planes[0].shape))
    return Misalignment(helps and moved > limit, moved, found.before, found.after)


def _counted(reporter: Reporter) -> Callable[[], None]:
    """Return a tick that never reports more work than expected."""
    return lambda: reporter.advance(int(reporter.done < reporter.total - 1))


def _source(image: Any, name: str, channel_axis: ChannelAxis) -> Source:
    (source,) = read_sources({name: image}, _own_axis(image, channel_axis))
    return source


def _own_axis(image: Any, channel_axis: ChannelAxis) -> ChannelAxis:
    """Return the channel axis of a pair if either image has it, else None."""
    if not isinstance(channel_axis, int):
        return channel_axis
    shape = np.shape(image)
    fits = len(shape) > 2 and -len(shape) <= channel_axis < len(shape)
    return channel_axis if fits and shape[channel_axis] in (3, 4) else None


def _plane_grid(source: Source, grid: Grid | None) -> Grid:
    shape = source.shape[-2:]
    if grid is None:
        return Grid(shape, np.eye(3))
    plane = grid.trailing(2)
    if plane.shape != shape:
        raise InvalidInputError(
            f"The {source.name} image has planes of {shape} pixels, its grid {plane.shape}; give "
            "the image's own grid."
        )
    return plane


def _values(values: Pixels) -> Floats:
    return as_float_with_nan(values, working_type(values.dtype))


def mean_luminance(source: Source) -> npt.NDArray[np.float32]:
    """Return the mean luminance over the leading axes, NaN where all planes are missing."""
    total = np.zeros(source.shape[-2:], np.float64)
    count = np.zeros(total.shape, np.int64)
    for index in np.ndindex(source.shape[:-2]):
        plane = _values(source.intensities[index])
        plane = luminance(plane) if source.coloured else plane
        valid = np.isfinite(plane)
        total[valid] += plane[valid]
        count += valid
    if not count.any():
        raise InvalidInputError(
            f"The {source.name} image has no finite pixel, so it cannot be registered."
        )
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    # Only contrast matters, and float32 is most precise around 0.
    mean -= np.nanmean(mean)
    return np.asarray(mean, np.float32)


def _resampled(
    source: Source,
    placed: Grid,
    reference: Grid,
    order: int,
    tick: Callable[[], object] | None,
) -> npt.NDArray[np.generic]:
    """Return all of a source on the reference's grid, in its own type."""
    lead = source.shape[:-2]
    channels = source.data.shape[-1:] if source.coloured else ()
    result = np.empty(lead + reference.shape + channels, source.dtype)
    missing = np.zeros(result.shape, bool)
    for index in np.ndindex(lead):
        values = _values(source.data[index])
        found: npt.NDArray[np.generic] = resample(
            values, placed, reference, coloured=source.coloured, order=order, tick=tick
        )
        unknown = np.isnan(found)
        if source.dtype.kind in "iub":
            # Splines overshoot, and integers would wrap around.
            found = to_type(np.where(unknown, 0, found), source.dtype)
        result[index] = found
        missing[index] = unknown
    return with_missing(result, missing)
