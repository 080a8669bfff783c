"""The command ``iljob``: run, watch and report an IncrementalLearningJob.

Exit status: 0 when the requested rounds have ended, whether or not they deployed a model; 1 when
the last of them, or another that ended during this run, failed, when the timeout expired, or when
the job was stopped first; 2 when a manifest or a setting is wrong.
"""

import argparse
import asyncio
import logging
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from backend.errors import ProjectError, SettingsError
from jobs.evaluation import evaluate_models, print_judgements
from jobs.report import write_report
from jobs.resources.checks import warnings
from jobs.resources.loader import load_documents, load_job, load_jobs
from jobs.runner import JobRunner, OnStatus
from jobs.standalone.containers import ENGINES, ContainerEngine
from jobs.standalone.problems import sentence
from jobs.standalone.runner import StandaloneRunner
from jobs.status import JobStatus, Outcome
from jobs.view import open_view

if TYPE_CHECKING:
    from jobs.kubernetes.runner import KubernetesRunner

__all__ = ["main", "make_parser"]

_FAILED = 1
_WRONG_SETTINGS = 2
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``iljob`` with the arguments ``argv``; return its exit status."""
    arguments = make_parser().parse_args(argv)
    logging.basicConfig(level=logging.DEBUG if arguments.debug else logging.WARNING)
    command: _Command = arguments.command
    try:
        return command(arguments)
    except (ProjectError, OSError) as error:
        if arguments.debug:
            traceback.print_exc()
        sys.stderr.write(f"iljob: {sentence(error)}\n")
        return _WRONG_SETTINGS if isinstance(error, SettingsError) else _FAILED


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of ``iljob``'s arguments."""
    parser = argparse.ArgumentParser(prog="iljob", description=_first_line(__doc__))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = _command(commands, "run", _run)
    run.add_argument(
        "--rounds", type=_positive, metavar="N",
        help="return when N rounds of the job have ended, those of earlier runs included",
    )  # fmt: skip
    run.add_argument("--timeout", type=float, metavar="S", help="give up after S seconds")
    run.add_argument(
        "--in-containers", action="store_true",
        help="standalone: run the workers in containers of their images",
    )  # fmt: skip
    run.add_argument(
        "--engine", choices=ENGINES, help="what runs containers (default: the first that answers)"
    )
    status = _command(commands, "status", _status)
    watch = _command(commands, "watch", _watch)
    _command(commands, "stop", _stop)
    _command(commands, "retry", _retry)
    _command(commands, "apply", _apply).set_defaults(on="kubernetes")
    _command(commands, "restore", _restore).set_defaults(on="kubernetes")
    report = _command(commands, "report", _report)
    report.add_argument(
        "--output", type=Path, metavar="FILE",
        help="default: <outputDir>/iljob/report.html, or JOB-report.html here for kubernetes",
    )  # fmt: skip
    _command(commands, "validate", _validate)
    evaluate = _subcommand(commands, "evaluate", _evaluate)
    evaluate.add_argument(
        "models", nargs="+", type=Path, metavar="MODEL",
        help="model files; each but the first is compared with the first",
    )  # fmt: skip
    evaluate.add_argument(
        "--index", type=Path, required=True, metavar="FILE",
        help="an index file; the samples' paths are relative to its folder",
    )  # fmt: skip
    for command in (run, status, watch, evaluate):
        command.add_argument("--json", action="store_true", help="print one JSON object a line")
    return parser


def _subcommand(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, command: _Command
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=_first_line(command.__doc__))
    parser.set_defaults(command=command)
    parser.add_argument("--debug", action="store_true", help="show tracebacks and debug messages")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, command: _Command
) -> argparse.ArgumentParser:
    """Add a command about a job."""
    parser = _subcommand(commands, name, command)
    parser.add_argument(
        "manifests", nargs="+", type=Path, metavar="MANIFESTS",
        help="YAML files or folders of them, with the job, its Dataset and its Models",
    )  # fmt: skip
    parser.add_argument(
        "--on", choices=["standalone", "kubernetes"], default="standalone",
        help="this machine, or the cluster of the kubeconfig (default: standalone)",
    )  # fmt: skip
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR",
        help="standalone: the folder that stands for the node's / (default: /)",
    )  # fmt: skip
    return parser


def _run(arguments: argparse.Namespace) -> int:
    """Run the job from its current state."""
    engine = ContainerEngine.find(arguments.engine) if arguments.in_containers else None
    runner = _runner(arguments, engine)
    ended: list[int] = []  # before this run
    with open_view(json=arguments.json) as view:

        def show(status: JobStatus) -> None:
            if not ended:
                ended.append(status.rounds_ended)
            view(status)

        try:
            status = asyncio.run(_until_signal(runner, arguments, show))
        except TimeoutError:
            sys.stderr.write(f"iljob: the {arguments.timeout:g} seconds have passed\n")
            return _FAILED
    return _exit_status(status, arguments.rounds, ended[0] if ended else 0)


async def _until_signal(
    runner: JobRunner,
    arguments: argparse.Namespace,
    on_status: OnStatus,
) -> JobStatus:
    """Run the job; SIGINT and SIGTERM end its runner and return the status so far."""
    loop = asyncio.get_running_loop()
    run = asyncio.create_task(
        runner.run(rounds=arguments.rounds, timeout=arguments.timeout, on_status=on_status)
    )

    def stop() -> None:
        # A second signal kills the runner; the next one adopts its workers.
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
        run.cancel()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        return await run
    except asyncio.CancelledError:
        return await asyncio.to_thread(runner.status)


def _exit_status(status: JobStatus, rounds: int | None, ended_before: int) -> int:
    if rounds is None:
        return 0
    if status.rounds_ended < rounds:
        sys.stderr.write(f"iljob: stopped after {status.rounds_ended} of {rounds} rounds\n")
        return _FAILED
    # A run with nothing left to do is judged by the last round that was asked for.
    judged = status.rounds[min(ended_before, rounds - 1) : rounds]
    failed = [round_ for round_ in judged if round_.outcome is Outcome.FAILED]
    for round_ in failed:
        sys.stderr.write(f"iljob: round {round_.number} failed: {round_.reason}\n")
    return _FAILED if failed else 0


def _status(arguments: argparse.Namespace) -> int:
    """Show the job's progress."""
    status = _runner(arguments).status()
    with open_view(json=arguments.json) as view:
        view(status)
    return 0


def _watch(arguments: argparse.Namespace) -> int:
    """Follow the job while another process is running it."""
    runner = _runner(arguments)
    runner.status()
    with open_view(json=arguments.json) as view:
        try:
            asyncio.run(runner.watch(view))
        except KeyboardInterrupt:
            return 0
    return 0


def _stop(arguments: argparse.Namespace) -> int:
    """End the job; on one machine `run` continues it, a cluster starts over."""
    _runner(arguments).stop()
    return 0


def _retry(arguments: argparse.Namespace) -> int:
    """Start a round with the samples that there are, those of failed rounds too."""
    sys.stdout.write(f"{_runner(arguments).retry()}\n")
    return 0


def _apply(arguments: argparse.Namespace) -> int:
    """Apply the manifests to the cluster; the rounds of a running job continue."""
    _kubernetes_runner(arguments).apply()
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    """Have the cluster recreate a missing inference pod, without retraining."""
    _kubernetes_runner(arguments).restore()
    return 0


def _report(arguments: argparse.Namespace) -> int:
    """Write what the job has done as one HTML page."""
    runner = _runner(arguments)
    target = write_report(runner.status(), arguments.output or runner.report)
    sys.stdout.write(f"{target}\n")
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    """Check the manifests, including what a cluster would show only at run time."""
    for job in load_jobs(arguments.manifests):
        name = f"{job.namespace}/{job.name}"
        warned = [*warnings(job)]
        if arguments.on == "standalone":
            change = StandaloneRunner.class_change(job, arguments.root)
            warned += [change] if change else []
        sys.stdout.writelines(f"{name}: warning: {each}\n" for each in warned)
        count = f", with {len(warned)} warning{'s' * (len(warned) > 1)}" if warned else ""
        sys.stdout.write(f"{name}: valid{count}\n")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    """Evaluate model files on an index: by class, by folder, and compared with each other."""
    with Console(stderr=True).status(f"Evaluating on {arguments.index}"):
        judgements = evaluate_models(arguments.models, arguments.index)
    if arguments.json:
        sys.stdout.writelines(f"{each.model_dump_json()}\n" for each in judgements)
    else:
        print_judgements(judgements, Console(file=sys.stdout, highlight=False))
    return 0


def _runner(arguments: argparse.Namespace, engine: ContainerEngine | None = None) -> JobRunner:
    if arguments.on == "standalone":
        return StandaloneRunner(load_job(arguments.manifests), arguments.root, engine=engine)
    if engine:
        raise SettingsError("--in-containers is for this machine: a cluster always uses containers")
    return _kubernetes_runner(arguments)


def _kubernetes_runner(arguments: argparse.Namespace) -> "KubernetesRunner":
    # Its import takes half a second, which a run on this machine does not need.
    from jobs.kubernetes.runner import KubernetesRunner  # noqa: PLC0415

    if arguments.on != "kubernetes":
        raise SettingsError("apply and restore are for a cluster: leave out --on standalone")
    return KubernetesRunner(load_job(arguments.manifests), load_documents(arguments.manifests))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n", maxsplit=1)[0]
