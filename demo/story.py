"""The demo's course: a model for the day, then the night comes, and the job learns it."""

import asyncio
import shutil
import signal
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

from rich.console import Console

from backend.errors import PermanentError, SettingsError
from backend.files import write_atomically
from demo.dataset import append_samples
from demo.edge_node import EdgeNode
from demo.labelling_page import labelling_page
from demo.pictures import Light
from demo.preparation import fill_dataset, render_held_out, train_on_day
from demo.scenario import Scenario, Source
from demo.setting import Setting
from demo.summary import Measured, print_summary
from jobs.report import write_report
from jobs.resources.loader import load_job
from jobs.standalone.runner import StandaloneRunner
from jobs.status import JobStatus
from jobs.view import open_view
from workers.compare.comparison import compare

__all__ = ["run_demo"]

_MARKER = ".sedna-tinyms-demo"


def run_demo(manifests: Path, root: Path, scenario: Scenario, console: Console) -> JobStatus:
    """Run the whole demo in the folder ``root``, which is emptied first if it is a demo's own.

    Returns the job's last status. Raises SettingsError if ``root`` holds anything else.
    """
    started = time.monotonic()
    resources = load_job([manifests])
    _make_room(root, console)
    setting, runner = Setting.of(resources, root), StandaloneRunner(resources, root)
    with console.status("Rendering dogs and croissants, by day and by night"):
        fill_dataset(setting, scenario)
        held_out = render_held_out(setting, scenario)
    console.print(f"Training the initial model on {scenario.initial_training} day pictures")
    train_on_day(setting, scenario)
    console.print("Running the job while night pictures come to the edge node")
    nights = _Nights(setting, scenario, held_out)
    page = labelling_page(setting, console) if scenario.by_hand else nullcontext()
    status = asyncio.run(_run_job(runner, nights, page))
    report = write_report(status, runner.report)
    print_summary(console, status, nights.measured, report, time.monotonic() - started)
    return status


def _make_room(root: Path, console: Console) -> None:
    if root.exists() and any(root.iterdir()):
        if not (root / _MARKER).exists():
            raise SettingsError(
                f"{root} is not empty and was not made by the demo: name another --root."
            )
        shutil.rmtree(root)
        console.print(f"Starting over: what an earlier demo left in {root} is removed")
    write_atomically(root / _MARKER, b"Made by `make demo`, which empties this folder.\n")


async def _run_job(
    runner: StandaloneRunner, nights: "_Nights", page: AbstractAsyncContextManager[None]
) -> JobStatus:
    task = asyncio.current_task()
    if task:
        # Like an interrupt: the runner ends its workers before the demo ends.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with page:
        with open_view(json=False) as view:

            def show(status: JobStatus) -> None:
                view(status)
                nights.tell(status)

            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(nights.come())
                    run = tasks.create_task(runner.run(rounds=nights.rounds, on_status=show))
            except ExceptionGroup as group:
                raise group.exceptions[0] from None
            return run.result()


class _Nights:
    """Night pictures come in, hard examples are labelled, and each round's model is measured."""

    def __init__(
        self, setting: Setting, scenario: Scenario, held_out: Mapping[Light, Path]
    ) -> None:
        self.rounds = scenario.rounds
        self.measured: list[Measured] = []
        self._setting = setting
        self._scenario = scenario
        self._held_out = held_out
        self._edge_node = EdgeNode(setting.inbox, setting.hard_examples)
        self._truth: dict[str, str] = {}
        self._ended = [asyncio.Event() for _ in range(scenario.rounds)]

    def tell(self, status: JobStatus) -> None:
        """Take note of the rounds that have ended."""
        for ended in self._ended[: status.rounds_ended]:
            ended.set()

    async def come(self) -> None:
        await self._measure("initial model")
        part = 0
        for number, ended in enumerate(self._ended, start=1):
            while len(self._edge_node.unlabelled()) < self._scenario.labels_per_round:
                part += 1
                await self._one_night(part)
            if not self._scenario.by_hand:
                self._label()
            await ended.wait()
            await self._measure(f"after round {number}")

    async def _one_night(self, part: int) -> None:
        count = self._scenario.stream_step
        if part * count > self._scenario.stream_limit:
            raise PermanentError(
                f"There were fewer than {self._scenario.labels_per_round} hard examples in "
                f"{self._scenario.stream_limit} night pictures: the model is sure of too many."
            )
        pictures = await asyncio.to_thread(
            self._scenario.render,
            self._setting.pictures,
            Source.STREAM,
            Light.NIGHT,
            count,
            part,
        )
        named = [
            (path.rename(path.with_stem(f"{path.stem}-{part}")), label) for path, label in pictures
        ]
        self._truth.update({path.stem: label for path, label in named})
        await self._edge_node.classify(path for path, _ in named)

    def _label(self) -> None:
        """Do what a person would do, from what was rendered."""
        hard = self._edge_node.unlabelled()[: self._scenario.labels_per_round]
        # What comes last is for evaluation: by the digest in the name, not what teaches least.
        hard.sort(key=lambda each: each[0].stem.rsplit("-", 1)[1])
        labels = [self._truth[picture.stem.rsplit("-", 1)[0]] for picture, _ in hard]
        append_samples(
            self._setting.index,
            [(picture, label) for (picture, _), label in zip(hard, labels, strict=True)],
        )
        for (picture, example), label in zip(hard, labels, strict=True):
            self._edge_node.label(picture, example, label)

    async def _measure(self, when: str) -> None:
        judged = {
            light: await asyncio.to_thread(compare, [self._setting.deployed_model], index, {})
            for light, index in self._held_out.items()
        }
        accuracy = {light: judgement.total.value for light, [judgement] in judged.items()}
        self.measured.append(Measured(when, accuracy))
