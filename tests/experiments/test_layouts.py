"""The paper's test sets, found in the layouts in which they are published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments.layouts import LAYOUTS, find_published_sets
from gifnet.errors import ReadError
from tests.helpers.training_samples import save, texture, to_bytes


def image(path: Path, level: int = 128) -> None:
    save(path, np.full((16, 16), level, np.uint8))


def test_lytro_has_both_sources_in_one_folder(tmp_path: Path) -> None:
    for name in ("lytro-01-A.jpg", "lytro-01-B.jpg", "lytro-02-A.jpg", "lytro-02-B.jpg"):
        image(tmp_path / "LytroDataset" / name)
    (found,) = find_published_sets(tmp_path, [])
    assert found.names == ("lytro-01", "lytro-02")
    assert [path.name for path in found.files["lytro-01"]] == ["lytro-01-A.jpg", "lytro-01-B.jpg"]
    assert (found.name, found.task) == ("Lytro", "mfif")


def test_mfi_whu_has_a_folder_a_source_and_a_truth(tmp_path: Path) -> None:
    for folder in ("source_1", "source_2", "full_clear"):
        image(tmp_path / "MFI-WHU" / folder / "1.jpg")
    (found,) = find_published_sets(tmp_path, ["mfi-whu"])
    assert [path.parent.name for path in found.files["1"]] == ["source_1", "source_2", "full_clear"]
    assert found.roles[-1] == "reference"


def test_llvip_is_tested_on_its_test_split(tmp_path: Path) -> None:
    for split, name in (("train", "010001"), ("test", "190001")):
        for modality in ("infrared", "visible"):
            image(tmp_path / "LLVIP" / modality / split / f"{name}.jpg")
    (found,) = find_published_sets(tmp_path, ["llvip"])
    assert found.names == ("190001",)
    assert found.files["190001"][0].parts[-3] == "infrared"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ir/1.png", "vi/1.png"),
        ("Athena_images/soldier/IR_soldier.bmp", "Athena_images/soldier/VIS_soldier.bmp"),
        ("FEL_images/Duine/7118a_ir.png", "FEL_images/Duine/7118a_vis.png"),
    ],
)
def test_tno_repackaged_and_original(tmp_path: Path, first: str, second: str) -> None:
    image(tmp_path / "TNO" / first)
    image(tmp_path / "TNO" / second)
    (found,) = find_published_sets(tmp_path, ["tno"])
    (pair,) = found.files.values()
    assert pair == (tmp_path / "TNO" / first, tmp_path / "TNO" / second)


def test_sice_gives_the_extremes_the_brighter_one_first(tmp_path: Path) -> None:
    for scene, levels in (("1", (30, 90, 200)), ("2", (220, 100, 20))):
        for index, level in enumerate(levels, start=1):
            image(tmp_path / "SICE" / "Dataset_Part1" / scene / f"{index}.JPG", level)
    image(tmp_path / "SICE" / "Dataset_Part1" / "Label" / "1.JPG")
    (found,) = find_published_sets(tmp_path, ["sice"])
    assert {name: [p.name for p in pair] for name, pair in found.files.items()} == {
        "Dataset_Part1_1": ["3.JPG", "1.JPG"], "Dataset_Part1_2": ["1.JPG", "3.JPG"],
    }  # fmt: skip


def test_vis_nir_scene_has_a_folder_a_category(tmp_path: Path) -> None:
    for category in ("country", "field"):
        for modality in ("nir", "rgb"):
            image(tmp_path / "nirscene1" / category / f"0000_{modality}.tiff")
    (found,) = find_published_sets(tmp_path, [])
    assert found.names == ("country_0000", "field_0000")
    assert found.files["field_0000"][0].name == "0000_nir.tiff"


def test_quickbird_and_harvard(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    import tifffile

    for role, shape in (("MS", (4, 4, 4)), ("PAN", (16, 16)), ("GT", (4, 16, 16))):
        (tmp_path / "QuickBird" / role).mkdir(parents=True)
        data = rng.integers(0, 2000, shape).astype(np.uint16)
        tifffile.imwrite(tmp_path / "QuickBird" / role / "1.tif", data, photometric="minisblack")
    for role in ("PET", "MRI"):
        image(tmp_path / "Harvard" / "PET-MRI" / role / "25015.png")
    quickbird, harvard = find_published_sets(tmp_path, [])
    assert quickbird.read("1").ms is not None
    assert quickbird.read("1").reference is not None
    assert harvard.names == ("PET-MRI_25015",)


def test_at_most_so_many_pairs(tmp_path: Path) -> None:
    for index in range(5):
        for source in "AB":
            save(tmp_path / "Lytro" / f"lytro-{index}-{source}.png", to_bytes(texture(index)))
    (found,) = find_published_sets(tmp_path, [], limit=2)
    assert len(found.names) == 2


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no folder"):
        find_published_sets(tmp_path / "nowhere", [])
    with pytest.raises(ReadError, match="none of the folders"):
        find_published_sets(tmp_path, [])
    with pytest.raises(ReadError, match="choose from lytro"):
        find_published_sets(tmp_path, ["imagenet"])
    with pytest.raises(ReadError, match=r"lytro-01-A\.jpg"):
        find_published_sets(tmp_path, ["lytro"])
    (tmp_path / "Lytro").mkdir()
    with pytest.raises(ReadError, match="has no pairs in the layout of Lytro"):
        find_published_sets(tmp_path, [])


def test_every_set_of_table_2_has_a_layout() -> None:
    from experiments.table2 import PUBLISHED

    assert {layout.title for layout in LAYOUTS.values()} == set(PUBLISHED)
