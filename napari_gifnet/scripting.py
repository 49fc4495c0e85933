"""What the widgets do, for scripts: layers in, layers out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from gifnet.errors import InvalidInputError, WeightsError
from gifnet.options import FuseOptions
from gifnet.registration.search import check_registration
from gifnet.validation import is_integer

from .jobs.base import Job, shared_fusers
from .jobs.enhance import EnhancementJob
from .jobs.fuse import FusionJob
from .jobs.pansharpen import SharpeningJob
from .jobs.registration import Registration
from .jobs.stacks.job import StackJob
from .jobs.stacks.layers import painted_numbers, plane_maps, plane_transforms
from .layers.colours import ColormapSpec
from .layers.snapshot import Values, snapshot
from .records import job_of

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

    from gifnet.progress import ProgressCallback

    from .layers.snapshot import LayerData


def fuse_layers(
    first: Image,
    second: Image,
    *others: Image,
    grid: Literal["finer", "first", "second"] | int = "finer",
    return_mask: bool = False,
    return_shares: bool = False,
    register: str = "none",
    register_by: str = "edges",
    colormaps: Sequence[ColormapSpec] | None = None,
    gammas: Sequence[float] | None = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> list[Image]:
    """Fuse image layers as the Fuse widget does, through their world coordinates.

    Parameters
    ----------
    first, second, *others : napari.layers.Image
        The sources. They are not changed. See `gifnet.fuse` for the models whose order matters.
    grid : "finer", "first", "second" or int
        The source whose pixels the result has.
    return_mask, return_shares : bool
        Also return the share of the first layer, or of every layer, at each pixel.
    register : {"none", "translation", "rigid", "affine"}
        First register the other layer onto the layer of the grid by such a transform. The result's
        record has the transform.
    register_by : {"edges", "mutual-information"}
        As ``measure`` in `gifnet.register`.
    colormaps : sequence, optional
        One per layer: a name, or a list of RGBA colours. The layers are drawn by them before they
        are fused, and the result has the colours of a display. By default values are fused.
    gammas : sequence of float, optional
        One per layer: draw with this gamma.
    progress : callable, optional
        Called with (done, total); returns False to stop.
    **options
        Fields of `gifnet.FuseOptions`, such as ``task="mfif"``.

    Returns
    -------
    list of napari.layers.Image
        The result last, after the share if requested. They are not in a viewer yet.

    Raises
    ------
    GifnetError
        As `gifnet.fuse`, or if units do not fit or the layers do not overlap.
    """
    if grid not in ("finer", "first", "second") and not is_integer(grid):
        raise InvalidInputError(
            f"grid is {grid!r}; use 'finer', 'first', 'second' or a layer's number, from 0."
        )
    layers = tuple(snapshot(layer) for layer in (first, second, *others))
    check_registration(register, register_by)
    if register != "none" and others:
        raise InvalidInputError(
            f"register is {register!r} for {len(layers)} layers; it registers two. Register the "
            "others one by one, or use fuse_stack_layers with align."
        )
    for name, given in (("colormaps", colormaps), ("gammas", gammas)):
        if given is not None and len(given) != len(layers):
            raise InvalidInputError(
                f"{name} has {len(given)} entries for {len(layers)} layers; give one per layer."
            )
    job = FusionJob(
        layers,
        FuseOptions.from_dict(options),
        grid,
        "all" if return_shares else "first" if return_mask else "none",
        Registration(register, register_by),
        colormaps=None if colormaps is None else tuple(colormaps),
        gammas=None if gammas is None else tuple(gammas),
    )
    return _run(job, progress)


def enhance_layer(
    image: Image, *, progress: ProgressCallback | None = None, **options: Any
) -> list[Image]:
    """Enhance an image layer as the Enhance widget does; see `fuse_layers`.

    Returns
    -------
    list of napari.layers.Image
        The result. It is not in a viewer yet.
    """
    job = EnhancementJob(snapshot(image), FuseOptions.from_dict(options))
    return _run(job, progress)


def fuse_stack_layers(
    layers: Image | Sequence[Image],
    *,
    axis: int = 0,
    align: str = "none",
    reference: int | None = None,
    return_depth: bool = False,
    return_map: bool = False,
    crop: str = "reference",
    equalise: str = "none",
    transforms: Any = None,
    retouching: Any = None,
    feather: float = 1.5,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> list[Layer]:
    """Fuse a focus stack or an exposure bracket as the Stack widget does.

    Parameters
    ----------
    layers : napari.layers.Image, or sequence of them
        A layer with a stack axis, or two or more slices, which may have different grids.
    axis : int
        The stack's axis, if it is one layer.
    align, reference
        As in `gifnet.fuse_stack`.
    return_depth : bool
        Also return a layer with the measured depth, in world coordinates along the stack's axis,
        or in slices for several layers. It is NaN where nothing is ever sharp.
    return_map : bool
        Also return a labels layer with the number of the main slice of every pixel, plus 1.
    crop, equalise, feather
        As in `gifnet.fuse_stack`.
    transforms : napari.layers.Image, record or sequence of Transform, optional
        A fused stack whose alignment is used, its record, or its transforms.
    retouching : napari.layers.Labels or array, optional
        Slices to blend in: a map of slices in which somebody has painted, or an array of slice
        numbers of the result's shape, from 0, and -1 where the result stays.
    progress : callable, optional
        Called with (done, total); returns False to stop.
    **options
        Fields of `gifnet.FuseOptions`.

    Returns
    -------
    list of napari.layers.Layer
        The result last, after the depth map and the map of slices if requested. They are not in a
        viewer yet.

    Raises
    ------
    GifnetError
        As `gifnet.fuse_stack`, or if units do not fit or the layers do not overlap.
    """
    several = isinstance(layers, Sequence)
    slices = tuple(snapshot(layer) for layer in (layers if several else (layers,)))
    job = StackJob(
        slices,
        FuseOptions.from_dict(options),
        None if several else axis,
        align,
        reference,
        return_depth,
        want_map=return_map,
        crop=crop,
        equalise=equalise,
        transforms=None if transforms is None else plane_transforms(transforms),
        feather=feather,
    )
    if retouching is not None:
        if hasattr(retouching, "metadata"):
            retouching = painted_numbers(retouching, job.count)
        job = dataclasses.replace(job, retouching=plane_maps(retouching))
    return _run(job, progress)


def pansharpen_layers(
    pan: Image,
    bands: Image | Sequence[Image],
    *,
    band_axis: int = 0,
    method: str = "gifnet",
    match_histograms: bool = True,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> list[Image]:
    """Sharpen multispectral bands as the Pansharpen widget does.

    Parameters
    ----------
    pan : napari.layers.Image
        The panchromatic plane. The result has its grid.
    bands : napari.layers.Image, or sequence of them
        An RGB layer, a layer with a band axis, or one layer per band.
    band_axis : int
        The axis of the bands, if it is one grey layer.
    method, match_histograms
        As in `gifnet.pansharpen`.
    progress : callable, optional
        Called with (done, total); returns False to stop.
    **options
        Fields of `gifnet.FuseOptions`.

    Returns
    -------
    list of napari.layers.Image
        As many as there are layers of bands. They are not in a viewer yet.

    Raises
    ------
    GifnetError
        As `gifnet.pansharpen`, or if units do not fit or the layers do not overlap.
    """
    several = isinstance(bands, Sequence)
    planes = tuple(snapshot(layer) for layer in (bands if several else (bands,)))
    job = SharpeningJob(
        snapshot(pan),
        planes,
        FuseOptions.from_dict(options),
        None if several else band_axis,
        method,
        match_histograms,
    )
    return _run(job, progress)


def rerun(
    layers: Iterable[Image],
    record: Values,
    *,
    progress: ProgressCallback | None = None,
) -> list[Image]:
    """Make a result again from its record.

    With the same pixels, weights and versions, the result has the same bytes on the same
    device.

    Parameters
    ----------
    layers : iterable of napari.layers.Image
        They include the sources, under the names in the record. Pass ``viewer.layers``, for
        instance.
    record : mapping
        ``layer.metadata["napari_gifnet"]`` of the result. It may come from a file.

    Returns
    -------
    list of napari.layers.Image
        As from `fuse_layers`.

    Raises
    ------
    InvalidInputError
        If the record is incomplete, or a source is missing.
    WeightsError
        If the weights differ from the recorded ones.
    """
    job = job_of(layers, record)
    weights = record.get("weights")
    found = None if weights is None else shared_fusers().get(job.options).weights.sha256
    if weights is not None and found != weights["sha256"]:
        raise WeightsError(
            f"The result was made with weights of sha256 {weights['sha256']}, but those of "
            f"{job.options.weights or 'the bundled file'} are {found}. Take the file that was used."
        )
    return _run(job, progress)


def open_layer(
    viewer: Viewer,
    name: str,
    *,
    path: str | None = None,
    plugin: str | None = None,
    sample: tuple[str, str] | None = None,
    index: int = 0,
    **place: object,
) -> Image:
    """Return a viewer's layer by name. If it is missing, open its file or sample first.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer to search, and to open the layer in.
    name : str
        The name of the layer.
    path, plugin : str, optional
        The file or folder to open, and the reader.
    sample : (plugin, key), optional
        The sample to open.
    index : int
        Which one of the opened layers.
    **place
        Scale, translate and so on, for a layer that is opened.

    Raises
    ------
    InvalidInputError
        If the layer is missing and neither path nor sample is given.
    """
    if name in viewer.layers:
        return viewer.layers[name]

    def opened() -> list[Image]:
        kept = (path, sample)
        return [one for one in viewer.layers if (one.source.path, one.source.sample) == kept]

    if path is None and sample is None:
        raise InvalidInputError(
            f"There is no layer {name!r}, and it was not opened from a file. Add its pixels to "
            "the viewer under this name first."
        )
    if len(opened()) <= index:
        if path is not None:
            viewer.open(path, plugin=plugin)
        elif sample is not None:
            viewer.open_sample(*sample)
    layer = opened()[index]
    layer.name = name
    for key, value in place.items():
        setattr(layer, key, value)
    return layer


def as_layers(found: Iterable[LayerData]) -> list[Image]:
    """Return layer data as layers."""
    from napari.layers import Layer

    return [Layer.create(*data) for data in found]


def _run(job: Job, progress: ProgressCallback | None) -> list[Image]:
    return as_layers(job.run(shared_fusers(), progress or (lambda done, total: None)))
