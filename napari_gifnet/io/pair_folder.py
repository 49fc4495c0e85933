"""Which two files of a folder are a pair, and which of them comes first."""

from __future__ import annotations

from pathlib import Path

from gifnet.errors import ReadError
from gifnet.io import is_readable
from gifnet.tasks import TASKS, words_of


def images_in(folder: Path) -> list[Path]:
    """Return a folder's own image files, hidden ones left out, sorted by name."""
    try:
        files = [file for file in folder.iterdir() if is_readable(file) and file.is_file()]
    except OSError:
        return []
    return sorted(file for file in files if not file.name.startswith("."))


def find_pair(folder: str | Path) -> tuple[Path, Path]:
    """Return the first and the second source's file of a folder.

    They are the only two images in it, or the only one named after each role of a task, or
    the only image of each of two sub-folders named after them. Where names tell roles, the
    first source comes first; else the files are in the order of their names.

    Raises
    ------
    ReadError
        If no pair, or more than one, can be made out.
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
        f"{folder} holds {len(files)} images and {len(children)} folders, in which no pair can "
        "be made out. Keep two images in it, or name one after each role, such as infrared and "
        "visible, pet and mri, near and far, over and under, ms and pan; or open the two files."
    )


def _by_role(names: dict[Path, str]) -> tuple[Path, Path] | None:
    pairs = set()
    for task in TASKS.values():
        first = [file for file, name in names.items() if words_of(name) & task.first_words]
        second = [file for file, name in names.items() if words_of(name) & task.second_words]
        if len(first) == len(second) == 1 and first != second:
            pairs.add((first[0], second[0]))
    return pairs.pop() if len(pairs) == 1 else None
