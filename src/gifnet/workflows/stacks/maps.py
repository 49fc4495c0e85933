"""Maps of slice numbers and shares: checked, applied, and stored in records."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from ...errors import InvalidInputError
from ...imaging.ranges import to_type
from .slices import Floats, Slices

Numbers = npt.NDArray[np.int32]
_TINY = 1e-6


def as_numbers(name: str, value: Any) -> Numbers:
    """Return an (H, W) map of slice numbers; -1 where it has none.

    Negative numbers, masked pixels and the greatest number of an unsigned type are no number.

    Raises
    ------
    InvalidInputError
        If it is no map of integers.
    """
    value = decode_map(value) if isinstance(value, Mapping) else value
    array = np.ma.asanyarray(getattr(value, "sharpest", value))
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise InvalidInputError(
            f"{name} has shape {array.shape} and type {array.dtype}; give a map of slice numbers: "
            "integers of shape (H, W), from 0."
        )
    none = np.ma.getmaskarray(array) | (np.ma.getdata(array) < 0)
    if array.dtype.kind == "u":
        none = none | (np.ma.getdata(array) == np.iinfo(array.dtype).max)
    return np.where(none, np.int32(-1), np.ma.getdata(array).astype(np.int32))


def as_decision(value: Any) -> Numbers | Floats:
    """Return a map of slice numbers, or the shares of all slices, (N, H, W).

    Raises
    ------
    InvalidInputError
        If it is neither.
    """
    value = decode_map(value) if isinstance(value, Mapping) else value
    array = np.asanyarray(getattr(value, "sharpest", value))
    if array.ndim == 3 and array.dtype.kind == "f":
        if not np.isfinite(array).all() or (array < 0).any():
            raise InvalidInputError("shares has values that are negative or not finite.")
        return np.asarray(array, np.float32)
    if array.dtype.kind == "f":
        raise InvalidInputError(
            f"shares has shape {array.shape} and type {array.dtype}; give integers of shape "
            "(H, W), the slice of every pixel, or floats of shape (slices, H, W)."
        )
    return as_numbers("shares", array)


def require_map(
    name: str, given: npt.NDArray[Any], count: int, shape: tuple[int, int], whole: bool
) -> None:
    """Refuse a map of another stack.

    Parameters
    ----------
    whole : bool
        Whether every pixel needs a number.

    Raises
    ------
    InvalidInputError
        If its size, number of slices or slice numbers do not fit.
    """
    if given.shape[-2:] != shape:
        raise InvalidInputError(
            f"{name} has {given.shape[-2]} x {given.shape[-1]} pixels, but the result has "
            f"{shape[0]} x {shape[1]}. Give a map of its size."
        )
    if given.ndim == 3:
        if len(given) != count:
            raise InvalidInputError(
                f"{name} has {len(given)} slices, but the stack has {count}. Give one map per "
                "slice."
            )
        return
    if given.max(initial=-1) >= count:
        raise InvalidInputError(
            f"{name} has the slice number {given.max()}, but the stack has {count} slices, from 0 "
            f"to {count - 1}."
        )
    if whole and (given < 0).any():
        raise InvalidInputError(f"{name} has pixels without a slice number; give every pixel one.")


def apply_decision(
    slices: Slices, decision: Numbers | Floats, feather: float
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.uint16]]:
    """Return the slices by their shares, as (C, H, W), and the main slice per pixel.

    Slice numbers become shares by a Gaussian of `feather` pixels. Missing pixels have no share.
    """
    shares = decision
    if decision.ndim == 2:
        shares = np.stack([_feathered(decision == index, feather) for index in range(slices.count)])
    shares = np.where(slices.valid, shares, np.float32(0))
    weights = shares.sum(axis=0)
    # Where the decided slices are all missing, the others count the same.
    lost = weights <= _TINY
    shares = np.where(lost, slices.valid, shares)
    weights = np.maximum(np.where(lost, slices.valid.sum(axis=0), weights), _TINY)
    total, channels = 0.0, slices.channels()
    for share, values in zip(shares, channels, strict=True):
        total = total + share * values.astype(np.float64)
    return np.asarray(total / weights), shares.argmax(axis=0).astype(np.uint16)


def retouched(
    image: npt.NDArray[np.generic], slices: Slices, numbers: Numbers, feather: float
) -> npt.NDArray[np.generic]:
    """Return a fused image with the slices of a painted map blended in.

    Parameters
    ----------
    image : array
        The fused image, like a slice.
    numbers : (H, W) int32 array
        The slice of every painted pixel; the image stays where it is negative.
    feather : float
        Sigma of the borders in pixels.
    """
    plain = np.ma.getdata(image)
    values = slices.as_channels(plain).astype(np.float64)
    kept = np.asarray(slices.as_channels(~np.ma.getmaskarray(image)).all(axis=0))
    if plain.dtype.kind == "f":
        kept &= np.isfinite(values).all(axis=0)
    weights = _feathered(numbers < 0, feather) * kept
    total = weights * np.where(kept, values, 0)
    channels = slices.channels()
    for index in np.unique(numbers[numbers >= 0]):
        share = _feathered(numbers == index, feather) * slices.valid[index]
        weights = weights + share
        total = total + share * channels[index]
    touched = (_feathered(numbers >= 0, feather) > 0) & (weights > 0)
    blended = to_type(total / np.maximum(weights, 1e-12), plain.dtype)
    # Untouched pixels keep their exact values.
    found = np.where(touched, blended, slices.as_channels(plain))
    return slices.as_image(found, np.asarray(kept | (weights > 0)))


def _feathered(mask: npt.NDArray[np.bool_], feather: float) -> Floats:
    values = mask.astype(np.float32)
    return values if feather == 0 else np.asarray(gaussian_filter(values, feather, truncate=3))


def encode_map(numbers: Numbers | Floats) -> dict[str, object]:
    """Return a map as JSON values. Shares are too large for a record: it has their sha256."""
    if numbers.ndim == 3:
        digest = hashlib.sha256(np.ascontiguousarray(numbers).tobytes()).hexdigest()
        return {"shape": list(numbers.shape), "sha256": digest}
    small = numbers.astype("<i2" if numbers.max(initial=0) < 2**15 else "<i4")
    packed = base64.b64encode(zlib.compress(small.tobytes(), 9)).decode("ascii")
    return {"shape": list(numbers.shape), "type": small.dtype.str, "zlib": packed}


def decode_map(values: Mapping[str, Any]) -> Numbers:
    """Return the map of a record.

    Raises
    ------
    InvalidInputError
        If the record has none.
    """
    if "sha256" in values:
        raise InvalidInputError(
            f"The record has only the sha256 of the shares ({values['sha256']}). Pass the shares "
            "themselves."
        )
    try:
        data = zlib.decompress(base64.b64decode(values["zlib"]))
        return np.frombuffer(data, values["type"]).reshape(values["shape"]).astype(np.int32)
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise InvalidInputError(f"The map cannot be read ({error}).") from None
