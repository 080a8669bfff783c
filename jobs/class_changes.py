"""Explains what follows if the classes of a job that has trained are changed."""

from collections.abc import Mapping, Sequence

from jobs.status import JobStatus, Outcome

__all__ = ["class_change"]


def class_change(status: JobStatus, named: Sequence[str], renamed: Mapping[str, str]) -> str:
    """Return what changed and what follows, or nothing if the deployed model has these classes.

    Args:
        status: The job's, with the classes of each round.
        named: The classes in the manifests now.
        renamed: Old names of classes to new ones.
    """
    ended = [round_ for round_ in status.rounds if round_.ended and round_.class_names]
    deployed = [round_ for round_ in ended if round_.outcome is Outcome.DEPLOYED]
    if not ended:
        return ""
    known = [renamed.get(name, name) for name in (deployed or ended)[-1].class_names]
    new = [name for name in named if name not in known]
    gone = [name for name in known if name not in named]
    changes = [f"{', '.join(new)} new"] * bool(new) + [f"{', '.join(gone)} removed"] * bool(gone)
    if not changes:
        return ""
    return (
        f"class_names has changed ({'; '.join(changes)}): the next round keeps what the model has"
        " learned about the other classes, evaluation gives probability 0 to classes that a model"
        f" does not have, and {', '.join(known)} are answered until a round deploys"
    )
