"""Runs, what they remember, and the tables and the report they give."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from gifnet import GifnetError
from gifnet.errors import Cancelled
from gifnet.evaluation import report, tables
from gifnet.evaluation.datasets import Dataset, find_datasets
from gifnet.evaluation.methods import (
    Average,
    Classical,
    CopyFirst,
    LaplacianPyramid,
    Maximum,
    NearCopyFirst,
    Network,
)
from gifnet.evaluation.report_images import (
    crop_of_most_detail,
    data_uri,
    difference,
    full_difference,
)
from gifnet.evaluation.run import EvaluationSettings, Results, Row, run_evaluation
from gifnet.evaluation.store import Key, Store
from gifnet.metrics import METRICS, evaluate
from tests.helpers.evaluation_samples import write_focus, write_medical, write_pansharpening
from tests.helpers.metrics_samples import plane

METRICS_USED = [METRICS[name] for name in ("Qabf", "SCD", "AG", "PSNR-ref", "QNR", "VIF")]


class Counted(Average):
    """The average, which counts how often it works."""

    def __init__(self) -> None:
        self.calls = 0

    def plane(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        self.calls += 1
        return super().plane(first, second)


@pytest.fixture
def datasets(tmp_path: Path) -> list[Dataset]:
    data = tmp_path / "data"
    write_focus(data / "focus")
    write_medical(data / "pet_mri")
    write_pansharpening(data / "gaofen")
    return find_datasets([data])


def test_a_run_measures_every_method_on_every_pair(tmp_path: Path, datasets: list[Dataset]) -> None:
    methods = [Average(), LaplacianPyramid()]
    results = run_evaluation(datasets, methods, METRICS_USED, tmp_path / "out")
    assert len(results.rows) == 2 * (2 + 2 + 1)
    found = {(row.dataset, row.pair, row.method): row.scores for row in results.rows}
    pair = datasets[0].read("scene0")
    fused = Average().fuse(pair)[0][0]
    expected = evaluate(
        pair.first, pair.second, fused, pair.reference, ["Qabf", "SCD", "AG", "PSNR-ref", "VIF"]
    )
    assert found["focus", "scene0", "average"] == pytest.approx(expected)
    assert set(found["pet_mri", "0", "pyramid"]) == {"Qabf", "SCD", "AG", "VIF"}
    assert "QNR" in found["gaofen", "a", "average"]


def test_a_second_run_computes_only_what_is_new(tmp_path: Path, datasets: list[Dataset]) -> None:
    out, focus = tmp_path / "out", [datasets[0]]
    first = Counted()
    before = run_evaluation(focus, [first], METRICS_USED, out).rows
    again = Counted()
    assert run_evaluation(focus, [again], METRICS_USED, out).rows == before
    assert (first.calls, again.calls) == (2, 0)
    # A further metric, other pixels, another edition of the method: computed again.
    run_evaluation(focus, [again], [*METRICS_USED, METRICS["EN"]], out)
    assert again.calls == 2
    run_evaluation(focus, [again], METRICS_USED, out, EvaluationSettings(crop=44))
    assert again.calls == 4
    again.edition = "2"
    run_evaluation(focus, [again], METRICS_USED, out)
    assert again.calls == 6


def test_an_interrupted_run_goes_on(tmp_path: Path, datasets: list[Dataset]) -> None:
    out, focus = tmp_path / "out", [datasets[0]]

    def stop(done: int, total: int) -> bool:
        assert total == 4
        return done < 3

    with pytest.raises(Cancelled):
        run_evaluation(focus, [Average(), Maximum()], METRICS_USED, out, progress=stop)
    # The last line was cut short as well.
    file = out / "results.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    assert len(lines) == 3
    file.write_text("".join(lines[:2]) + lines[2][:20])
    counted = Counted()
    results = run_evaluation(focus, [counted, Maximum()], METRICS_USED, out)
    assert len(results.rows) == 4
    assert counted.calls == 1
    assert all(json.loads(line) for line in file.read_text().splitlines())


def test_the_store_keeps_values_by_all_they_depend_on(tmp_path: Path) -> None:
    key = Key("set", "pair", "print", "method", "1")
    store = Store(tmp_path / "results.jsonl")
    store.put(key, {"VIF@1": 0.5})
    store.put(key, {"PSNR@1": float("inf"), "QNR@1": None})
    again = Store(tmp_path / "results.jsonl")
    assert again.get(key) == {"VIF@1": 0.5, "PSNR@1": float("inf"), "QNR@1": None}
    assert again.get(Key("set", "pair", "print", "method", "2")) == {}
    with pytest.raises(GifnetError, match="Cannot write"):
        Store(tmp_path / "none" / "results.jsonl").put(key, {})


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, datasets: list[Dataset]) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(GifnetError, match="out"):
        run_evaluation(datasets, [Average()], METRICS_USED, tmp_path / "out")


# -- tables ---------------------------------------------------------------------------


def made(scores: dict[str, list[dict[str, float]]], datasets: list[Dataset]) -> Results:
    """Return results of the first data set by hand, by method and pair."""
    kinds: dict[str, Classical] = {m.name: m for m in (Average(), Maximum(), LaplacianPyramid())}
    rows = [
        Row(datasets[0].name, str(pair), method, "1", values)
        for method, pairs in scores.items()
        for pair, values in enumerate(pairs)
    ]
    methods = [kinds[name] for name in scores]
    metrics = [METRICS[name] for name in ("Qabf", "Nabf", "AG")]
    return Results(datasets[:1], methods, metrics, EvaluationSettings(), rows)


@pytest.fixture
def by_hand(datasets: list[Dataset]) -> Results:
    return made(
        {
            "average": [{"Qabf": 0.2, "Nabf": 0.1, "AG": 3}, {"Qabf": 0.4, "Nabf": 0.1, "AG": 5}],
            "maximum": [{"Qabf": 0.5, "Nabf": 0.3, "AG": 9}, {"Qabf": 0.5, "Nabf": 0.1, "AG": 9}],
            "pyramid": [{"Qabf": 0.6, "Nabf": 0.2, "AG": 70}, {"Qabf": 0.6, "Nabf": 0.2, "AG": 80}],
        },
        datasets,
    )


def test_ranks_follow_the_means_and_share_ties(by_hand: Results) -> None:
    table = tables.means(by_hand.rows)
    assert table["average"] == pytest.approx({"Qabf": 0.3, "Nabf": 0.1, "AG": 4})
    order = tables.ranks(table, [METRICS["Qabf"], METRICS["Nabf"]])
    assert list(order) == ["pyramid", "average", "maximum"]
    assert order["average"] == {"Qabf": 3, "Nabf": 1, "mean": 2}
    assert order["maximum"] == {"Qabf": 2, "Nabf": 2.5, "mean": 2.25}
    assert tables.ranks(table, [METRICS["VIF"]]) == {}
    assert tables.ranks({}, [METRICS["VIF"]]) == {}


def test_copies_of_one_source_lose(tmp_path: Path, datasets: list[Dataset]) -> None:
    methods = [CopyFirst(), NearCopyFirst(), Average(), LaplacianPyramid()]
    ranked = [METRICS[name] for name in tables.RANKED]
    results = run_evaluation(datasets, methods, None, tmp_path / "out")
    for dataset in datasets:
        order = tables.ranks(tables.means(tables.of_dataset(results, dataset)), ranked)
        assert set(list(order)[2:]) == {"copy-first", "near-copy-first"}, dataset.name


def test_the_markdown_has_ranks_and_scores(by_hand: Results) -> None:
    text = tables.markdown(by_hand, [METRICS["Qabf"], METRICS["Nabf"]])
    assert "## Multi-focus" in text
    assert "| method | Qabf | Nabf | mean rank |" in text
    assert "| Laplacian pyramid | 1 | 2.5 | **1.75** |" in text
    assert "| method | Qabf ↑ | Nabf ↓ | AG |" in text
    # No average gradient is best.
    assert "| Laplacian pyramid | **0.600** | 0.200 | 75.00 |" in text
    assert "| average | 0.300 | **0.100** | 4.000 |" in text


def test_the_csv_has_a_line_a_result(by_hand: Results) -> None:
    by_hand.rows[0].scores.pop("Nabf")
    lines = list(csv.DictReader(io.StringIO(tables.as_csv(by_hand))))
    assert len(lines) == 6
    assert lines[0] == {
        "task": "mfif", "dataset": "focus", "pair": "0", "method": "average", "version": "1",
        "Qabf": "0.2", "Nabf": "", "AG": "3",
    }  # fmt: skip
    # A metric that a pair lacks has no mean.
    assert "Nabf" not in tables.means(by_hand.rows)["average"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (-0.5, "-0.500"), (42.456, "42.46"), (123.4, "123.4"), (np.inf, "inf")],
)
def test_numbers_are_as_long_as_needed(value: float, text: str) -> None:
    assert tables.number(value) == text


# -- the report -----------------------------------------------------------------------


def test_the_report_is_one_file_with_its_pictures(
    tmp_path: Path, datasets: list[Dataset], random_weights: Path, seen: list[object]
) -> None:
    network = Network("mine", "mine <new>", "gifnet", random_weights, "cpu")
    settings = EvaluationSettings(strips=1, limit=1, enhance=True)
    results = run_evaluation(
        datasets, [Average(), Maximum(), network], METRICS_USED, tmp_path / "out", settings
    )
    page = report.html(results, [METRICS["Qabf"], METRICS["SCD"]])
    assert results.halos == {"mine": 0}  # the stand-in for the network keeps a step
    assert "mine &lt;new&gt;" in page
    assert "<new>" not in page
    for title in ("Multi-focus", "Medical", "Pansharpening", "Enhancement", "Mean ranks"):
        assert title in page
    # Nothing is loaded from elsewhere.
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "http" not in page
    # Pictures and crops of both sources and three methods, and a reference in two sets;
    # differences to the reference, or to both sources where there is none; before and after.
    strips = 2 * (6 * 2 + 3) + (5 * 2 + 2 * 3)
    enhanced = 3 * (2 * 2 + 1)
    assert page.count("data:image/") == strips + enhanced
    # The pictures are kept, and a second report fuses nothing.
    calls = len(seen) - 2  # the step edge of the halo
    seen.clear()
    again = run_evaluation(
        datasets, [Average(), Maximum(), network], METRICS_USED, tmp_path / "out", settings
    )
    assert report.html(again, [METRICS["Qabf"], METRICS["SCD"]]) == page
    assert calls > len(seen) == 2


def test_a_report_without_pictures_or_ranks(tmp_path: Path, datasets: list[Dataset]) -> None:
    results = run_evaluation(
        [datasets[0]], [Average()], METRICS_USED, tmp_path / "out", EvaluationSettings(strips=0)
    )
    page = report.html(results, [])
    assert "data:image/" not in page
    assert "Mean ranks" not in page


def test_the_crop_is_where_most_detail_is() -> None:
    image = np.full((64, 80), 100, np.uint8)
    image[40:60, 50:70] = plane(0, 20, 20)
    rows, columns = crop_of_most_detail([image], side=24)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (24, 24)
    assert rows.start <= 41
    assert rows.stop >= 59
    assert columns.start <= 51
    assert columns.stop >= 69
    whole = crop_of_most_detail([image], side=200)
    assert whole == (slice(0, 64), slice(whole[1].start, whole[1].start + 64))


def test_differences_are_red_and_blue() -> None:
    image = np.array([[100, 200, 0]], np.uint8)
    grey = np.full_like(image, 100)
    shown = difference(image, grey, 100)
    np.testing.assert_array_equal(shown[0], [[255, 255, 255], [178, 24, 43], [33, 102, 172]])
    # Half as strong where the full colour stands for twice as much.
    assert difference(image, grey, 200)[0, 1, 0] == round((255 + 178) / 2)
    assert full_difference([grey], [grey]) == 16
    assert full_difference([grey + 50], [grey, grey]) == 50


def test_embedded_pictures_are_whole_or_small() -> None:
    large = np.zeros((900, 1200, 3), np.uint8)
    assert data_uri(large).startswith("data:image/jpeg;base64,")
    assert len(data_uri(large)) < 20_000
    assert data_uri(plane(0), exact=True).startswith("data:image/png;base64,")
