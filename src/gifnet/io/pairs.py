"""Pairs of image files in folders, by equal names, by patterns, or by words for their roles."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidInputError, ReadError
from ..tasks import TASKS, words_of
from .formats import find_format, is_readable


def images_in(folder: Path) -> list[Path]:
    """Return a folder's own image files, except hidden ones, in natural order.

    An OME-Zarr folder is an image too.
    """
    try:
        files = [file for file in folder.iterdir() if is_readable(file) and _is_image(file)]
    except OSError:
        return []
    return natural_order(file for file in files if not file.name.startswith("."))


def _is_image(path: Path) -> bool:
    form = find_format(path)
    return path.is_dir() if form is not None and form.folder else path.is_file()


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder that are no images themselves, in natural order."""
    children = (child for child in folder.iterdir() if child.is_dir())
    return natural_order(
        child for child in children if not child.name.startswith(".") and not is_readable(child)
    )


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Return paths sorted by name in any case, numbers by value: z2 comes before Z10."""
    return sorted(paths, key=natural_key)


def natural_key(path: Path) -> tuple[object, ...]:
    """Return the key by which `natural_order` sorts."""
    parts = re.split(r"(\d+)", unicodedata.normalize("NFC", path.name).lower())
    # Texts and numbers alternate, so equal places are of equal types.
    numbers = [int(part) if index % 2 else part for index, part in enumerate(parts)]
    return str(path.parent), tuple(numbers), path.name


def differs_in_a_number(paths: Sequence[Path]) -> bool:
    """Return whether the names of files in one folder differ in a single number only."""
    split = [re.split(r"(\d+)", path.name) for path in paths]
    if len({path.parent for path in paths}) != 1 or len({len(parts) for parts in split}) != 1:
        return False
    return sum(len(set(column)) > 1 for column in zip(*split, strict=True)) == 1


def stem_of(name: str) -> str:
    """Return a file's name without the suffix of its format, such as .ome.tif or .nii.gz."""
    form = find_format(name)
    suffixes = sorted(form.suffixes if form else (), key=len, reverse=True)
    for suffix in suffixes:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return Path(name).stem


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
    found = [{_key(path): path for path in images_in(folder / role)} for role in roles]
    names = sorted(set[str]().union(*found))
    for role, files in zip(roles, found, strict=True):
        if missing := [name for name in names if name not in files]:
            raise ReadError(
                f"{str(folder / role)!r} has no image for {len(missing)} {noun} of its set "
                f"(first: {missing[0]!r}); add it, or remove their other files."
            )
    first = found[0]
    return {
        stem_of(unicodedata.normalize("NFC", first[name].name)): tuple(f[name] for f in found)
        for name in names
    }


def _key(path: Path) -> str:
    return plain_name(stem_of(path.name))


@dataclass(frozen=True)
class Matches:
    """The files of patterns that belong together.

    Attributes
    ----------
    groups : dict
        The files of each item by its name, one per pattern, in the order of the patterns.
    alone : tuple of Path
        The files without a partner in every other pattern.
    """

    groups: dict[str, tuple[Path, ...]]
    alone: tuple[Path, ...] = ()


def match_patterns(*patterns: Path, folders: bool = False) -> Matches:
    """Return the files with the same name in every pattern, by name, sorted.

    A pattern is a folder or a path with one ``*``. The name of an image is its stem, or the text
    in place of the star. Names are equal if they differ only in case or in Unicode composition.

    Parameters
    ----------
    *patterns : Path
        One per source.
    folders : bool
        Whether sub-folders that hold images match too, as stacks.

    Raises
    ------
    InvalidInputError
        If a pattern cannot be used, one name has several files, or nothing matches.
    """
    found = [_matches(pattern, folders) for pattern in patterns]
    common = set(found[0]).intersection(*found[1:])
    alone = tuple(files[name][1] for files in found for name in sorted(files) if name not in common)
    if not common:
        counts = " and ".join(
            f"{str(pattern)!r} ({len(files)} images)"
            for pattern, files in zip(patterns, found, strict=True)
        )
        raise InvalidInputError(
            f"No name is common to {counts}. Put a * where the names of a pair agree."
        )
    groups = {name: tuple(files[name][1] for files in found) for name in sorted(common)}
    return Matches({found[0][name][0]: files for name, files in groups.items()}, alone)


def plain_name(name: str) -> str:
    """Return a name for comparisons: composed Unicode, without case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _matches(pattern: Path, folders: bool) -> dict[str, tuple[str, Path]]:
    """Return the text in place of the star, and the file, by the text for comparisons."""
    if pattern.is_dir():
        pattern = pattern / "*"
    if pattern.name.count("*") != 1 or not pattern.parent.is_dir():
        raise InvalidInputError(
            f"{str(pattern)!r} is neither a folder nor a path in a folder with one * in its file "
            "name, such as scans/*_pet.tif."
        )
    # Every other character stands for itself: names may contain brackets.
    head, tail = (unicodedata.normalize("NFC", part) for part in pattern.name.split("*"))
    found: dict[str, tuple[str, Path]] = {}
    candidates = images_in(pattern.parent)
    if folders:
        candidates += [child for child in subfolders(pattern.parent) if images_in(child)]
    for path in candidates:
        whole = unicodedata.normalize("NFC", path.name)
        lower = whole.casefold()
        if not (lower.startswith(head.casefold()) and lower.endswith(tail.casefold())):
            continue
        if len(whole) < len(head) + len(tail):
            continue
        if tail:
            name = whole[len(head) : len(whole) - len(tail)]
        else:
            name = (whole if path.is_dir() else stem_of(whole))[len(head) :]
        if (plain := plain_name(name)) in found:
            raise InvalidInputError(
                f"{found[plain][1].name!r} and {path.name!r} both match {name!r}; add the suffix "
                "to the pattern, or rename one."
            )
        found[plain] = name, path
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
