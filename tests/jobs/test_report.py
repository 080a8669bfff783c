import base64
import io
import json
import math
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from selenium import webdriver

from backend.metrics import Metrics
from jobs.report import write_report
from jobs.status import JobStatus, Outcome, Round, Samples, Stage, WorkerState
from tests.browser import browser, needs_browser

__all__ = ["browser"]

START = datetime(2026, 11, 22, 11, 45, 39, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>"


def metrics(confusion: list[float], loss: float, **others: list[float]) -> Metrics:
    """What an eval worker reports of two classes, from the confusion matrix on."""
    (a, b), (c, d) = confusion[:2], confusion[2:]
    precision, recall = [a / (a + c), d / (b + d)], [a / (a + b), d / (c + d)]
    f1 = [2 * p * r / (p + r) for p, r in zip(precision, recall, strict=True)]
    return {
        "accuracy": [(a + d) / sum(confusion)],
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "loss": [loss],
        "confusion_matrix": confusion,
        **others,
    }


def deployed_round() -> Round:
    return Round(
        number=1,
        started=START,
        ended=START + timedelta(seconds=74.4),
        outcome=Outcome.DEPLOYED,
        reason="Deployed: accuracy_delta[0] is 0.250, which is > 0.02.",
        train_samples=160,
        eval_samples=40,
        seconds={Stage.TRAIN: 67.1, Stage.EVAL: 6.1, Stage.DEPLOY: 1.2},
        model_urls=["/data/output/train/1/model.ckpt", "/data/output/train/1/model.onnx"],
        deployed_metrics=metrics([14, 6, 10, 10], 0.91),
        candidate_metrics=metrics([18, 2, 4, 16], 0.38, forgetting=[0.005]),
    )


def rejected_round() -> Round:
    started = START + timedelta(minutes=9)
    return Round(
        number=2,
        started=started,
        ended=started + timedelta(seconds=81),
        outcome=Outcome.REJECTED,
        reason="Not deployed: accuracy_delta[0] is -0.025, which is not > 0.02.",
        train_samples=168,
        eval_samples=80,
        seconds={Stage.TRAIN: 71.0, Stage.EVAL: 10.0},
        deployed_metrics=metrics([36, 4, 8, 32], 0.40),
        candidate_metrics=metrics([35, 5, 9, 31], 0.43, forgetting=[0.031]),
    )


def failed_round() -> Round:
    started = START + timedelta(minutes=21)
    return Round(
        number=3,
        started=started,
        ended=started + timedelta(seconds=4),
        outcome=Outcome.FAILED,
        reason="train-worker-p0rtz ended with exit status 3: /data/dataset/index.txt: "
        "line 412 names no class; write `<path> <class>`.",
        train_samples=160,
        seconds={Stage.TRAIN: 4.0},
    )


def workers(folder: Path) -> list[WorkerState]:
    def worker(
        name: str, kind: str, minute: float, seconds: float, exit_status: int
    ) -> WorkerState:
        started = START + timedelta(minutes=minute, seconds=1)
        return WorkerState(
            name=name,
            kind=kind,
            log=folder / "logs" / f"{name}.log",
            started=started,
            ended=started + timedelta(seconds=seconds),
            exit_status=exit_status,
        )

    return [
        WorkerState(name="inferworker-k3w9d", kind="infer", started=START, restarts=1),
        worker("train-worker-m2x8q", "train", 0, 65, 0),
        worker("eval-worker-h7v4c", "eval", 1.12, 5, 0),
        worker("train-worker-b6n1s", "train", 9, 69, 0),
        worker("eval-worker-z9f3j", "eval", 10.2, 8, 0),
        worker("train-worker-p0rtz", "train", 21, 3, 3),
    ]


def job(folder: Path) -> JobStatus:
    return JobStatus(
        name="dog-croissants",
        namespace="default",
        runner="standalone",
        started=START - timedelta(minutes=2),
        samples=Samples(
            total=640, train_waiting=24, eval_waiting=6, trigger="num_of_samples >= 160"
        ),
        rounds=[deployed_round(), rejected_round(), failed_round()],
        workers=workers(folder),
        class_names=["croissant", "dog"],
        deploy_trigger="accuracy_delta[0] > 0.02",
        hard_examples=folder / "hard-examples",
    )


def save_example(folder: Path, name: str, certainty: float, **fields: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (400, 300), (150, 110, 70)).save(folder / f"{name}.jpg")
    sidecar = {
        "image": f"{name}.jpg",
        "label": "dog",
        "probabilities": {"croissant": 1 - certainty, "dog": certainty},
        "miner": "CrossEntropy",
        "hard": True,
        "model_version": "1",
        "time": "2026-11-22T11:52:03Z",
        "true_label": None,
    }
    (folder / f"{name}.json").write_text(json.dumps(sidecar | fields), encoding="utf-8")


class Page(HTMLParser):
    """The tags of a page, its tables' rows and its text; complains of tags that do not match."""

    VOID = ("meta", "br", "img")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.words.append(data)
        if self._open and self._open[-1] in ("th", "td"):
            self.rows[-1][-1] += data

    def attributes(self, tag: str, name: str) -> list[str]:
        return [value for each, attrs in self.tags if each == tag and (value := attrs.get(name))]


def page_of(status: JobStatus, folder: Path) -> Page:
    return Page(write_report(status, folder / "report.html").read_text(encoding="utf-8"))


def test_report_is_written_into_a_folder_that_it_makes_and_its_path_returned(
    tmp_path: Path,
) -> None:
    target = tmp_path / "reports" / "job.html"

    assert write_report(job(tmp_path), target) == target
    assert [path.name for path in target.parent.iterdir()] == ["job.html"]


def test_page_loads_nothing_and_runs_no_script(tmp_path: Path) -> None:
    save_example(tmp_path / "hard-examples", "one", 0.6)

    page = page_of(job(tmp_path), tmp_path)

    sources = page.attributes("img", "src") + page.attributes("link", "href")
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert "url(" not in page.html
    assert "@import" not in page.html


def test_summary_counts_outcomes_and_tells_how_accuracy_went(tmp_path: Path) -> None:
    page = page_of(job(tmp_path), tmp_path)

    assert "3 rounds: 1 deployed, 1 rejected, 1 failed." in page.text
    assert "Round 1 took it from 60.0 % to 85.0 %, on the same held-out samples." in page.text


def test_accuracies_on_different_files_are_not_compared(tmp_path: Path) -> None:
    status = job(tmp_path)
    again = deployed_round().model_copy(
        update={"number": 4, "candidate_metrics": metrics([19, 1, 1, 19], 0.2)}
    )
    status.rounds.append(again)

    page = page_of(status, tmp_path)

    assert "Round 4 took it from 60.0 % to 95.0 %, on the same held-out samples." in page.text


def on_test_set(status: JobStatus, *accuracies: tuple[float, float]) -> JobStatus:
    for round_, (deployed, candidate) in zip(status.rounds, accuracies, strict=False):
        for judged, accuracy in zip(
            (round_.deployed_metrics, round_.candidate_metrics), (deployed, candidate), strict=True
        ):
            judged |= {"test_accuracy": [accuracy], "test_compared_samples": [250.0]}
    return status


def test_the_test_sets_curve_and_figures_come_first(tmp_path: Path) -> None:
    status = on_test_set(job(tmp_path), (0.5, 0.7), (0.7, 0.65))

    page = page_of(status, tmp_path)

    assert "accuracy on the test set went from 50.0 % to 70.0 %." in page.text
    assert "Accuracy deployed, test set 70.0 %" in page.text
    first, second = page.text.index("Accuracy on the test set"), page.text.index("evaluation file")
    assert first < second
    assert "Round 1, candidate: accuracy 70.0 % on 250 samples (deployed)" in page.text


def test_forgetting_below_zero_is_a_gain(tmp_path: Path) -> None:
    status = job(tmp_path)
    status.rounds[0].candidate_metrics["forgetting"] = [-0.032]

    page = page_of(status, tmp_path)

    assert ["forgetting", "—", "3.2 % gained", "—"] in page.rows
    assert "-3.2" not in page.text


def test_a_worker_that_was_told_to_end_shows_no_exit_status(tmp_path: Path) -> None:
    status = job(tmp_path)
    status.workers[0].ended, status.workers[0].exit_status = START + timedelta(hours=1), -15

    page = page_of(status, tmp_path)

    assert "-15" not in page.text
    assert "stopped" in page.text


def test_a_job_without_rounds_gives_a_page_that_says_what_it_waits_for(tmp_path: Path) -> None:
    status = job(tmp_path).model_copy(update={"rounds": [], "workers": []})

    page = page_of(status, tmp_path)

    assert "No round has started: 24 samples wait for training." in page.text
    assert "num_of_samples >= 160" in page.text
    assert "Timeline" not in page.text
    assert "svg" not in {tag for tag, _ in page.tags}


def test_a_running_round_is_shown_without_an_end(tmp_path: Path) -> None:
    running = Round(number=1, started=START, train_samples=160)

    page = page_of(job(tmp_path).model_copy(update={"rounds": [running]}), tmp_path)

    assert "1 round: 1 running." in page.text
    assert "still running" in page.text
    assert "The round has not ended." in page.text


def test_metrics_stand_beside_each_other_with_their_difference(tmp_path: Path) -> None:
    page = page_of(job(tmp_path), tmp_path)

    assert ["accuracy", "60.0 %", "85.0 %", "+25.0 pp"] in page.rows
    assert ["accuracy", "85.0 %", "82.5 %", "-2.5 pp"] in page.rows
    assert ["loss", "0.91", "0.38", "-0.53"] in page.rows
    assert ["forgetting", "—", "0.5 %", "—"] in page.rows


def test_per_class_metrics_carry_the_names_of_the_classes(tmp_path: Path) -> None:
    rows = page_of(job(tmp_path), tmp_path).rows

    recall = rows.index(["recall"])
    assert rows[recall + 1] == ["croissant", "70.0 %", "90.0 %", "+20.0 pp"]
    assert rows[recall + 2] == ["dog", "50.0 %", "80.0 %", "+30.0 pp"]


def test_only_a_known_direction_is_called_better_or_worse(tmp_path: Path) -> None:
    status = job(tmp_path)
    status.rounds = [deployed_round()]
    status.rounds[0].deployed_metrics = {"accuracy": [0.5], "loss": [0.4], "seconds": [1.0]}
    status.rounds[0].candidate_metrics = {"accuracy": [0.4], "loss": [0.3], "seconds": [2.0]}

    page = page_of(status, tmp_path)

    assert page.attributes("td", "class") == ["worse", "better"]


def test_a_metric_of_any_other_length_is_shown_by_index(tmp_path: Path) -> None:
    status = job(tmp_path)
    status.rounds[0].candidate_metrics["accuracy_per_round"] = [0.5, 0.25, 0.75]
    status.rounds[0].candidate_metrics["empty"] = []

    rows = page_of(status, tmp_path).rows

    assert ["accuracy_per_round[0]", "—", "50.0 %", "—"] in rows
    assert ["accuracy_per_round[2]", "—", "75.0 %", "—"] in rows


def test_confusion_matrices_show_counts_with_class_names(tmp_path: Path) -> None:
    rows = page_of(job(tmp_path), tmp_path).rows

    header = rows.index(["", "croissant", "dog"])
    assert rows[header + 1 : header + 3] == [["croissant", "14", "6"], ["dog", "10", "10"]]
    assert rows[header + 4 : header + 6] == [["croissant", "18", "2"], ["dog", "4", "16"]]


def test_a_matrix_that_does_not_fit_the_classes_is_shown_as_figures(tmp_path: Path) -> None:
    status = job(tmp_path).model_copy(update={"class_names": []})

    assert ["confusion_matrix[3]", "10", "16", "+6"] in page_of(status, tmp_path).rows


def test_a_class_without_samples_leaves_its_row_of_the_matrix_unshaded(tmp_path: Path) -> None:
    status = job(tmp_path)
    status.rounds = [deployed_round()]
    status.rounds[0].deployed_metrics = {}
    status.rounds[0].candidate_metrics = {"confusion_matrix": [0, 0, 1, 3]}

    shades = re.findall(r"--part: ([\d.]+)", page_of(status, tmp_path).html)

    assert shades == ["0.000", "0.000", "0.250", "0.750"]


def test_chart_has_a_titled_point_for_each_measured_accuracy(tmp_path: Path) -> None:
    html = page_of(job(tmp_path), tmp_path).html

    titles = re.findall(r"<title>(Round .*?)</title>", html)
    assert titles == [
        "Round 1, deployed model: accuracy 60.0 % on 40 samples (deployed)",
        "Round 2, deployed model: accuracy 85.0 % on 80 samples (rejected)",
        "Round 1, candidate: accuracy 85.0 % on 40 samples (deployed)",
        "Round 2, candidate: accuracy 82.5 % on 80 samples (rejected)",
    ]


@settings(max_examples=30, deadline=None)
@given(
    accuracies=st.lists(
        st.floats(0, 1) | st.sampled_from([math.nan, math.inf, -0.1, 86.5]), min_size=1, max_size=15
    )
)
def test_chart_keeps_every_accuracy_between_its_grid_lines_and_in_order(
    accuracies: list[float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rounds = [
        Round(number=number, started=START, candidate_metrics={"accuracy": [accuracy]})
        for number, accuracy in enumerate(accuracies, 1)
    ]
    folder = tmp_path_factory.mktemp("report")
    status = job(folder).model_copy(update={"rounds": rounds})

    html = page_of(status, folder).html

    chart = re.search(r'<svg[^>]*role="img".*?</svg>', html, re.DOTALL)
    heights = [
        float(y) for y in re.findall(r'mark candidate.*?cy="(.*?)"', chart[0] if chart else "")
    ]
    lines = [float(y) for y in re.findall(r'class="grid".*?y1="(.*?)"', chart[0] if chart else "")]
    shown = [accuracy for accuracy in accuracies if 0 <= accuracy <= 1]
    assert len(heights) == len(shown)
    assert all(min(lines) <= height <= max(lines) for height in heights)
    assert [
        y for _, y in sorted(zip(shown, heights, strict=True), key=lambda p: (p[0], -p[1]))
    ] == (sorted(heights, reverse=True))


def test_timeline_scales_rounds_to_the_longest(tmp_path: Path) -> None:
    page = page_of(job(tmp_path), tmp_path)

    widths = [
        float(match[1])
        for style in page.attributes("span", "style")
        if (match := re.fullmatch(r"width: ([\d.]+)%", style))
    ]
    assert widths == pytest.approx([82.84, 7.53, 1.48, 87.65, 12.35, 4.94], abs=0.01)
    assert "Train 11:45:39, 1 min 07 s · Eval 11:46:46, 6.1 s" in page.text


def test_each_round_links_the_logs_of_its_own_workers(tmp_path: Path) -> None:
    page = page_of(job(tmp_path), tmp_path)

    sections = re.findall(r"<article.*?</article>", page.html, re.DOTALL)
    names = [re.findall(r"<code>((?:train|eval)-worker-\w+)</code>", each) for each in sections]
    assert names == [
        ["train-worker-m2x8q", "eval-worker-h7v4c"],
        ["train-worker-b6n1s", "eval-worker-z9f3j"],
        ["train-worker-p0rtz"],
    ]
    assert (tmp_path / "logs/train-worker-p0rtz.log").as_uri() in page.attributes("a", "href")


def test_hard_examples_come_most_uncertain_first(tmp_path: Path) -> None:
    for name, certainty in (("sure", 0.9), ("torn", 0.51), ("unsure", 0.7)):
        save_example(tmp_path / "hard-examples", name, certainty)

    page = page_of(job(tmp_path), tmp_path)

    assert page.attributes("img", "alt") == ["torn", "unsure", "sure"]
    assert "dog 51.0 % croissant 49.0 %" in page.text


def test_pictures_are_jpeg_thumbnails_of_at_most_160_pixels(tmp_path: Path) -> None:
    save_example(tmp_path / "hard-examples", "one", 0.6)

    (source,) = page_of(job(tmp_path), tmp_path).attributes("img", "src")

    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (160, 120))


def test_a_picture_is_found_under_any_suffix_but_only_beside_its_sidecar(tmp_path: Path) -> None:
    folder = tmp_path / "hard-examples"
    save_example(folder, "upper", 0.6, image="upper.JPEG", miner=None)
    (folder / "upper.jpg").rename(folder / "upper.JPEG")
    save_example(tmp_path, "secret", 0.6)
    save_example(folder, "elsewhere", 0.6, image="../secret.jpg")
    save_example(folder, "nameless", 0.6, image="")

    assert page_of(job(tmp_path), tmp_path).attributes("img", "alt") == ["upper"]


def test_at_most_sixty_examples_are_shown(tmp_path: Path) -> None:
    for index in range(62):
        save_example(tmp_path / "hard-examples", f"{index:02}", 0.5 + index / 200)

    names = page_of(job(tmp_path), tmp_path).attributes("img", "alt")

    assert names == [f"{index:02}" for index in range(60)]


def test_what_cannot_be_read_or_is_not_hard_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "hard-examples"
    save_example(folder, "good", 0.6)
    save_example(folder, "easy", 0.6, hard=False)
    save_example(folder, "not-a-number", 0.6, probabilities={"dog": math.nan})
    save_example(folder, "no-picture", 0.6)
    (folder / "no-picture.jpg").unlink()
    save_example(folder, "cut-short", 0.6)
    (folder / "cut-short.jpg").write_bytes((folder / "good.jpg").read_bytes()[:300])
    save_example(folder, "half-a-sidecar", 0.6)
    (folder / "half-a-sidecar.json").write_text('{"label": "do')

    assert page_of(job(tmp_path), tmp_path).attributes("img", "alt") == ["good"]


def test_a_known_truth_says_whether_the_model_was_right(tmp_path: Path) -> None:
    folder = tmp_path / "hard-examples"
    save_example(folder, "right", 0.6, true_label="dog")
    save_example(folder, "wrong", 0.7, true_label="croissant")
    save_example(folder, "unknown", 0.8)

    text = page_of(job(tmp_path), tmp_path).text

    assert text.count("✓ correct") == 1
    assert text.count("✗ is croissant") == 1


def test_an_empty_folder_of_hard_examples_is_said_to_be_empty(tmp_path: Path) -> None:
    assert "None that can be shown in" in page_of(job(tmp_path), tmp_path).text


@pytest.mark.e2e
@needs_browser
def test_everything_fits_a_phone(tmp_path: Path, browser: webdriver.Chrome) -> None:
    width = 390
    phone = {"width": width, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    browser.get(write_report(job(tmp_path), tmp_path / "report.html").as_uri())

    wide = browser.execute_script(
        "return [...document.querySelectorAll('html, .scroll')]"
        ".filter(each => each.scrollWidth > each.clientWidth).length"
    )
    assert browser.execute_script("return window.innerWidth") == width
    assert wide == 0


def test_whatever_comes_from_outside_is_escaped(tmp_path: Path) -> None:
    save_example(
        tmp_path / "hard-examples",
        "<img src=x onerror=alert(1)>",
        0.6,
        label=HOSTILE,
        true_label=HOSTILE,
        miner=HOSTILE,
        model_version=HOSTILE,
        probabilities={HOSTILE: 0.5},
    )
    status = job(tmp_path)
    status.name = status.namespace = status.runner = status.deploy_trigger = HOSTILE
    status.samples.trigger = HOSTILE
    status.class_names = [HOSTILE, "dog"]
    status.rounds[0].reason = HOSTILE
    status.rounds[0].model_urls = [HOSTILE]
    status.rounds[0].candidate_metrics[HOSTILE] = [1.0]
    status.workers[1].name = HOSTILE

    page = page_of(status, tmp_path)

    assert "<script" not in page.html
    assert "<img src=x" not in page.html
    assert page.text.count(HOSTILE) > 12
