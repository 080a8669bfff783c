"""Which runs the report rests on, and what they are put together to."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
from rich.console import Console

from demo.pictures import CLASS_NAMES
from demo.scenario import Scenario
from demo.setting import Setting
from demo.usecase.frameworks import measure_frameworks
from demo.usecase.hard import show_hard_examples
from demo.usecase.photographs import Photographs
from demo.usecase.results import Machine, Manifests, PhotographRun, Results, StoryRun
from demo.usecase.story import Arm, run_story
from demo.usecase.variant import MANIFESTS
from jobs.resources.checks import JobResources
from jobs.resources.loader import load_job

__all__ = ["ARMS", "run_study"]

_REPLAY = 120
ARMS = (
    Arm("TINYMS", seed=0, replay=_REPLAY),
    Arm("MINDSPORE", seed=0, replay=_REPLAY),
    Arm("TINYMS", seed=1, replay=_REPLAY),
    Arm("TINYMS", seed=0, replay=0),
)
"""The first is the report's main run, the others are held to it."""

_PHOTOGRAPH_ARMS = (("TINYMS", "head", 10), ("MINDSPORE", "head", 10), ("TINYMS", "full", 2))
_PACKAGES = ("mindspore", "tinyms", "onnxruntime", "numpy")
_GIGABYTE = 1024**3


def run_study(
    work: Path,
    *,
    shown: Path,
    scenario: Scenario,
    arms: Sequence[Arm],
    photographs: Photographs | None,
    console: Console,
) -> Results:
    """Run everything below the folder ``work``; copy the hard examples to show to ``shown``.

    Raises what a run raises: without one of them there is no report.
    """
    resources = load_job([MANIFESTS])
    frameworks = measure_frameworks()
    stories = [_story(arm, scenario, work, console) for arm in arms]
    photograph_runs = _photographs(photographs, work, console) if photographs else []
    first = Setting.of(resources, work / arms[0].name / "node")
    return Results(
        when=datetime.now(UTC),
        machine=_machine(),
        class_names=list(CLASS_NAMES),
        input_size=first.input_size,
        initial_training=scenario.initial_training,
        initial_epochs=scenario.initial_epochs,
        dataset=scenario.dataset,
        labels_per_round=scenario.labels_per_round,
        stories=stories,
        hard_examples=show_hard_examples(first.hard_examples, shown),
        manifests=_manifests(resources),
        frameworks=frameworks,
        photographs=photograph_runs,
    )


def _story(arm: Arm, scenario: Scenario, work: Path, console: Console) -> StoryRun:
    console.rule(arm.name)
    return run_story(arm, replace(scenario, seed=arm.seed), work / arm.name, console)


def _photographs(photographs: Photographs, work: Path, console: Console) -> list[PhotographRun]:
    runs = []
    for backend, fine_tune, epochs in _PHOTOGRAPH_ARMS:
        console.rule(f"photographs, {backend.lower()}, {fine_tune}")
        folder = work / f"photographs-{backend.lower()}-{fine_tune}"
        runs.append(photographs.run(backend, fine_tune, epochs, folder))
    return runs


def _manifests(resources: JobResources) -> Manifests:
    spec = resources.job.spec
    mining = spec.deploy_spec.hard_example_mining
    parameters = ", ".join(f"{each.key}={each.value}" for each in mining.parameters)
    return Manifests(
        train_prob=spec.dataset.train_prob,
        train_trigger=str(spec.train_spec.trigger.condition),
        deploy_trigger=str(spec.deploy_spec.trigger.condition),
        miner=f"{mining.name}({parameters})",
        training=spec.train_spec.template.spec.containers[0].environment,
    )


def _machine() -> Machine:
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gigabytes=psutil.virtual_memory().total / _GIGABYTE,
        versions={name: version(name) for name in _PACKAGES},
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), "unknown")
