"""Finds mistakes in a job whose fields are each valid.

Each check is for one behaviour of the real GlobalManager or LocalController that fails late,
silently or in a loop, and reports the mistake before anything runs.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import normpath

from backend.errors import SettingsError
from backend.models.model_file import model_format, model_name
from jobs.resources.schema import Dataset, IncrementalLearningJob, Model, PodSpec
from jobs.resources.worker_settings import SHARED, read_settings, unread_variables, worker_of
from jobs.triggers import NUM_OF_SAMPLES, holds
from workers.learning.settings import EstimatorSettings, MiningSettings
from workers.train.settings import TrainSettings

__all__ = ["JobResources", "mistakes", "warnings"]

_INDEXED = re.compile(r"[^\[\]\s][^\[\]]*\[\d+\]")
_INT8 = "int8"
_OFFLINE_TAINTS = ("node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready")


@dataclass(frozen=True)
class JobResources:
    """An IncrementalLearningJob with the resources that it names."""

    job: IncrementalLearningJob
    dataset: Dataset
    initial_model: Model
    deploy_model: Model
    eval_model: Model
    """What a trained model is compared with: the deploy model, or the job's initialEvalModel."""

    @property
    def name(self) -> str:
        """The job's name."""
        return self.job.metadata.name

    @property
    def namespace(self) -> str:
        """The namespace of the job and of all that it names."""
        return self.job.metadata.namespace

    @property
    def pods(self) -> dict[str, PodSpec]:
        """The pods' specs by the field that holds their template, in the order of a round."""
        spec = self.job.spec
        return {
            "spec.trainSpec": spec.train_spec.template.spec,
            "spec.evalSpec": spec.eval_spec.template.spec,
            "spec.deploySpec": spec.deploy_spec.template.spec,
        }

    @property
    def urls(self) -> dict[str, str]:
        """The locations of the samples, the models and the output, by field or resource."""
        models = {
            m.metadata.name: m for m in (self.initial_model, self.deploy_model, self.eval_model)
        }
        return {
            "spec.outputDir": self.job.spec.output_dir,
            f"Dataset {self.dataset.metadata.name}": self.dataset.spec.url,
            **{f"Model {name}": model.spec.url for name, model in models.items()},
        }

    @property
    def class_names(self) -> list[str]:
        """The model's classes, from the inference worker's template."""
        container = self.job.spec.deploy_spec.template.spec.containers[0]
        names = container.parameter("class_names").split(",")
        return [name.strip() for name in names if name.strip()]

    @property
    def renamed_classes(self) -> dict[str, str]:
        """Old names of classes to new ones, from the inference worker's template."""
        container = self.job.spec.deploy_spec.template.spec.containers[0]
        pairs = (part.partition("=") for part in container.parameter("renamed_classes").split(","))
        return {old.strip(): new.strip() for old, _, new in pairs if new.strip()}


def mistakes(resources: JobResources) -> Iterator[str]:
    """Yield one sentence for each mistake, with its field."""
    yield from _train_trigger(resources)
    yield from _deploy_trigger(resources)
    yield from _model_files(resources)
    yield from _train_share(resources)
    yield from _nodes(resources)
    yield from _volumes(resources)
    yield from _workers(resources)


def warnings(resources: JobResources) -> Iterator[str]:
    """Yield one sentence for each risk that does not prevent the job from running."""
    for field, pod in resources.pods.items():
        unread = unread_variables(pod.containers[0])
        yield from (f"{field}.template.spec.containers.0.env: {each}" for each in unread)
        missing = [
            taint
            for taint in _OFFLINE_TAINTS
            if not any(each.keeps_running(taint) for each in pod.tolerations)
        ]
        if missing:
            yield (
                f"{field}.template.spec.tolerations: five minutes after its node went offline"
                " Kubernetes deletes the pod, and Sedna never creates the inference pod again:"
                f" tolerate {' and '.join(missing)} (Exists, NoExecute)"
            )


def _train_trigger(resources: JobResources) -> Iterator[str]:
    condition = resources.job.spec.train_spec.trigger.condition
    field = "spec.trainSpec.trigger.condition"
    if condition.metric != NUM_OF_SAMPLES:
        yield f"{field}.metric: {condition.metric} never fires: write {NUM_OF_SAMPLES}"
    elif holds(condition.operator, 0, condition.threshold):
        yield f"{field}: {condition} holds without a sample: raise the threshold"


def _deploy_trigger(resources: JobResources) -> Iterator[str]:
    metric = resources.job.spec.deploy_spec.trigger.condition.metric
    if not _INDEXED.fullmatch(metric):
        yield (
            f"spec.deploySpec.trigger.condition.metric: {metric} has no index, without which the"
            f" LocalController takes it as 0 or never fires: write {metric.split('[')[0]}[0]"
        )


def _model_files(resources: JobResources) -> Iterator[str]:
    initial, deploy = resources.initial_model, resources.deploy_model
    if normpath(initial.spec.url) == normpath(deploy.spec.url):
        yield (
            f"spec.deploySpec.model.name: Models {initial.metadata.name} and"
            f" {deploy.metadata.name} are the same file {deploy.spec.url}, and deploying"
            " overwrites it: give them different files"
        )
    held = resources.eval_model
    if held is not deploy and normpath(held.spec.url) == normpath(initial.spec.url):
        yield (
            f"spec.evalSpec.initialEvalModel.name: Model {held.metadata.name} is the file of the"
            f" initial Model, {held.spec.url}, and deploying overwrites it: give it a copy"
        )


def _train_share(resources: JobResources) -> Iterator[str]:
    share, field = resources.job.spec.dataset.train_prob, "spec.dataset.trainProb"
    if share == 0:
        yield f"{field}: with 0 no sample is ever trained on: write more, such as 0.8"
    elif share == 1:
        yield f"{field}: with 1 no sample is left to evaluate a model on: write less, such as 0.8"


def _nodes(resources: JobResources) -> Iterator[str]:
    """Sedna moves nothing between nodes: a worker must run where its files and updates are."""
    node = resources.dataset.spec.node_name
    is_local = any(url.startswith("/") for url in resources.urls.values())
    is_updated = resources.job.spec.deploy_spec.model.hot_update_enabled
    for field, pod in resources.pods.items():
        is_bound = is_local or (is_updated and field == "spec.deploySpec")
        is_there = pod.node_name == node or (not pod.node_name and "nodeSelector" in pod.other)
        if is_bound and not is_there:
            yield (
                f"{field}.template.spec.nodeName: {pod.node_name or 'none'}, but the dataset is"
                f" on {node} and nothing is moved between nodes: write {node}"
            )


def _volumes(resources: JobResources) -> Iterator[str]:
    for field, pod in resources.pods.items():
        volumes = [volume.name for volume in pod.volumes]
        for position, container in enumerate(pod.containers):
            for mount in container.volume_mounts:
                if mount.name not in volumes:
                    yield (
                        f"{field}.template.spec.containers.{position}.volumeMounts: there is no"
                        f" volume {mount.name}: add it under volumes"
                    )


def _workers(resources: JobResources) -> Iterator[str]:
    """Find settings that a worker would refuse, or that differ between the workers."""
    read: dict[str, EstimatorSettings] = {}
    for field, pod in resources.pods.items():
        try:
            settings = read_settings(pod.containers[0], resources.initial_model.spec.url)
        except SettingsError as error:
            yield f"{field}.template.spec.containers.0.env: {error}"
        else:
            read |= {field: settings} if settings else {}
    yield from _differences(read)
    yield from _miner(resources)
    for settings in read.values():
        if isinstance(settings, TrainSettings):
            yield from _formats(resources, settings)


def _differences(read: Mapping[str, EstimatorSettings]) -> Iterator[str]:
    for field, settings in read.items():
        first, expected = next(iter(read.items()))
        for name, variable in SHARED.items():
            wanted = getattr(expected, name, None)
            if getattr(settings, name, wanted) != wanted:
                yield (
                    f"{field}.template.spec.containers.0.env: {variable} differs from that of"
                    f" {first}: the workers share one model, write the same"
                )


def _miner(resources: JobResources) -> Iterator[str]:
    spec = resources.job.spec.deploy_spec
    if worker_of(spec.template.spec.containers[0]):
        try:
            MiningSettings.from_environment(spec.hard_example_mining.variables).miner  # noqa: B018
        except SettingsError as error:
            yield f"spec.deploySpec.hardExampleMining: {error}"


def _formats(resources: JobResources, train: TrainSettings) -> Iterator[str]:
    """The LocalController picks a trained model by its format, and panics if it finds none."""
    reported = {model_format(name): name for name in train.model_names}
    initial = {"spec.initialModel.name": resources.initial_model}
    overwritten = {"spec.deploySpec.model.name": resources.deploy_model}
    if resources.job.spec.eval_spec.initial_eval_model:
        overwritten["spec.evalSpec.initialEvalModel.name"] = resources.eval_model
    for field, model in (initial | overwritten).items():
        if model.spec.format not in reported:
            yield (
                f"{field}: Model {model.metadata.name} has format {model.spec.format}, but"
                f" training reports {', '.join(reported)}: name it in model_formats"
            )
    yield from _initial_weights(resources.initial_model)
    yield from _file_names(overwritten)


def _initial_weights(initial: Model) -> Iterator[str]:
    if initial.spec.format == _INT8:
        yield (
            f"spec.initialModel.name: Model {initial.metadata.name} has format {_INT8}, which"
            " cannot be trained on: write ckpt, and name a .ckpt file"
        )


def _file_names(overwritten: Mapping[str, Model]) -> Iterator[str]:
    """A file's name determines its format for the workers, and deploying writes the format."""
    for field, model in overwritten.items():
        wanted, url = model.spec.format, model.spec.url
        if model_format(url) != wanted:
            yield (
                f"{field}: Model {model.metadata.name} has format {wanted}, but its file {url} is"
                f" named for another format: name it like {model_name(wanted)}"
            )
