"""The widgets' work from scripts: layers in, layers out, runs repeated, scripts copied."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from gifnet.errors import InvalidInputError, WeightsError
from gifnet.io import write_image
from napari_gifnet import enhance_layer, fuse_layers, open_layer, rerun
from napari_gifnet.io.reader import get_reader
from napari_gifnet.io.writer import write_tiff, write_zarr
from napari_gifnet.jobs.enhance import EnhancementJob


def make_layers() -> tuple[Image, Image]:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
    fine = rng.integers(0, 4000, (40, 48), dtype=np.uint16)
    first = Image(coarse, name="coarse", rgb=True, scale=(2, 2), translate=(0.5, 0.5), rotate=3)
    second = Image(fine, name="fine", rotate=3)
    return first, second


def test_fused_saved_reopened_and_made_again(tmp_path: Path, random_weights: Path) -> None:
    first, second = make_layers()
    share, fused = fuse_layers(
        first, second, return_mask=True, weights=str(random_weights), task="medical"
    )
    assert fused.name == "Fused coarse + fine"
    record = fused.metadata["napari_gifnet"]
    for name, write in (("a.ome.tif", write_tiff), ("a.ome.zarr", write_zarr)):
        write(str(tmp_path / name), *fused.as_layer_data_tuple()[:2])
        reader = get_reader(str(tmp_path / name))
        assert reader is not None
        ((data, arguments, _),) = reader(str(tmp_path / name))
        found = Image(data, **arguments)
        np.testing.assert_array_equal(found.data, fused.data)
        assert found.data.dtype == fused.data.dtype
        kept = found.metadata["napari_gifnet"]
        assert kept == json.loads(json.dumps(record))
        again = rerun([second, found, first], kept)
        assert again[1].data.tobytes() == fused.data.tobytes()
        assert again[0].data.tobytes() == share.data.tobytes()
        np.testing.assert_array_equal(again[1].rotate, found.rotate)


def test_enhanced_and_made_again(random_weights: Path) -> None:
    image = make_layers()[1]
    (better,) = enhance_layer(image, weights=random_weights, value_range="dtype")
    (again,) = rerun([image], better.metadata["napari_gifnet"])
    assert again.data.tobytes() == better.data.tobytes()


@pytest.mark.parametrize("limits", [(0, 4095), ((0, 255), (0, 4095)), ("auto", (0, 4095))])
def test_value_ranges_in_numbers(random_weights: Path, limits: Any) -> None:
    layers = make_layers()
    (fused,) = fuse_layers(*layers, weights=random_weights, value_range=limits)
    record = fused.metadata["napari_gifnet"]
    assert record["request"]["options"]["value_range"] == limits
    (again,) = rerun(layers, json.loads(json.dumps(record)))
    assert again.data.tobytes() == fused.data.tobytes()
    (better,) = enhance_layer(layers[1], weights=random_weights, value_range=limits)
    assert better.data.dtype == np.uint16


def test_a_record_from_before_there_was_a_limit(random_weights: Path) -> None:
    image = make_layers()[1]
    limited, free = (
        enhance_layer(image, weights=random_weights, overshoot=value)[0] for value in (0.03, None)
    )
    assert (limited.data != free.data).any()
    record = copy.deepcopy(free.metadata["napari_gifnet"])
    del record["options"]["overshoot"], record["request"]["options"]["overshoot"]
    (again,) = rerun([image], record)
    assert again.data.tobytes() == free.data.tobytes()


@pytest.mark.parametrize(("asked", "used"), [("auto", "float32"), ("tf32", "tf32")])
def test_the_precision_that_was_asked_for_is_used_again(
    random_weights: Path, monkeypatch: pytest.MonkeyPatch, asked: str, used: str
) -> None:
    image = make_layers()[1]
    (better,) = enhance_layer(image, weights=random_weights)
    record = copy.deepcopy(better.metadata["napari_gifnet"])
    assert record["precision"] == "float32"
    record["request"]["options"]["precision"] = asked
    found = []

    def run(job: EnhancementJob, *_: Any) -> list[Any]:
        found.append(job.options.precision)
        return []

    monkeypatch.setattr(EnhancementJob, "run", run)
    rerun([image], record)
    assert found == [used]


def test_what_keeps_a_run_from_being_repeated(random_weights: Path) -> None:
    image = make_layers()[1]
    (better,) = enhance_layer(image, weights=random_weights)
    record = better.metadata["napari_gifnet"]
    with pytest.raises(InvalidInputError, match="'fine'"):
        rerun([], record)
    with pytest.raises(InvalidInputError, match="request"):
        rerun([image], {key: value for key, value in record.items() if key != "request"})
    other = copy.deepcopy(record)
    other["weights"]["sha256"] = "0" * 64
    with pytest.raises(WeightsError, match="000000"):
        rerun([image], other)


def test_options_are_checked() -> None:
    with pytest.raises(InvalidInputError, match="grid is 'third'"):
        fuse_layers(*make_layers(), grid="third")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="Unknown options"):
        fuse_layers(*make_layers(), colour="blue")


def execute(script: str, viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a script as by itself: no viewer is open, and napari is started at the end."""
    import napari

    started: list[bool] = []
    monkeypatch.setattr(napari, "current_viewer", lambda: None)
    monkeypatch.setattr(napari, "Viewer", lambda: viewer)
    monkeypatch.setattr(napari, "run", lambda: started.append(True))
    exec(compile(script, "script.py", "exec"), {"__name__": "__main__"})
    assert started == [True]


def test_a_copied_script_does_the_same(
    viewer: Any,
    make_napari_viewer: Any,
    fuse_widget: Any,
    run: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from qtpy.QtWidgets import QApplication

    for layer, name in zip(make_layers(), ("a.tif", 'b "2".tif'), strict=True):
        axes = "YXS" if layer.rgb else "YX"
        write_image(tmp_path / name, layer.data, axes=axes)
        (opened,) = viewer.open(tmp_path / name, plugin="napari-gifnet")
        opened.scale, opened.translate = layer.scale, layer.translate
    viewer.layers[0].name = "it's renamed"
    viewer.layers[0].affine = [[1, 0.1, 0], [0, 1, 0], [0, 0, 1]]
    fuse_widget.task.value = "mfif"
    fuse_widget.grid.value = viewer.layers[0]
    fuse_widget.extra.value = True
    fuse_widget.advanced.form.chroma.value = "none"
    fuse_widget.controls.script_button.click()
    assert "clipboard" in fuse_widget.controls.status.text()
    script = QApplication.clipboard().text()
    run(fuse_widget)
    other = make_napari_viewer()
    execute(script, other, monkeypatch)
    assert [layer.name for layer in other.layers] == [layer.name for layer in viewer.layers]
    for one, two in zip(viewer.layers, other.layers, strict=True):
        np.testing.assert_array_equal(one.data, two.data)
        np.testing.assert_allclose(one.affine.affine_matrix, two.affine.affine_matrix)
        np.testing.assert_array_equal(one.scale, two.scale)


def test_a_script_opens_samples_and_takes_layers_that_are_there(
    viewer: Any, enhance_widget: Any, fake_fuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qtpy.QtWidgets import QApplication

    viewer.open_sample("napari-gifnet", "pet-mri")
    enhance_widget.layers = [viewer.layers["MRI"]]
    enhance_widget.controls.copy_script()
    script = QApplication.clipboard().text()
    viewer.layers.clear()
    execute(script, viewer, monkeypatch)
    assert [layer.name for layer in viewer.layers] == ["PET", "MRI", "Enhanced MRI"]
    execute(script, viewer, monkeypatch)
    assert len(viewer.layers) == 4


def test_layers_without_a_file_are_asked_for(viewer: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"'drawn'.*not opened from a file"):
        open_layer(viewer, "drawn")
    layer = viewer.add_image(np.zeros((8, 8)), name="drawn")
    assert open_layer(viewer, "drawn") is layer
