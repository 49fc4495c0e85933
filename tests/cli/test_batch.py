"""``gifnet batch`` and what it stands on."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

import gifnet
from gifnet.errors import Cancelled, InvalidInputError
from gifnet.io import read_images
from gifnet.options import FuseOptions
from gifnet.workflows.batch import match_pairs, run_batch
from tests.helpers.cli_tools import SIDE, Run, files, scene


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pairs, the second of which is damaged, and a file without a partner."""
    for seed, kind in enumerate(("pet", "mri")):
        (tmp_path / kind).mkdir()
        for name in "abc":
            imsave(tmp_path / kind / f"{name}.png", scene("uint8", seed=seed), check_contrast=False)
    (tmp_path / "pet" / "b.png").write_bytes(b"no picture")
    imsave(tmp_path / "mri" / "d.png", scene("uint8"), check_contrast=False)
    return tmp_path


def test_a_batch_goes_on_after_a_failure_and_where_it_was(
    run: Run, folder: Path, options: list[str], random_weights: Path
) -> None:
    out = folder / "out"
    arguments = ["batch", folder, "--first", "pet", "--second", "mri", "-o", out, *options]
    outcome = run(*arguments)
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [
        ["a", "done"],
        ["b", "failed"],
        ["c", "done"],
    ]
    assert "Cannot read" in lines[1]
    assert lines[3] == "2 done, 0 skipped, 1 failed"
    assert files(out) == ["a.tif", "c.tif"]
    expected = gifnet.fuse(
        *(read_images(folder / kind / "a.png")[0].data for kind in ("pet", "mri")),
        weights=random_weights,
        device="cpu",
        precision="float32",
    )
    (image,) = read_images(out / "a.tif")
    np.testing.assert_array_equal(image.data, expected)
    assert image.metadata["gifnet"]["sources"] == ["a", "a"]
    imsave(folder / "pet" / "b.png", scene("uint8"), check_contrast=False)
    outcome = run(*arguments)
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "1 done, 2 skipped, 0 failed"


def test_a_batch_into_ome_zarr(run: Run, folder: Path, options: list[str]) -> None:
    pytest.importorskip("zarr")
    arguments = ["batch", folder, "--first", "pet", "--second", "mri", "-o", folder, *options]
    run(*arguments, "--suffix", ".zarr")
    (image,) = read_images(folder / "a.zarr")
    assert image.data.shape == (SIDE, SIDE + 8)
    assert image.metadata["gifnet"]["operation"] == "fuse"
    assert run(*arguments, "--suffix", ".webp").code == 2


def test_names_are_what_stands_for_the_star(tmp_path: Path) -> None:
    for name in ("x_pet.tif", "x_mri.png", "y_pet.tif", "notes_pet.txt", ".z_pet.tif"):
        (tmp_path / name).touch()
    (item,) = match_pairs(tmp_path / "*_pet.tif", tmp_path / "*_mri.png", tmp_path, ".png")
    assert (item.name, item.first.name, item.second.name) == ("x", "x_pet.tif", "x_mri.png")
    assert item.output == tmp_path / "x.png"


@pytest.mark.parametrize(
    ("first", "words"),
    [("none", "neither a folder"), ("*_*.tif", r"one \*"), ("q*.tif", "No name is common")],
)
def test_patterns_that_do_not_match(tmp_path: Path, first: str, words: str) -> None:
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "a.tif").touch()
    with pytest.raises(InvalidInputError, match=words):
        match_pairs(tmp_path / first, tmp_path / "second", tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.tif", "a.png"):
        (tmp_path / name).touch()
    with pytest.raises(InvalidInputError, match="both match 'a'"):
        match_pairs(tmp_path, tmp_path, tmp_path)


def test_a_batch_can_be_stopped(folder: Path, random_weights: Path) -> None:
    (folder / "out").mkdir()
    items = match_pairs(folder / "pet", folder / "mri", folder / "out")
    options = FuseOptions(weights=str(random_weights), device="cpu")
    running = run_batch(items, options, on_item=lambda *_: lambda done, total: False)
    with pytest.raises(Cancelled):
        list(running)
    assert files(folder / "out") == []


def test_distributed(folder: Path, random_weights: Path) -> None:
    pytest.importorskip("distributed")
    from dask.distributed import Client

    (folder / "out").mkdir()
    items = match_pairs(folder / "pet", folder / "mri", folder / "out")
    options = FuseOptions(weights=str(random_weights), device="cpu")
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as own:
        address = own.scheduler.address
        results = list(run_batch(items, options, scheduler=address))
    assert sorted((r.item.name, r.status) for r in results) == [
        ("a", "done"),
        ("b", "failed"),
        ("c", "done"),
    ]


def test_distributed_names_its_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    items = match_pairs(folder / "pet", folder / "mri", folder / "out")
    with pytest.raises(InvalidInputError, match=r"napari-gifnet\[distributed\]"):
        list(run_batch(items, scheduler="local"))
