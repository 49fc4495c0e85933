"""What the commands share about files: checks before the work, one image a file, results."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import WriteError

if TYPE_CHECKING:
    from ..io.files import Array, ImageFile

FORMATS = "TIFF, OME-TIFF, OME-Zarr, PNG, JPEG or BMP"
_WRITABLE = (".tif", ".tiff", ".zarr", ".png", ".jpg", ".jpeg")

Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="OUT", help="Where the result goes; TIFF keeps everything."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


def check_outputs(paths: list[Path], overwrite: bool) -> None:
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
        check_free(path, overwrite)
        if path.suffix.lower() not in _WRITABLE:
            raise WriteError(f"{str(path)!r} needs a name ending in {', '.join(_WRITABLE)}.")
        if path.suffix.lower() == ".zarr" and find_spec("zarr") is None:
            raise WriteError(
                f"Writing {str(path)!r} needs zarr; install it with: pip install "
                "'napari-gifnet[zarr]'."
            )


def check_free(path: Path, overwrite: bool) -> None:
    """Refuse a file that exists and may not be replaced, or a folder that does not exist.

    Raises
    ------
    WriteError
        Naming it.
    """
    if path.exists() and not overwrite:
        raise WriteError(
            f"{str(path)!r} exists; pass --overwrite to replace it, or choose another name."
        )
    if not path.parent.is_dir():
        raise WriteError(f"The folder {str(path.parent)!r} does not exist; create it first.")


def check_formats(output: Path, mask: Path | None, images: list[ImageFile], chroma: str) -> None:
    """Refuse formats that could not hold the results, before the work is done."""
    import numpy as np

    from ..io.files import check_format

    axes = max((image.axes.replace("S", "") for image in images), key=len)
    coloured = [image for image in images if image.channel_axis is not None and chroma != "none"]
    channels = max((image.data.shape[-1] for image in coloured), default=1)
    check_format(output, images[0].data.dtype, f"{axes}S" if coloured else axes, channels)
    if mask is not None:
        check_format(mask, np.dtype(np.uint8), axes, 1)


def fit_to_format(share: Array, path: Path) -> Array:
    """Return a mask as it is for TIFF and OME-Zarr, as 8-bit values for other formats."""
    if path.suffix.lower() in (".tif", ".tiff", ".zarr"):
        return share
    return (share * 255).round().astype("uint8")
