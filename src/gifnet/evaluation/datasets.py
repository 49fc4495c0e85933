"""Data sets of pairs in folders.

A data set is a folder with one sub-folder per source and, optionally, one for the ground truth.
The files of a pair have the same name. The sub-folders' names identify the task (`gifnet.tasks`),
unless the caller gives the roles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from ..errors import InvalidInputError, ReadError
from ..io.pairs import images_in, match_folders, plain_name, stem_of
from ..tasks import REFERENCE_WORDS, TASKS, words_of
from ..training.data.scenes import MULTI_FOCUS, find_scenes, split_triplets
from .pair import ImagePair, fingerprint, read_pair

T = TypeVar("T")

#: Depth of the search for data sets below a folder.
_DEPTH = 3


@dataclass(frozen=True)
class Dataset:
    """A set of pairs.

    Attributes
    ----------
    name : str
        The folder's name, with those of parent folders if several data sets have the same name.
    folder : Path
        The folder of the sub-folders.
    task : str
        A preset of `gifnet.tasks.TASKS`, or "" if the names do not identify one.
    roles : tuple of str
        The sub-folders of the first source, the second source and, if any, the reference.
    files : mapping
        The files of every pair by its name, in the order of the roles.
    """

    name: str
    folder: Path
    task: str
    roles: tuple[str, ...]
    files: Mapping[str, tuple[Path, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the pairs."""
        return tuple(self.files)

    @property
    def title(self) -> str:
        """The name and the roles of the sources."""
        return f"{self.name} ({self.roles[0]} and {self.roles[1]})"

    @property
    def task_title(self) -> str:
        """The title of the task."""
        return TASKS[self.task].title if self.task else "Other pairs"

    def fingerprint(self, name: str, crop: int) -> str:
        """Return the `ImagePair.fingerprint` of a pair without decoding the images."""
        return fingerprint(self.files[name], crop)

    def read(self, name: str, crop: int = 0) -> ImagePair:
        """Read a pair; see `gifnet.evaluation.pair.read_pair`."""
        return replace(read_pair(self.name, name, self.files[name], crop), task=self.task)


def image_named(folder: Path, name: str) -> Path:
    """Return the image with a name in a folder, with any suffix.

    Raises
    ------
    ReadError
        If there is none.
    """
    wanted = plain_name(name)
    found = [path for path in images_in(folder) if plain_name(stem_of(path.name)) == wanted]
    if not found:
        raise ReadError(f"There is no image {name!r} in {str(folder)!r}.")
    return found[0]


def find_datasets(
    folders: Iterable[str | Path], roles: Sequence[str] | None = None, task: str | None = None
) -> list[Dataset]:
    """Return the data sets in folders and their sub-folders.

    Parameters
    ----------
    folders : iterable of path
        Data sets, or folders of data sets.
    roles : sequence of str, optional
        The sub-folders' names: first source, second source and, optionally, reference. By default
        they are recognised by the words of `gifnet.tasks`.
    task : str, optional
        A preset of `gifnet.tasks.TASKS`; by default the roles identify it.

    Returns
    -------
    list of Dataset
        Sorted by folder, then by name.

    Raises
    ------
    ReadError
        If a folder has no data set, or files of a pair are missing.
    InvalidInputError
        If the roles do not identify both sources, or the task is unknown.
    """
    if task and task not in TASKS:
        raise InvalidInputError(f"task is {task!r}; choose one of {', '.join(TASKS)}.")
    if roles is not None and len(roles) not in (2, 3):
        raise InvalidInputError(
            f"roles are {list(roles)}; give the sub-folders of the first source, the second "
            "source and, optionally, the reference."
        )
    found: list[Dataset] = []
    for root in map(Path, folders):
        if not root.is_dir():
            raise ReadError(f"There is no folder {str(root)!r}.")
        here = _below(root, roles, task)
        if not here:
            wanted = " and ".join(roles) if roles else _known_roles()
            raise ReadError(
                f"{str(root)!r} has no data set: a folder with a sub-folder per source, such as "
                f"{wanted}, in which the files of a pair share a name. Name other sub-folders with "
                "roles (--roles)."
            )
        found += [dataset for dataset in here if dataset not in found]
    return _named_apart(found)


def _known_roles() -> str:
    return "infrared and visible, near and far, over and under, pet and mri, or ms and pan"


def _below(
    root: Path, roles: Sequence[str] | None, task: str | None, depth: int = _DEPTH
) -> list[Dataset]:
    children = sorted(
        child for child in root.iterdir() if child.is_dir() and not child.name.startswith(".")
    )
    found = _given(children, roles, task) if roles else _recognised(children, task)
    if found:
        return [_dataset(root, *found)]
    if not depth:
        return []
    return [dataset for child in children for dataset in _below(child, roles, task, depth - 1)]


def _given(
    children: Sequence[Path], roles: Sequence[str], task: str | None
) -> tuple[str, tuple[str, ...]] | None:
    names = {child.name for child in children}
    if not set(roles[:2]) <= names:
        return None
    return task or "", tuple(role for role in roles if role in names)


def _recognised(children: Sequence[Path], task: str | None) -> tuple[str, tuple[str, ...]] | None:
    """Return the task and the roles from the sub-folders' names, exact names first."""
    names = [child.name for child in children if images_in(child)]
    matches: dict[str, tuple[str, str]] = {}
    asked = [known for known in TASKS.values() if task in (None, known.name)]
    for known in asked:
        pair = [_one_of(names, wanted) for wanted in known.words]
        if pair[0] and pair[1] and pair[0] != pair[1]:
            matches[known.name] = (pair[0], pair[1])
    if not matches:
        return None
    name, roles = next(iter(matches.items()))
    known_words = frozenset[str]().union(*(words for known in asked for words in known.words))
    alike = [other for other in names if other.lower() in known_words and other not in roles]
    if len(matches) > 1 or alike:
        raise InvalidInputError(
            f"{str(children[0].parent)!r} may be several data sets by its sub-folders {names}; "
            "give the roles of the sources, or the task (--roles, --task)."
        )
    reference = _one_of([other for other in names if other not in roles], REFERENCE_WORDS)
    return name, (*roles, reference) if reference else roles


def _one_of(names: Sequence[str], words: frozenset[str]) -> str | None:
    plain = [name for name in names if name.lower() in words]
    if plain:
        return plain[0]
    loose = [name for name in names if words_of(name) & words]
    return loose[0] if len(loose) == 1 else None


def _dataset(folder: Path, task: str, roles: tuple[str, ...]) -> Dataset:
    pairs = match_folders(folder, roles)
    if not pairs:
        raise ReadError(f"The data set {str(folder)!r} has no images in {list(roles)}.")
    return Dataset(folder.name, folder, task, roles, pairs)


def _named_apart(datasets: list[Dataset]) -> list[Dataset]:
    """Add the names of parent folders to data sets with the same name."""
    result = []
    for dataset in datasets:
        depth = 1
        while sum(_tail(other, depth) == _tail(dataset, depth) for other in datasets) > 1:
            depth += 1
        result.append(replace(dataset, name=_tail(dataset, depth)))
    return result


def _tail(dataset: Dataset, depth: int) -> str:
    return "-".join(dataset.folder.resolve().parts[-depth:])


def spread(items: Sequence[T], limit: int | None) -> list[T]:
    """Return at most `limit` of the items, evenly spaced, including the first."""
    if not limit or limit >= len(items):
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]


def held_back(dataset: Dataset, count: int) -> Dataset:
    """Return a multi-focus set with only the triplets that ``gifnet train`` holds back.

    Raises
    ------
    InvalidInputError
        If the set has no ground truth.
    """
    scenes = split_triplets(find_scenes(dataset.folder, MULTI_FOCUS), count)[1]
    if not scenes:
        raise InvalidInputError(
            f"{str(dataset.folder)!r} has no triplets {', '.join(MULTI_FOCUS)} to hold back."
        )
    return replace(dataset, files={scene.name: dataset.files[scene.name] for scene in scenes})
