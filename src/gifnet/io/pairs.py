"""Pairs of image files in folders, by equal names, by patterns, or by words for their roles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import InvalidInputError, ReadError
from ..tasks import TASKS, words_of
from .formats import is_readable


def images_in(folder: Path) -> list[Path]:
    """Return a folder's own image files, except hidden ones, sorted by name."""
    try:
        files = [file for file in folder.iterdir() if is_readable(file) and file.is_file()]
    except OSError:
        return []
    return sorted(file for file in files if not file.name.startswith("."))


def folders_below(root: Path) -> list[Path]:
    """Return a folder and all below it, sorted."""
    return [root, *sorted(path for path in root.rglob("*") if path.is_dir())]


def match_folders(
    folder: Path, roles: Sequence[str], noun: str = "pairs"
) -> dict[str, tuple[Path, ...]]:
    """Return the images with equal stems in sub-folders, by stem, in the order of sub-folders.

    Error messages use the noun for such a group.

    Raises
    ------
    ReadError
        If an image of one sub-folder is missing in another.
    """
    found = [{path.stem: path for path in images_in(folder / role)} for role in roles]
    names = sorted(set[str]().union(*found))
    for role, files in zip(roles, found, strict=True):
        if missing := [name for name in names if name not in files]:
            raise ReadError(
                f"{str(folder / role)!r} has no image for {len(missing)} {noun} of its set "
                f"(first: {missing[0]!r}); add it, or remove their other files."
            )
    return {name: tuple(files[name] for files in found) for name in names}


def match_patterns(first: Path, second: Path) -> dict[str, tuple[Path, Path]]:
    """Return the images with the same name in two patterns, by name, sorted.

    A pattern is a folder or a path with one ``*``. The name of an image is its stem, or the text
    in place of the star.

    Raises
    ------
    InvalidInputError
        If a pattern cannot be used, one name has several files, or nothing matches.
    """
    files = _matches(first), _matches(second)
    common = sorted(set(files[0]) & set(files[1]))
    if not common:
        raise InvalidInputError(
            f"No name is common to {str(first)!r} ({len(files[0])} images) and {str(second)!r} "
            f"({len(files[1])} images). Put a * where the names of a pair agree."
        )
    return {name: (files[0][name], files[1][name]) for name in common}


def _matches(pattern: Path) -> dict[str, Path]:
    """Return files by the text in their names in place of the star."""
    if pattern.is_dir():
        pattern = pattern / "*"
    if pattern.name.count("*") != 1 or not pattern.parent.is_dir():
        raise InvalidInputError(
            f"{str(pattern)!r} is neither a folder nor a path in a folder with one * in its file "
            "name, such as scans/*_pet.tif."
        )
    head, tail = pattern.name.split("*")
    found: dict[str, Path] = {}
    for path in images_in(pattern.parent):
        if not path.match(pattern.name):
            continue
        name = path.name[len(head) : len(path.name) - len(tail)] if tail else path.stem[len(head) :]
        if name in found:
            raise InvalidInputError(
                f"{found[name].name!r} and {path.name!r} both match {name!r}; add the suffix to "
                "the pattern."
            )
        found[name] = path
    return found


def find_pair(folder: str | Path) -> tuple[Path, Path]:
    """Return the files of the first and the second source in a folder.

    They are the only two images in it, or the only one named after each role of a task, or the
    only image in each of two sub-folders named after the roles. The roles give the order.
    Without roles the files are in the order of their names.

    Raises
    ------
    ReadError
        If there is no pair, or more than one.
    """
    folder = Path(folder)
    files = images_in(folder)
    if pair := _by_role({file: file.stem for file in files}):
        return pair
    if len(files) == 2:
        return files[0], files[1]
    children = sorted(child for child in folder.iterdir() if child.is_dir())
    single = {images[0]: child.name for child in children if len(images := images_in(child)) == 1}
    if not files and (pair := _by_role(single)):
        return pair
    if not files and len(single) == 2:
        first, second = single
        return first, second
    raise ReadError(
        f"{folder} contains {len(files)} images and {len(children)} folders, but no clear pair. "
        "Keep two images in it, or name one after each role, such as infrared and visible, pet "
        "and mri, near and far, over and under, ms and pan; or open the two files."
    )


def _by_role(names: dict[Path, str]) -> tuple[Path, Path] | None:
    pairs = set()
    for task in TASKS.values():
        first, second = (
            [file for file, name in names.items() if words_of(name) & words] for words in task.words
        )
        if len(first) == len(second) == 1 and first != second:
            pairs.add((first[0], second[0]))
    return pairs.pop() if len(pairs) == 1 else None
