"""The runner of one job on one machine."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from itertools import takewhile
from os.path import realpath
from pathlib import Path, PurePath
from typing import Any

import psutil
from watchfiles import Change, awatch

from backend.errors import SettingsError, TemporaryError
from backend.files import remove_leftovers, write_atomically
from jobs.class_changes import class_change
from jobs.resources.checks import JobResources
from jobs.runner import OnStatus
from jobs.standalone.conditions import StageModel
from jobs.standalone.containers import ContainerEngine, InContainers
from jobs.standalone.controller import Controller
from jobs.standalone.deployment import relocate_hot_update
from jobs.standalone.index import count, count_lines
from jobs.standalone.limits import check_limits, check_models
from jobs.standalone.paths import JobFiles, Node
from jobs.standalone.problems import inaction
from jobs.standalone.processes import Processes, alive, last_line, wait_for_end
from jobs.standalone.server import application, bind, serve
from jobs.standalone.stages import RunningJob
from jobs.standalone.state import JobState, StateFile, locked, runner_pid
from jobs.standalone.supervisor import Supervisor
from jobs.standalone.workers import (
    INFER,
    Place,
    WorkerFactory,
    container_environment,
    make_host_folders,
)
from jobs.status import Condition, ConditionType, JobStatus, Samples, Stage
from jobs.triggers import NUM_OF_SAMPLES

__all__ = ["StandaloneRunner"]

_SECONDS_TO_STOP = 30.0
_POLL_MILLISECONDS = 10_000
"""How often to check an index whose changes raise no events: on a network, or behind links."""
_QUIET_MILLISECONDS = 100
"""How long an index must be unchanged before it is read, so that a burst of appends is one
increment."""


class StandaloneRunner:
    """Runs a job's workers on this machine; see `jobs.runner.JobRunner`."""

    def __init__(
        self,
        resources: JobResources,
        root: Path,
        *,
        engine: ContainerEngine | None = None,
        backoff_seconds: float = 1.0,
    ) -> None:
        """Run the job ``resources``; the folder ``root`` represents the node's ``/``.

        With an ``engine`` the workers run in containers of their images, otherwise as processes.
        ``backoff_seconds`` pass before a worker's first restart, twice that before the next.

        Raises:
            SettingsError: the job needs something that the standalone runner does not support.
        """
        check_limits(resources)
        node = Node(root.resolve())
        self._resources = resources
        self._backoff_seconds = backoff_seconds
        self._index = node.local(resources.dataset.spec.url)
        self.files = JobFiles.of(resources, node)
        place = InContainers(node, self.files, engine) if engine else Place(node, self.files)
        self._factory = WorkerFactory(resources, place)

    async def run(
        self,
        *,
        rounds: int | None = None,
        timeout: float | None = None,
        on_status: OnStatus | None = None,
    ) -> JobStatus:
        """Run until ``rounds`` rounds of the job have ended; see `JobRunner.run`."""
        check_models(self._resources, self.files.node)
        self._factory.place.check(self._resources.pods.values())
        self._check_index()
        self.files.make_folders()
        with locked(self.files.lock):
            store = self._open()
            tell = on_status or _ignore
            async with asyncio.timeout(timeout):
                await self._run(store, rounds, tell)
            status = self._current(store.state.status)
            tell(status)
            return status

    @property
    def report(self) -> Path:
        """The file that `iljob report` writes, next to the job's state."""
        return self.files.report

    def status(self) -> JobStatus:
        """Return the job's status from its state on disk."""
        state = StateFile.read(self.files.state)
        if state is None:
            raise SettingsError(
                f"the job {self._resources.namespace}/{self._resources.name} never ran here"
                f" (there is no {self.files.state}): start it with `iljob run`"
            )
        return self._current(state.status)

    def retry(self) -> str:
        """Have the next round started with the samples that there are; see `JobRunner.retry`."""
        status = self.status()
        state = StateFile.read(self.files.state)
        if state is None or status.rounds_ended < len(status.rounds):
            raise SettingsError(f"round {len(status.rounds)} has not ended: wait for it")
        train_prob = self._resources.job.spec.dataset.train_prob
        waiting = count(state.shares.grown(count_lines(self._index), train_prob).train)
        missed = takewhile(lambda each: not each.model_urls, reversed(status.rounds))
        again = sum(each.train_samples for each in missed)
        if not waiting and not again:
            raise SettingsError("every sample has been trained on: append more to the index")
        write_atomically(self.files.retry, str(len(status.rounds)).encode())
        starts = "starts" if runner_pid(self.files.lock) else "starts with the next `iljob run`"
        return (
            f"round {len(status.rounds) + 1} {starts}: {waiting} new samples, {again} of rounds"
            " that trained no model"
        )

    async def watch(self, on_status: OnStatus) -> None:
        """Follow the state on disk while a runner runs the job."""
        on_status(self.status())
        pid = runner_pid(self.files.lock)
        if pid is not None:
            await _first_of(wait_for_end(pid), self._follow_files(on_status))
            on_status(self.status())

    def stop(self) -> None:
        """Send SIGTERM to the job's runner, and wait for its end."""
        pid = runner_pid(self.files.lock)
        if pid is None:
            raise SettingsError(
                f"the job {self._resources.namespace}/{self._resources.name} is not being run"
            )
        try:
            process = psutil.Process(pid)
            os.kill(pid, signal.SIGTERM)
            process.wait(_SECONDS_TO_STOP)
        except psutil.TimeoutExpired as error:
            raise TemporaryError(f"the runner, process {pid}, has not ended yet") from error
        except (psutil.NoSuchProcess, ProcessLookupError):
            return

    async def _run(self, store: StateFile, rounds: int | None, on_status: OnStatus) -> None:
        state = store.state
        pids = alive(state.status, self._factory.place.prefix)
        # Workers that outlived their runner continue to report to its port.
        listener = bind(state.port if pids else 0)
        state.port = listener.getsockname()[1]
        processes = Processes(store)
        processes.adopt(pids)
        store.save()
        supervisor = Supervisor(self._factory, store, processes, self._backoff_seconds)
        controller = Controller(RunningJob(self._factory, store, supervisor))
        async with serve(application(controller.receive, state.secret), listener):
            try:
                # The index is watched before the controller first reads it: they start in order.
                await _first_of(
                    self._follow_index(controller),
                    self._follow_logs(store),
                    supervisor.keep_inferring(),
                    store.until_problem(),
                    self._tell_changes(store, on_status),
                    controller.run(rounds),
                )
            finally:
                await processes.stop_all()
                await asyncio.to_thread(self._factory.place.remove)
                store.save()

    def _open(self) -> StateFile:
        for pod in self._resources.pods.values():
            make_host_folders(pod, self.files.node)
        self._remove_leftovers()
        relocate_hot_update(self.files, PurePath(self._factory.place.hot_update_config).parent)
        state = StateFile.read(self.files.state) or self._new_state()
        self._describe(state.status)
        store = StateFile(self.files.state, state)
        store.save()
        return store

    def _remove_leftovers(self) -> None:
        """Remove files that a killed runner had not finished writing."""
        models = (self._resources.deploy_model, self._resources.eval_model)
        served = {self.files.node.local(model.spec.url).parent for model in models}
        for folder in {self.files.folder, self.files.hot_update, *served}:
            remove_leftovers(folder)

    def _new_state(self) -> JobState:
        # Left by an earlier job of this name: the GlobalManager removes it with the job.
        self.files.hot_update_config.unlink(missing_ok=True)
        self.files.hot_update.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        status = JobStatus(
            name=self._resources.name,
            namespace=self._resources.namespace,
            runner="standalone",
            started=now,
            conditions=[Condition(stage=Stage.TRAIN, type=ConditionType.WAITING, time=now)],
            samples=Samples(),
            workers=[self._factory.new(INFER, 0)],
        )
        return JobState(status=status, base=StageModel.of(self._resources.initial_model))

    def _describe(self, status: JobStatus) -> None:
        """Update ``status`` from the manifests, which may have changed."""
        if (status.namespace, status.name) != (self._resources.namespace, self._resources.name):
            raise SettingsError(
                f"spec.outputDir: {self.files.output_url} is the folder of the job"
                f" {status.namespace}/{status.name}: give each job its own"
            )
        spec = self._resources.job.spec
        condition = spec.train_spec.trigger.condition
        status.samples.trigger = str(spec.train_spec.trigger)
        status.samples.needed = condition.threshold if condition.metric == NUM_OF_SAMPLES else 0
        status.deploy_trigger = str(spec.deploy_spec.trigger)
        status.class_names = self._resources.class_names

    @classmethod
    def class_change(cls, resources: JobResources, root: Path) -> str:
        """Return what follows if a job that ran below ``root`` now has other classes, or nothing.

        Raises:
            SettingsError: its state cannot be read.
        """
        if resources.job.spec.output_dir.startswith("/"):
            # Another user's job cannot be examined.
            with suppress(PermissionError):
                state = StateFile.read(JobFiles.of(resources, Node(root.resolve())).state)
                if state:
                    return _class_change(state.status, resources)
        return ""

    def _check_index(self) -> None:
        folder = self._index.parent
        if not folder.is_dir():
            raise SettingsError(
                f"Dataset {self._resources.dataset.metadata.name}: there is no folder {folder}:"
                " create it, and append the samples to the index file in it"
            )

    async def _tell_changes(self, store: StateFile, on_status: OnStatus) -> None:
        while True:
            on_status(self._current(store.state.status))
            await store.change()

    def _current(self, status: JobStatus) -> JobStatus:
        """Return a copy of ``status``, with the running workers' last lines and a problem."""
        copy = status.model_copy(deep=True)
        for worker in copy.workers:
            if worker.ended is None:
                worker.last_line = last_line(worker.log)
        inference = self._resources.job.spec.deploy_spec.template.spec
        folder = container_environment(inference, self.files.node).get("HE_SAVED_URL")
        copy.hard_examples = Path(folder) if folder else None
        copy.problem = inaction(copy, self._index)
        copy.note = _class_change(copy, self._resources)
        return copy

    async def _follow_index(self, controller: Controller) -> None:
        files = {self._index, Path(realpath(self._index))}
        names = {file.name for file in files}

        def is_index(_: Change, path: str) -> bool:
            return Path(path).name in names

        async for _ in awatch(
            *{file.parent for file in files if file.parent.is_dir()},
            watch_filter=is_index,
            recursive=False,
            step=_QUIET_MILLISECONDS,
            rust_timeout=_POLL_MILLISECONDS,
            yield_on_timeout=True,
        ):
            controller.look()

    async def _follow_logs(self, store: StateFile) -> None:
        """Tell of workers' output, and of `iljob retry`."""
        folder, retry = self.files.folder, self.files.retry

        def is_news(_: Change, path: str) -> bool:
            return Path(path).parent != folder or Path(path) == retry

        async for _ in awatch(self.files.logs, folder, watch_filter=is_news, recursive=False):
            store.tell()

    async def _follow_files(self, on_status: OnStatus) -> None:
        async for _ in awatch(self.files.folder):
            on_status(self.status())


def _class_change(status: JobStatus, resources: JobResources) -> str:
    return class_change(status, resources.class_names, resources.renamed_classes)


def _ignore(_: JobStatus) -> None:
    """Do nothing with a status."""


async def _first_of(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run ``coroutines`` until one of them ends or fails, then cancel the others."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
