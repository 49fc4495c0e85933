"""What a photograph carries besides its pixels: the colour profile and EXIF."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .orientation import TAG, known

_EXIF_IFD = 0x8769
_GPS_IFD = 0x8825
#: tifffile writes no tag of a directory, so it writes the number before, which is put right later.
_KEPT_PLACE = 1
#: Maker, model, software, time, artist and copyright, as TIFF tags.
_TEXT_TAGS = (270, 271, 272, 305, 306, 315, 33432)


@dataclass(frozen=True)
class Photo:
    """The colour profile and EXIF of an image.

    Attributes
    ----------
    profile : bytes
        ICC, empty if there is none.
    exif : bytes
        As in JPEG, without orientation, because the pixels are turned; empty if there is none.
    """

    profile: bytes = b""
    exif: bytes = b""

    @property
    def colours(self) -> str:
        """The colour space of the profile, such as "RGB" or "GRAY"."""
        return self.profile[16:20].decode("ascii", "replace").strip()

    def fits(self, coloured: bool) -> bool:
        """Return whether the profile describes RGB or grey pixels."""
        return self.colours == ("RGB" if coloured else "GRAY")


NO_PHOTO = Photo()


def photo_of(picture: Any) -> tuple[Photo, int]:
    """Return what a Pillow image carries, and its orientation."""
    found = picture.info.get("icc_profile")
    profile = found if isinstance(found, bytes) else b""
    orientation, exif = 1, b""
    # Cameras write damaged EXIF, on which Pillow raises errors of many types.
    with contextlib.suppress(Exception):
        tags = picture.getexif()
        orientation = known(tags.get(TAG))
        # In TIFF the tags of the image itself are among them.
        if picture.format == "TIFF":
            tags = _own_tags(tags)
        else:
            tags.pop(TAG, None)
        exif = tags.tobytes() if len(tags) else b""
    return Photo(profile, exif), orientation


def _own_tags(tags: Any) -> Any:
    import PIL.Image

    kept = PIL.Image.Exif()
    for code in _TEXT_TAGS[1:]:
        if code in tags:
            kept[code] = tags[code]
    for code in (_EXIF_IFD, _GPS_IFD):
        if found := tags.get_ifd(code):
            kept.get_ifd(code).update(found)
            kept[code] = found
    return kept


def tiff_tags(photo: Photo) -> list[tuple[Any, ...]]:
    """Return the tags of a photograph, for `tifffile`; `append_exif` completes them."""
    tags: list[tuple[Any, ...]] = []
    if photo.profile:
        tags.append((34675, 7, len(photo.profile), photo.profile, True))
    exif = _parsed(photo.exif)
    for code in _TEXT_TAGS[1:]:
        if exif is not None and isinstance(value := exif.get(code), str):
            if code == 305:  # tifffile writes its own name there
                continue
            tags.append((code, 2, 0, value.encode("ascii", "replace").decode(), True))
    for code in (_EXIF_IFD, _GPS_IFD):
        if exif is not None and exif.get_ifd(code):
            tags.append((code - _KEPT_PLACE, 4, 1, 0, True))
    return tags


def append_exif(path: Path, photo: Photo) -> None:
    """Write the EXIF directories of a photograph to the end of a TIFF file."""
    import tifffile
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    exif = _parsed(photo.exif)
    if exif is None:
        return
    with tifffile.TiffFile(path, mode="r+") as tif:
        if tif.is_bigtiff:
            return
        page: Any = tif.pages.first
        for code in (_EXIF_IFD, _GPS_IFD):
            found, entry = exif.get_ifd(code), page.tags.get(code - _KEPT_PLACE)
            if not found or entry is None:
                continue
            directory = ImageFileDirectory_v2(prefix=b"MM" if tif.byteorder == ">" else b"II")
            for tag, value in found.items():
                if isinstance(value, dict):
                    continue
                directory[tag] = value
            handle = tif.filehandle
            handle.seek(0, 2)
            start = handle.tell() + handle.tell() % 2
            handle.seek(start)
            handle.write(directory.tobytes(start))
            handle.seek(entry.offset)
            handle.write(struct.pack(f"{tif.byteorder}H", code))
            handle.seek(entry.valueoffset)
            handle.write(struct.pack(f"{tif.byteorder}I", start))


def _parsed(content: bytes) -> Any:
    if not content:
        return None
    import PIL.Image

    exif = PIL.Image.Exif()
    try:
        exif.load(content)
    except Exception:  # damaged
        return None
    return exif
