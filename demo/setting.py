"""Where the story plays: what the manifests say, as paths of this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jobs.resources.checks import JobResources
from jobs.standalone.paths import Node
from jobs.standalone.workers import container_environment

__all__ = ["Setting"]


@dataclass(frozen=True)
class Setting:
    """The job's files and the network's shape."""

    root: Path
    """The folder that stands for the node's ``/``."""
    backend_type: str
    """TINYMS or MINDSPORE."""
    class_names: tuple[str, ...]
    input_size: int
    index: Path
    initial_model: Path
    deployed_model: Path
    inbox: Path
    hard_examples: Path

    @classmethod
    def of(cls, resources: JobResources, root: Path) -> Self:
        """Read them from the manifests, with ``root`` for the node's ``/``."""
        node = Node(root.resolve())
        inference = container_environment(resources.job.spec.deploy_spec.template.spec, node)
        return cls(
            root=node.root,
            backend_type=inference["BACKEND_TYPE"],
            class_names=tuple(resources.class_names),
            input_size=int(inference["input_shape"].split(",")[0]),
            index=node.local(resources.dataset.spec.url),
            initial_model=node.local(resources.initial_model.spec.url),
            deployed_model=node.local(resources.deploy_model.spec.url),
            inbox=Path(inference["infer_url"]),
            hard_examples=Path(inference["HE_SAVED_URL"]),
        )

    @property
    def pictures(self) -> Path:
        """Pictures that belong to the demo, not to the job."""
        return self.root / "demo"
