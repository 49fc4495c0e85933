"""Reading and writing of NIfTI, NRRD, MetaImage and DICOM through SimpleITK.

World coordinates are ITK's: millimetres, x to the left, y to the back, z to the head of a
patient (LPS). Arrays have the axes in the order Z, Y, X, and so has the world.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ReadError, WriteError
from .atomic import write_atomically
from .formats import TIFF_HINT
from .image import Image

_RECORD = "gifnet"
_AXES = {2: "YX", 3: "ZYX", 4: "TZYX"}
_LENGTHS = {"nm": 1e-6, "um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0, "inch": 25.4}


def read_volume(path: Path) -> list[Image]:
    """Return the image of a NIfTI, NRRD or MetaImage file, with its place in millimetres."""
    import SimpleITK as sitk

    return [_image(sitk.ReadImage(str(path)), _stem(path))]


def read_dicom(path: Path) -> list[Image]:
    """Return the image of a DICOM file, or of each series in a folder of them.

    CT values are Hounsfield units: GDCM applies the rescale slope and intercept.
    """
    import SimpleITK as sitk

    if path.is_file():
        image = _image(sitk.ReadImage(str(path), imageIO="GDCMImageIO"), path.stem)
        return [image.without_axis("Z") if _is_flat(image) else image]
    reader = sitk.ImageSeriesReader()
    images = []
    series = reader.GetGDCMSeriesIDs(str(path))
    for identity in series:
        names = reader.GetGDCMSeriesFileNames(str(path), identity)
        reader.SetFileNames(names)
        name = path.name if len(series) == 1 else f"{path.name} [{_described(names[0], identity)}]"
        images.append(_image(reader.Execute(), name))
    if not images:
        raise ReadError(f"{path} holds no DICOM series.")
    return images


def _described(file: str, identity: str) -> str:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.ReadImageInformation()
    key = "0008|103e"
    return reader.GetMetaData(key).strip() if reader.HasMetaDataKey(key) else identity


def _is_flat(image: Image) -> bool:
    return image.axes.startswith("Z") and image.data.shape[0] == 1


def holds_dicom(folder: Path) -> bool:
    """Return whether a folder holds DICOM files, by the first few files in it."""
    try:
        files = (file for file in sorted(folder.iterdir()) if file.is_file())
        return any(is_dicom(file) for file, _ in zip(files, range(4), strict=False))
    except OSError:
        return False


def is_dicom(path: Path) -> bool:
    """Return whether a file has the mark of DICOM."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd"):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return path.stem


def _image(found: Any, name: str) -> Image:
    import SimpleITK as sitk

    data = sitk.GetArrayFromImage(found)
    dimension, samples = found.GetDimension(), found.GetNumberOfComponentsPerPixel()
    axes = _AXES.get(dimension)
    if axes is None or data.dtype.kind not in "biuf":
        raise ReadError(f"{name} has {dimension} axes of {found.GetPixelIDTypeAsString()}.")
    scale, origin = found.GetSpacing()[::-1], found.GetOrigin()[::-1]
    # From (x, y, z) to (z, y, x) in both the rows and the columns.
    direction = np.array(found.GetDirection()).reshape(dimension, dimension)[::-1, ::-1]
    spatial = "mm"
    units = tuple("s" if axis == "T" else spatial for axis in axes)
    coloured = samples in (3, 4) and data.dtype == np.uint8
    if samples > 1 and not coloured:
        data, axes = np.moveaxis(data, -1, 0), f"C{axes}"
        scale, origin, units = (1.0, *scale), (0.0, *origin), ("pixel", *units)
        wider = np.eye(dimension + 1)
        wider[1:, 1:] = direction
        direction = wider
    record = None
    if found.HasMetaDataKey(_RECORD):
        try:
            record = json.loads(found.GetMetaData(_RECORD))
        except ValueError:
            record = None
    return Image(
        data,
        axes + "S" * coloured,
        tuple(scale),
        units,
        tuple(origin),
        name,
        record=record if isinstance(record, dict) else None,
        direction=None if np.allclose(direction, np.eye(len(direction))) else direction,
    )


def write_volume(path: Path, image: Image) -> None:
    """Write an image as NIfTI, NRRD or MetaImage, with its place in millimetres."""
    import SimpleITK as sitk

    data, axes = np.asarray(image.data), image.axes
    if data.dtype == np.bool_:
        data = data.astype(np.uint8)
    if data.dtype == np.float16:
        data = data.astype(np.float32)
    coloured = image.channel_axis is not None
    named = image.placed_axes
    if named.startswith("C") and not coloured:
        data, named = np.moveaxis(data, 0, -1), named[1:]
    if not named.endswith("YX") or len(named) not in _AXES or "C" in named:
        raise WriteError(
            f"Cannot write axes {axes!r} as {path}; the format holds YX, ZYX and TZYX, with "
            "colours or channels. Use a name ending in .tif."
        )
    vector = data.ndim > len(named)
    made = sitk.GetImageFromArray(np.ascontiguousarray(data), isVector=vector)
    lead = len(image.placed_axes) - len(named)
    scale, units = image.scale[lead:], image.units[lead:]
    lengths = [size * _LENGTHS.get(unit, 1.0) for size, unit in zip(scale, units, strict=True)]
    origin = [
        place * _LENGTHS.get(unit, 1.0)
        for place, unit in zip(image.translate[lead:], units, strict=True)
    ]
    made.SetSpacing(lengths[::-1])
    made.SetOrigin(origin[::-1])
    if image.direction is not None:
        turn = orthonormal(image.direction[lead:, lead:])
        made.SetDirection(turn[::-1, ::-1].ravel().tolist())
    if image.record is not None:
        made.SetMetaData(_RECORD, json.dumps(image.record))
    ending = next(s for s in _suffixes() if path.name.lower().endswith(s))

    def save(temporary: Path) -> None:
        # The name decides the format, and a temporary name has only the last suffix.
        whole = temporary.with_name(temporary.name.split(".")[1] + ending)
        sitk.WriteImage(made, str(whole), useCompression=ending != ".nii")
        whole.replace(temporary)

    write_atomically(path, save, hint=TIFF_HINT)


def _suffixes() -> Iterable[str]:
    return (".nii.gz", ".nii", ".nrrd", ".mha")


def orthonormal(direction: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a direction matrix as the formats take it.

    Raises
    ------
    WriteError
        If it is sheared.
    """
    if not np.allclose(direction.T @ direction, np.eye(len(direction)), atol=1e-4):
        raise WriteError(
            "The image is sheared, which NIfTI, NRRD and MetaImage cannot hold; write it as .tif."
        )
    return direction
