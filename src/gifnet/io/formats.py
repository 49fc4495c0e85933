"""The image formats, in one table: names, suffixes, contents, readers and writers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ReadError, WriteError

if TYPE_CHECKING:
    import numpy as np

    from .image import Image

#: The end of messages about images that a format cannot hold.
TIFF_HINT = ".tif can hold any image."
_COLOURS = {1: "grey", 3: "RGB", 4: "RGBA"}
_DEPTHS = {"uint8": "8-bit", "uint16": "16-bit"}


#: What files may keep besides pixels and their sizes; directions are those of turned images.
KEPT = ("reference system", "direction", "profile", "EXIF", "record")


@dataclass(frozen=True)
class Format:
    """One kind of image file.

    Attributes
    ----------
    name : str
    suffixes : tuple of str
        Of the files that are read.
    reader : str
        "module:function" in this package, from a path to a list of `Image`.
    writer : str
        "module:function", which writes to a path, through `write_atomically`, an `Image`; empty
        if the format is only read.
    written : tuple of str
        The suffixes that are written, the usual one first.
    pixels : mapping or None
        The possible types by number of samples (1 grey, 3 RGB, 4 RGBA), for formats that hold
        single planes only. None for any type and any axes.
    place : bool
        Whether pixel sizes, units and positions are stored. The plugin reads such formats.
    nodata : bool
        Whether the value of missing pixels is stored.
    keeps : tuple of str
        What else of an image a file keeps, of `KEPT`.
    folder : bool
        Whether an image is a folder.
    package : str
        The optional package that is needed.
    extra : str
        The extra that installs it; by default it has the package's name.
    """

    name: str
    suffixes: tuple[str, ...]
    reader: str
    writer: str = ""
    written: tuple[str, ...] = ()
    pixels: Mapping[int, tuple[str, ...]] | None = None
    place: bool = False
    nodata: bool = False
    keeps: tuple[str, ...] = ()
    folder: bool = False
    package: str = ""
    extra: str = ""

    def read(self, path: Path) -> list[Image]:
        """Return the images of a file.

        Raises
        ------
        ReadError
            If the file is missing, empty or damaged, or a package is missing.
        """
        kind = "folder" if self.folder else "file"
        if not (path.is_dir() if self.folder else path.is_file()):
            raise ReadError(f"There is no {kind} {path}.")
        self.require_package(f"Reading {path}", ReadError)
        try:
            images: list[Image] = _load(self.reader)(path)
        except ReadError:
            raise
        # Decoders report damage with exceptions of many unrelated types.
        except Exception as error:
            raise ReadError(f"Cannot read {path}: {_reason(error, kind)}") from error
        if not images or any(0 in image.data.shape for image in images):
            raise ReadError(f"{path} contains no image.")
        return images

    def write(self, path: Path, image: Image) -> None:
        """Write an image. The file appears under its name only when it is complete.

        Raises
        ------
        WriteError
            If the format cannot hold the image, or the file cannot be written.
        """
        self.require_package(f"Writing {path}", WriteError)
        self.require(path, image.data.dtype, image.axes, image.samples)
        _load(self.writer)(path, image)

    def require_package(self, what: str, error: type[ReadError | WriteError]) -> None:
        """Refuse to read or write if an optional package is missing."""
        if self.package and find_spec(self.package) is None:
            raise error(
                f"{what} needs {self.package}; install it with: pip install "
                f"'napari-gifnet[{self.extra or self.package}]'."
            )

    def require(
        self, path: str | Path, dtype: np.dtype[np.generic], axes: str, samples: int
    ) -> None:
        """Refuse an image that the format cannot hold.

        Raises
        ------
        WriteError
            With the file, the image and the types that the format can hold.
        """
        if self.pixels is None:
            return
        if axes not in ("YX", "YXS") or dtype.name not in self.pixels.get(samples, ()):
            raise WriteError(
                f"Cannot write {axes} data of type {dtype} with {samples} channel(s) as {path}: "
                f"the format can hold {self._pixels_in_words()}. Use a name ending in .tif."
            )

    @property
    def contents(self) -> str:
        """The types and axes that files of the format hold, in words."""
        return "any type and axes" if self.pixels is None else self._pixels_in_words()

    def _pixels_in_words(self) -> str:
        held = self.pixels or {}
        kinds = []
        for dtype in dict.fromkeys(dtype for types in held.values() for dtype in types):
            colours = [_COLOURS[count] for count, types in held.items() if dtype in types]
            kinds.append(f"{_DEPTHS.get(dtype, dtype)} {in_words(colours)}")
        return ", or ".join(kinds)


OME_ZARR = Format(
    "OME-Zarr", (".zarr", ".ome.zarr"), "ome_zarr:read_zarr",
    "ome_zarr:write_zarr", (".zarr", ".ome.zarr"), place=True, keeps=("record",), folder=True,
    package="zarr",
)  # fmt: skip
FORMATS = (
    Format(
        "TIFF", (".tif", ".tiff", ".btf"), "tiff:read_tiff",
        "tiff:write_tiff", (".tif", ".tiff"), place=True, nodata=True,
        keeps=("reference system", "profile", "EXIF", "record"),
    ),
    Format(
        "OME-TIFF", (".ome.tif", ".ome.tiff"), "tiff:read_tiff",
        "tiff:write_tiff", (".ome.tif", ".ome.tiff"), place=True, nodata=True, keeps=("record",),
    ),
    OME_ZARR,
    Format(
        "PNG", (".png",), "pictures:read_picture",
        "pictures:write_png", (".png",), {1: ("uint8", "uint16"), 3: ("uint8",), 4: ("uint8",)},
        keeps=("profile", "EXIF", "record"),
    ),
    Format(
        "JPEG", (".jpg", ".jpeg"), "pictures:read_picture",
        "pictures:write_jpeg", (".jpg", ".jpeg"), {1: ("uint8",), 3: ("uint8",)},
        keeps=("profile", "EXIF"),
    ),
    Format("BMP", (".bmp",), "pictures:read_picture"),
    Format(
        "JPEG 2000 and VRT", (".jp2", ".vrt"), "geo.rasters:read_raster",
        place=True, nodata=True, keeps=("reference system",), package="rasterio", extra="geo",
    ),
    Format(
        "NIfTI", (".nii", ".nii.gz"), "medical:read_volume", "medical:write_volume",
        (".nii.gz", ".nii"), place=True, keeps=("direction",), package="SimpleITK", extra="medical",
    ),
    Format(
        "NRRD", (".nrrd", ".nhdr"), "medical:read_volume", "medical:write_volume", (".nrrd",),
        place=True, keeps=("direction", "record"), package="SimpleITK", extra="medical",
    ),
    Format(
        "MetaImage", (".mha", ".mhd"), "medical:read_volume", "medical:write_volume", (".mha",),
        place=True, keeps=("direction", "record"), package="SimpleITK", extra="medical",
    ),
    Format(
        "DICOM", (".dcm",), "medical:read_dicom", place=True, keeps=("direction",),
        package="SimpleITK", extra="medical",
    ),
    Format(
        "HEIC", (".heic", ".heif"), "photos:read_heic", keeps=("profile", "EXIF"),
        package="pillow_heif", extra="photo",
    ),
    Format(
        "raw photographs", (".dng", ".cr2", ".nef", ".arw"), "photos:read_raw",
        keeps=("EXIF",), package="rawpy", extra="photo",
    ),
)  # fmt: skip


def _reason(error: Exception, kind: str) -> str:
    text = str(error) or type(error).__name__
    if "decompression bomb" in text:
        return "the picture has too many pixels for its format; save it as TIFF"
    return f"{text} (the {kind} may be damaged or cut short)"


def _load(name: str) -> Callable[..., Any]:
    """Return a function by "module:function", imported when it is needed."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(f".{module}", __package__), function)
    return found


def in_words(names: list[str] | tuple[str, ...], last: str = "or") -> str:
    """Return names as an enumeration: "a, b or c"."""
    *first, final = names
    return f"{', '.join(first)} {last} {final}" if first else final


#: Names of the readable formats, for help texts.
NAMES = in_words([each.name for each in FORMATS])
#: All readable suffixes.
READABLE = tuple(dict.fromkeys(suffix for each in FORMATS for suffix in each.suffixes))
#: All writable suffixes.
WRITABLE = tuple(suffix for each in FORMATS for suffix in each.written)
#: The usual suffix of every writable format, for choices.
RESULT_SUFFIXES = tuple(each.written[0] for each in FORMATS if each.written)


def find_format(path: str | Path) -> Format | None:
    """Return the format of a file by its name, or None."""
    name = Path(path).name.lower()
    fits = [(len(s), each) for each in FORMATS for s in each.suffixes if name.endswith(s)]
    return max(fits, key=lambda fit: fit[0])[1] if fits else None


def is_readable(path: str | Path) -> bool:
    """Return whether `read_images` can read a file of this name."""
    return find_format(path) is not None


def output_format(path: str | Path) -> Format:
    """Return the format of a file to write.

    Raises
    ------
    WriteError
        If no writable format has this suffix, or a package is missing.
    """
    found = find_format(path)
    if found is None or not str(path).lower().endswith(found.written or "/"):
        raise WriteError(f"{str(path)!r} needs a name ending in {', '.join(WRITABLE)}.")
    found.require_package(f"Writing {str(path)!r}", WriteError)
    return found
