"""``gifnet fuse`` and ``gifnet enhance``: files in, one file out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InvalidInputError, WriteError
from ..options import FuseOptions
from . import parameters as p
from .terminal import progress_bar, say

if TYPE_CHECKING:
    from ..files import Array, ImageFile
    from ..fusion import Fuser

_FORMATS = "TIFF, OME-TIFF, PNG, JPEG or BMP"
_WRITABLE = (".tif", ".tiff", ".png", ".jpg", ".jpeg")

Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="OUT", help="Where the result goes; TIFF keeps everything."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


def fuse(
    first: Annotated[
        Path,
        typer.Argument(
            help="The functional or spectral source: infrared, PET, over-exposed, multispectral "
            f"({_FORMATS}). The result has its type, value range and pixel size."
        ),
    ],
    second: Annotated[
        Path,
        typer.Argument(
            help="The structural source, of the same size: visible, MRI, under-exposed, "
            "panchromatic."
        ),
    ],
    output: Output,
    mask: Annotated[
        Path | None,
        typer.Option(
            "--mask",
            metavar="OUT_MASK",
            help="Also write the first source's share of every pixel: 0 to 1 in a TIFF, 0 to 255 "
            "in other formats.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    task: p.Task = p.DEFAULTS.task,
    model: p.Model = p.DEFAULTS.model,
    weights: p.Weights = p.DEFAULTS.weights,
    device: p.Device = p.DEFAULTS.device,
    precision: p.Precision = p.DEFAULTS.precision,
    statistics: p.Statistics = p.DEFAULTS.statistics,
    tile: p.Tile = str(p.DEFAULTS.tile),
    value_range: p.ValueRanges = None,
    channel_axis: p.ChannelAxis = str(p.DEFAULTS.channel_axis),
    chroma: p.Chroma = p.DEFAULTS.chroma,
) -> None:
    """Fuse two images of one scene into one file."""
    options = FuseOptions(
        task=task,
        model=model,
        weights=weights,
        device=device,
        precision=precision,
        statistics=statistics,
        tile=p.parse_tile(tile),
        value_range=p.parse_value_range(value_range),
        channel_axis=p.parse_channel_axis(channel_axis),
        chroma=chroma,
    )
    _check_outputs([output] if mask is None else [output, mask], overwrite)
    images = [_read_one(first), _read_one(second)]
    _check_formats(output, mask, images, chroma)
    began = time.perf_counter()
    with _fuser(options, images) as fuser:
        data = [image.data for image in images]
        with progress_bar("fusing", "tile") as bar:
            result = fuser.fuse(*data, return_mask=mask is not None, progress=bar)
        fused, share = result if isinstance(result, tuple) else (result, None)
        _write(output, fused, images, fuser)
        if mask is not None and share is not None:
            _write(mask, _fit_to_format(share, mask), images, fuser)
        _report(output, fuser, began)


def enhance(
    image: Annotated[Path, typer.Argument(help=f"The image ({_FORMATS}).")],
    output: Output,
    overwrite: Overwrite = False,
    model: p.Model = p.DEFAULTS.model,
    weights: p.Weights = p.DEFAULTS.weights,
    device: p.Device = p.DEFAULTS.device,
    precision: p.Precision = p.DEFAULTS.precision,
    statistics: p.Statistics = p.DEFAULTS.statistics,
    tile: p.Tile = str(p.DEFAULTS.tile),
    value_range: p.ValueRanges = None,
    channel_axis: p.ChannelAxis = str(p.DEFAULTS.channel_axis),
    chroma: p.Chroma = p.DEFAULTS.chroma,
) -> None:
    """Enhance one image: fuse it with itself."""
    options = FuseOptions(
        model=model,
        weights=weights,
        device=device,
        precision=precision,
        statistics=statistics,
        tile=p.parse_tile(tile),
        value_range=p.parse_value_range(value_range),
        channel_axis=p.parse_channel_axis(channel_axis),
        chroma=chroma,
    )
    _check_outputs([output], overwrite)
    images = [_read_one(image)]
    _check_formats(output, None, images, chroma)
    began = time.perf_counter()
    with _fuser(options, images) as fuser:
        with progress_bar("enhancing", "tile") as bar:
            enhanced = fuser.enhance(images[0].data, progress=bar)
        _write(output, enhanced, images, fuser)
        _report(output, fuser, began)


def _check_outputs(paths: list[Path], overwrite: bool) -> None:
    """Refuse what would fail after the work is done.

    Raises
    ------
    WriteError
        If a file exists and may not be replaced, its folder does not exist, its suffix is not
        one of an image, or two results have one name.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise WriteError(f"The result and the mask are both {str(paths[0])!r}; name them apart.")
    for path in paths:
        if path.exists() and not overwrite:
            raise WriteError(
                f"{str(path)!r} exists; pass --overwrite to replace it, or choose another name."
            )
        if path.suffix.lower() not in _WRITABLE:
            raise WriteError(f"{str(path)!r} needs a name ending in {', '.join(_WRITABLE)}.")
        if not path.parent.is_dir():
            raise WriteError(f"The folder {str(path.parent)!r} does not exist; create it first.")


def _check_formats(output: Path, mask: Path | None, images: list[ImageFile], chroma: str) -> None:
    """Refuse formats that could not hold the results, before the work is done."""
    import numpy as np

    from ..files import check_format

    axes = max((image.axes.replace("S", "") for image in images), key=len)
    coloured = [image for image in images if image.channel_axis is not None and chroma != "none"]
    channels = max((image.data.shape[-1] for image in coloured), default=1)
    check_format(output, images[0].data.dtype, f"{axes}S" if coloured else axes, channels)
    if mask is not None:
        check_format(mask, np.dtype(np.uint8), axes, 1)


def _read_one(path: Path) -> ImageFile:
    from ..files import read_images

    images = read_images(path)
    if len(images) > 1:
        shapes = ", ".join(f"{image.name} {image.data.shape}" for image in images)
        raise InvalidInputError(
            f"{str(path)!r} holds {len(images)} images ({shapes}); save the one to use in a file "
            "of its own."
        )
    return images[0]


def _fuser(options: FuseOptions, images: list[ImageFile]) -> Fuser:
    """Return a fuser; files tell where their colour channels are."""
    from ..fusion import Fuser

    if options.channel_axis != "auto":
        return Fuser(options)
    coloured = any(image.channel_axis is not None for image in images)
    return Fuser(options, channel_axis=-1 if coloured else None)


def _fit_to_format(share: Array, path: Path) -> Array:
    """Return a mask as it is for a TIFF, as 8-bit values for other formats."""
    if path.suffix.lower() in (".tif", ".tiff"):
        return share
    return (share * 255).round().astype("uint8")


def _write(path: Path, data: Array, images: list[ImageFile], fuser: Fuser) -> None:
    """Write a result on the first source's grid, with the record of how it came about."""
    from ..files import write_image

    grids = [(image.axes.replace("S", ""), image.scale, image.units) for image in images]
    # A plane fused with a stack gives a stack.
    rank = max(len(axes) for axes, _, _ in grids)
    grids = [grid for grid in grids if len(grid[0]) == rank]
    # The sources share one grid: where the first knows no pixel size, the second's holds.
    known = (grid for grid in grids if set(grid[2]) != {"pixel"})
    axes, scale, units = next(known, grids[0])
    if data.ndim > rank:
        axes += "S"
    sources = [image.name for image in images]
    record = {"sources": sources, **fuser.provenance()}
    write_image(path, data, axes=axes, scale=scale, units=units, description=record)


def _report(path: Path, fuser: Fuser, began: float) -> None:
    seconds = time.perf_counter() - began
    say(f"{path}: {fuser.options.model} on {fuser.device}, {seconds:.1f} s")
