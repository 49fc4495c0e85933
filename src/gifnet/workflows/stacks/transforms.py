"""The transforms of a stack's slices: kept in files and records, and used again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import GifnetError, InvalidInputError, ReadError
from ...io.atomic import write_atomically
from ...io.files import read_image
from ...io.formats import find_format
from ...registration.transform import Transform

_SOURCES = "Pass the transforms of an earlier run, its record, or a file of them."


def as_transforms(value: Any) -> tuple[Transform, ...]:
    """Return transforms from an earlier run's result, its record, or a sequence of them.

    Raises
    ------
    InvalidInputError
        If it has no transforms.
    """
    if isinstance(value, Mapping):
        value = value.get("stack", value)
        value = value.get("transforms") if isinstance(value, Mapping) else None
    else:
        value = getattr(value, "transforms", value)
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise InvalidInputError(f"transforms holds no transforms. {_SOURCES}")
    try:
        return tuple(
            one if isinstance(one, Transform) else Transform.from_dict(one) for one in value
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(f"transforms cannot be read ({error}). {_SOURCES}") from None


def require_fit(transforms: Sequence[Transform], count: int, shape: tuple[int, int]) -> None:
    """Refuse transforms of another stack.

    Raises
    ------
    InvalidInputError
        If their number or their size does not fit.
    """
    if len(transforms) != count:
        raise InvalidInputError(
            f"There are {len(transforms)} transforms, but the stack has {count} slices. Use "
            "transforms of a stack with as many slices."
        )
    for number, one in enumerate(transforms):
        if one.shape != shape:
            raise InvalidInputError(
                f"Transform {number} is for slices of {one.shape[0]} x {one.shape[1]} pixels, but "
                f"these have {shape[0]} x {shape[1]}. Use transforms of slices of this size."
            )


def read_transforms(path: Path) -> tuple[Transform, ...]:
    """Return the transforms of a JSON file, or of the record in a fused image's file.

    Raises
    ------
    ReadError, InvalidInputError
        If the file cannot be read, or has no transforms.
    """
    try:
        if find_format(path) is not None:
            content = dict(read_image(path).record or {})
        else:
            content = json.loads(path.read_text(encoding="utf-8"))
    except GifnetError:
        raise
    except (OSError, ValueError) as error:
        raise ReadError(f"{str(path)!r} cannot be read as transforms: {error}.") from error
    try:
        return as_transforms(content)
    except InvalidInputError as error:
        raise InvalidInputError(f"{str(path)!r}: {error}") from None


def write_transforms(
    path: Path, transforms: Sequence[Transform], reference: int, sources: Sequence[str]
) -> None:
    """Write transforms to a JSON file.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    content = {
        "operation": "align_stack",
        "sources": list(sources),
        "reference": reference,
        "transforms": [one.to_dict() for one in transforms],
    }
    write_atomically(path, json.dumps(content, indent=1) + "\n")
