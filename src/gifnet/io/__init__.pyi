from .files import (
    read_image,
    read_images,
    read_ngff,
    write_geotiff,
    write_image,
    write_ngff,
)
from .formats import FORMATS, Format, find_format, is_readable
from .geotiff import Georeference, read_georeference
from .image import Image
from .ome_zarr import is_ngff
from .pairs import find_pair

__all__ = [
    "FORMATS",
    "Format",
    "Georeference",
    "Image",
    "find_format",
    "find_pair",
    "is_ngff",
    "is_readable",
    "read_georeference",
    "read_image",
    "read_images",
    "read_ngff",
    "write_geotiff",
    "write_image",
    "write_ngff",
]
