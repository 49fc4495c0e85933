"""Finding data sets in folders, and reading their pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gifnet import GifnetError
from gifnet.evaluation.datasets import find_datasets, held_back, spread
from gifnet.evaluation.pair import grey
from gifnet.training.data.scenes import MULTI_FOCUS, find_scenes, split_triplets
from tests.helpers.evaluation_samples import save, write_focus, write_medical, write_pansharpening
from tests.helpers.metrics_samples import plane


def test_data_sets_are_found_below_a_folder(tmp_path: Path) -> None:
    write_focus(tmp_path / "all" / "focus")
    write_medical(tmp_path / "all" / "deeper" / "pet_mri")
    write_pansharpening(tmp_path / "all" / "gaofen")
    found = {dataset.name: dataset for dataset in find_datasets([tmp_path / "all"])}
    assert {name: (d.task, d.roles) for name, d in found.items()} == {
        "focus": ("mfif", ("near", "far", "all_in_focus")),
        "pet_mri": ("medical", ("pet", "mri")),
        "gaofen": ("pansharpen", ("ms", "pan", "reference")),
    }
    assert found["focus"].names == ("scene0", "scene1")
    assert found["focus"].title == "focus (near and far)"
    # Each once, however often it is named.
    assert len(find_datasets([tmp_path / "all", tmp_path / "all" / "focus"])) == 3


def test_sets_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for where in ("a", "b"):
        write_medical(tmp_path / where / "set")
    names = [dataset.name for dataset in find_datasets([tmp_path / "a", tmp_path / "b"])]
    assert names == ["a-set", "b-set"]


def test_plain_names_come_before_longer_ones(tmp_path: Path) -> None:
    for role in ("visible", "infrared", "infrared_warped"):
        save(tmp_path / role / "1.png", plane(0))
    assert find_datasets([tmp_path])[0].roles == ("infrared", "visible")


def test_roles_can_be_given(tmp_path: Path) -> None:
    for role in ("left", "right", "truth"):
        save(tmp_path / role / "1.png", plane(0))
    with pytest.raises(GifnetError, match="--roles"):
        find_datasets([tmp_path])
    (dataset,) = find_datasets([tmp_path], roles=["left", "right", "truth"], task="mfif")
    assert (dataset.task, dataset.roles) == ("mfif", ("left", "right", "truth"))
    assert dataset.read("1").reference is not None
    (dataset,) = find_datasets([tmp_path], roles=["left", "right"])
    assert (dataset.task_title, dataset.roles) == ("Other pairs", ("left", "right"))
    with pytest.raises(GifnetError, match="roles are"):
        find_datasets([tmp_path], roles=["left"])
    with pytest.raises(GifnetError, match="choose one of ivif"):
        find_datasets([tmp_path], roles=["left", "right"], task="x")


@pytest.mark.parametrize("others", [("near", "far"), ("spect",), ("t1",)])
def test_ambiguous_folders_are_refused(tmp_path: Path, others: tuple[str, ...]) -> None:
    for role in ("pet", "mri", *others):
        save(tmp_path / role / "1.png", plane(0))
    with pytest.raises(GifnetError, match="several data sets"):
        find_datasets([tmp_path])
    assert find_datasets([tmp_path], roles=["pet", "mri"])[0].roles == ("pet", "mri")
    if others == ("near", "far"):
        assert find_datasets([tmp_path], task="mfif")[0].roles == others


def test_folders_without_images_are_no_sources(tmp_path: Path) -> None:
    write_medical(tmp_path / "my_ct")
    (tmp_path / "my_mri").mkdir()
    assert [dataset.name for dataset in find_datasets([tmp_path])] == ["my_ct"]


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(GifnetError, match="no folder"):
        find_datasets([tmp_path / "none"])
    write_focus(tmp_path / "focus")
    (tmp_path / "focus" / "far" / "scene1.png").unlink()
    with pytest.raises(GifnetError, match=r"far.* 1 pairs .*'scene1'"):
        find_datasets([tmp_path])
    for role in ("left", "right"):
        (tmp_path / "empty" / role).mkdir(parents=True)
    with pytest.raises(GifnetError, match="no images"):
        find_datasets([tmp_path / "empty"], roles=["left", "right"])


def test_a_limit_spreads_over_the_pairs() -> None:
    names = list("abcdefghij")
    assert spread(names, None) == spread(names, 99) == names
    assert spread(names, 5) == list("acegi")


def test_the_triplets_that_training_holds_back(tmp_path: Path) -> None:
    (dataset,) = find_datasets([write_focus(tmp_path, 5)])
    names = held_back(dataset, 2).names
    expected = split_triplets(find_scenes(tmp_path, MULTI_FOCUS), 2)[1]
    assert names == tuple(scene.name for scene in expected)
    assert len(names) == 2
    (other,) = find_datasets([write_medical(tmp_path / "other")])
    with pytest.raises(GifnetError, match="no triplets"):
        held_back(other, 2)


# -- reading --------------------------------------------------------------------------


def test_a_pair_is_read_as_planes_and_pictures(tmp_path: Path) -> None:
    (dataset,) = find_datasets([write_medical(tmp_path)])
    pair = dataset.read("1")
    assert pair.first.shape == (48, 56, 3)
    assert pair.second.shape == (48, 56)
    np.testing.assert_array_equal(pair.planes[0][0], grey(pair.first))
    assert pair.reference is None
    assert pair.fingerprint == dataset.fingerprint("1", 0)


def test_a_crop_is_the_middle_and_has_a_print_of_its_own(tmp_path: Path) -> None:
    (dataset,) = find_datasets([write_focus(tmp_path)])
    whole, cut = dataset.read("scene0"), dataset.read("scene0", crop=20)
    np.testing.assert_array_equal(cut.first, whole.first[14:34, 18:38])
    assert cut.reference is not None
    assert cut.reference.shape == (20, 20)
    assert cut.fingerprint != whole.fingerprint
    assert dataset.read("scene0", crop=50).first.shape == (48, 50)


def test_a_grey_jpeg_of_three_channels_is_grey(tmp_path: Path) -> None:
    for role in ("infrared", "visible"):
        save(tmp_path / role / "1.png", np.stack([plane(0)] * 3, axis=-1))
    assert find_datasets([tmp_path])[0].read("1").first.ndim == 2


def test_16_bit_pictures_are_stretched(tmp_path: Path) -> None:
    for role in ("infrared", "visible"):
        save(tmp_path / role / "1.png", plane(0).astype(np.uint16) * 20 + 1000)
    np.testing.assert_array_equal(find_datasets([tmp_path])[0].read("1").first, plane(0))


def test_bands_share_one_range_and_keep_their_place(tmp_path: Path) -> None:
    (dataset,) = find_datasets([write_pansharpening(tmp_path)])
    pair = dataset.read("a")
    assert len(pair.planes) == 4
    assert pair.ms is not None
    assert pair.ms.shape == (4, 16, 16)
    assert (pair.ms.min(), pair.ms.max()) == (0, 255)
    assert pair.reference is not None
    coarse = pair.reference.reshape(4, 16, 4, 16, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(coarse, pair.ms, atol=0.5)
    cut = dataset.read("a", crop=32)
    assert cut.ms is not None
    assert cut.reference is not None
    assert cut.ms.shape == (4, 8, 8)
    np.testing.assert_array_equal(cut.ms, pair.ms[:, 4:12, 4:12])
    np.testing.assert_array_equal(cut.reference, pair.reference[:, 16:48, 16:48])


def test_images_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "near" / "1.png", plane(0, 20, 20))
    save(tmp_path / "far" / "1.png", plane(0, 20, 21))
    with pytest.raises(GifnetError, match="one grid"):
        find_datasets([tmp_path])[0].read("1")
    gaofen = write_pansharpening(tmp_path / "gaofen")
    (gaofen / "pan" / "a.tif").unlink()
    save(gaofen / "pan" / "a.tif", plane(0, 63, 64))
    with pytest.raises(GifnetError, match="whole multiple"):
        find_datasets([gaofen])[0].read("a")
