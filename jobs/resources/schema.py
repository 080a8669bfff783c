"""Fields of Dataset, Model and IncrementalLearningJob, ``sedna.io/v1alpha1``.

Names, required fields and defaults are those of Sedna's CRDs; an unknown field is an error.
Only those fields of a pod's template are modelled that the standalone runner uses; its other
Kubernetes fields are kept unchanged.
"""

import json
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from workers.contract import Variable

__all__ = [
    "API_VERSION",
    "Container",
    "Dataset",
    "EnvVar",
    "IncrementalLearningJob",
    "Model",
    "ModelSpec",
    "PodSpec",
    "PodTemplate",
    "Timer",
    "Toleration",
    "Trigger",
    "TriggerCondition",
    "VolumeMount",
]

API_VERSION = "sedna.io/v1alpha1"
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def _time_of_day(value: object) -> object:
    if isinstance(value, str) and _TIME.fullmatch(value):
        return value
    raise ValueError(
        f'{value!r} is not a time that Sedna can compare: write it like "09:00"; the latest is'
        ' "23:59", whose minute is included'
    )


Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
"""A resource's name: a DNS subdomain, which can be part of a path."""

Url = Annotated[str, Field(pattern=r"^(/|s3://|https?://)")]
"""An absolute path on the node, or an s3 or http(s) URL."""

TimeOfDay = Annotated[str, BeforeValidator(_time_of_day)]
"""``HH:MM``, 24 hours, in the node's local time."""

Operator = Literal[
    ">", "gt", ">=", "ge", "=", "==", "eq", "!=", "ne", "<=", "le", "<", "lt"
]  # fmt: skip

HostPathType = Literal[
    "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice",
    "BlockDevice",
]  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        protected_namespaces=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: object) -> object:
        """Kubernetes treats a field that is null as absent."""
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None}


class _PodPart(_Part):
    """A part of a pod's template, with the Kubernetes fields that are kept unchanged."""

    passed_on: ClassVar[str]

    # The blank prevents the alias from being a key in a manifest.
    other: dict[str, Any] = Field(default={}, alias=" other")

    @model_validator(mode="before")
    @classmethod
    def _keep_other(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        other = {key: value for key, value in data.items() if key in cls.passed_on.split()}
        return {key: value for key, value in data.items() if key not in other} | {" other": other}


class Metadata(_Part):
    """Name, namespace and the metadata that Kubernetes adds."""

    model_config = ConfigDict(extra="allow")

    name: Name = Field(description="A DNS subdomain.")
    namespace: Name = Field(
        default="default", description="The job's, and that of everything it names."
    )


class EnvVar(_PodPart):
    """An environment variable of a container."""

    passed_on = "valueFrom"

    name: str = Field(min_length=1, description="The variable.")
    value: str = Field(default="", description="Its value, in quotes if it is a number.")


class VolumeMount(_PodPart):
    """The path at which a container sees a volume."""

    passed_on = "readOnly recursiveReadOnly mountPropagation subPathExpr"

    name: str = Field(description="The volume's name.")
    mount_path: str = Field(pattern="^/", description="Where the container sees it.")
    sub_path: str = Field(default="", description="A path in the volume; empty: all of it.")


class Container(_PodPart):
    """A container of a pod's template."""

    passed_on = (
        "envFrom imagePullPolicy lifecycle livenessProbe ports readinessProbe resizePolicy "
        "restartPolicy securityContext startupProbe stdin stdinOnce terminationMessagePath "
        "terminationMessagePolicy tty volumeDevices workingDir"
    )

    name: Name = Field(description="The container's name.")
    image: str = Field(
        min_length=1,
        description="The image; the one-machine runner needs it with `--in-containers` only.",
    )
    command: list[str] = Field(
        default=[], description="Unset: the image's own, `python -m workers`."
    )
    args: list[str] = Field(default=[], description="Which worker: `train`, `eval` or `infer`.")
    env: list[EnvVar] = Field(default=[], description="[The worker's settings](settings.md).")
    volume_mounts: list[VolumeMount] = Field(
        default=[], description="The paths of its volumes in the container."
    )
    resources: dict[str, Any] = Field(default={}, description="Requests and limits.")

    @property
    def environment(self) -> dict[str, str]:
        """The variables as written, by name."""
        return {variable.name: variable.value for variable in self.env}

    def parameter(self, name: str) -> str:
        """Return a worker's parameter, which may also be in upper case; "" if it is not set."""
        return self.environment.get(name) or self.environment.get(name.upper(), "")


class HostPath(_Part):
    """A path of the node."""

    path: str = Field(pattern="^/", description="The path on the node.")
    type: HostPathType = Field(
        default="",
        description="What must exist there; `DirectoryOrCreate` creates the folder, owned by root.",
    )


class Volume(_PodPart):
    """A volume of a pod's template; only a hostPath is seen by the standalone runner."""

    passed_on = (
        "configMap csi downwardAPI emptyDir ephemeral image nfs persistentVolumeClaim projected "
        "secret"
    )

    name: str = Field(description="The name used in `volumeMounts`.")
    host_path: HostPath | None = None


class Toleration(_Part):
    """A taint of the node that the pod tolerates."""

    key: str = Field(default="", description="The taint's key; empty: every taint's.")
    operator: Literal["Exists", "Equal"] = Field(
        default="Equal", description="`Exists` takes any value of the taint."
    )
    value: str = Field(default="", description="The taint's value.")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        default="", description="The taint's effect; empty: any."
    )
    toleration_seconds: int | None = Field(
        default=None, description="How long a pod tolerates a `NoExecute` taint. Unset: forever."
    )

    def keeps_running(self, taint: str) -> bool:
        """Return whether the pod stays without limit with a ``NoExecute`` taint of no value."""
        return (
            self.key in {"", taint}
            and (self.operator == "Exists" or not self.value)
            and self.effect in {"", "NoExecute"}
            and self.toleration_seconds is None
        )


class PodSpec(_PodPart):
    """The pod that a worker runs in."""

    passed_on = (
        "activeDeadlineSeconds affinity automountServiceAccountToken dnsConfig dnsPolicy "
        "enableServiceLinks ephemeralContainers hostAliases hostIPC hostNetwork hostPID hostUsers "
        "hostname imagePullSecrets initContainers nodeSelector os overhead preemptionPolicy "
        "priority priorityClassName readinessGates resourceClaims restartPolicy runtimeClassName "
        "schedulerName schedulingGates securityContext serviceAccount serviceAccountName "
        "setHostnameAsFQDN shareProcessNamespace subdomain terminationGracePeriodSeconds "
        "topologySpreadConstraints"
    )

    containers: list[Container] = Field(
        min_length=1, description="Exactly one for the one-machine runner."
    )
    node_name: str = Field(default="", description="The Dataset's `nodeName`.")
    volumes: list[Volume] = Field(
        default=[], description="The volumes that the containers' `volumeMounts` name."
    )
    tolerations: list[Toleration] = Field(
        default=[], description="The taints that the pod tolerates, such as `unreachable`."
    )


class PodTemplate(_Part):
    """A pod's template; Sedna sets the pod's name and labels."""

    metadata: dict[str, Any] = Field(default={}, description="Annotations; Sedna sets the rest.")
    spec: PodSpec


class Timer(_Part):
    """The hours of the day in which a trigger may fire, both ends included."""

    start: TimeOfDay = Field(description="`HH:MM`, in quotes, in the node's local time.")
    end: TimeOfDay = Field(
        description="`HH:MM`, in quotes; if earlier than `start`, on the next day."
    )


class TriggerCondition(_Part):
    """``metric operator threshold``."""

    operator: Operator = Field(description="Values are equal within 1e-6.")
    threshold: float = Field(description="The value that the metric is compared with.")
    metric: str = Field(
        min_length=1,
        description="`num_of_samples` for training, a metric with an index such as "
        "`better_probability[0]` for deployment: see [triggers](../how-to/triggers.md).",
    )

    def __str__(self) -> str:
        """Return the condition in text form: ``num_of_samples >= 200``."""
        return f"{self.metric} {self.operator} {self.threshold:g}"


class Trigger(_Part):
    """The condition on which a stage begins; Sedna ignores ``checkPeriodSeconds``."""

    check_period_seconds: int | None = Field(default=None, description="Ignored, by Sedna too.")
    timer: Timer | None = None
    condition: TriggerCondition

    def __str__(self) -> str:
        """Return the condition and, if there is one, the timer."""
        window = f", {self.timer.start} to {self.timer.end}" if self.timer else ""
        return f"{self.condition}{window}"


class DatasetReference(_Part):
    """The job's dataset, and the share of new samples that goes to training (0 to 1)."""

    name: Name = Field(description="The Dataset's name.")
    train_prob: float = Field(
        ge=0, le=1, description="The share of each increment that goes to training, rounded down."
    )


class ModelReference(_Part):
    """The name of a Model."""

    name: Name = Field(description="The Model's name.")


class DeployModelReference(ModelReference):
    """The Model to deploy, and whether the inference worker loads it without a restart."""

    hot_update_enabled: bool = Field(
        default=False, description="Load a new model without a restart (recommended)."
    )
    poll_period_seconds: int = Field(default=60, ge=1, description="Seconds.")


class Parameter(_Part):
    """A parameter of the hard example miner; its value is text."""

    key: str = Field(description="The parameter's name.")
    value: str = Field(description="Its value, in quotes.")


class HardExampleMining(_Part):
    """The miner that selects the samples which the inference worker keeps for labelling."""

    name: str = Field(description="One of [the miners](miners.md).")
    parameters: list[Parameter] = Field(default=[], description="The miner's parameters.")

    @property
    def variables(self) -> dict[str, str]:
        """The variables with which the GlobalManager passes it to the inference worker."""
        parameters = [parameter.model_dump() for parameter in self.parameters]
        return {Variable.HEM_NAME: self.name, Variable.HEM_PARAMETERS: json.dumps(parameters)}


class TrainSpec(_Part):
    """The train worker, and when it starts."""

    template: PodTemplate
    trigger: Trigger


class EvalSpec(_Part):
    """The eval worker, and the model with which the first trained model is compared."""

    template: PodTemplate
    initial_eval_model: ModelReference | None = Field(
        default=None,
        description="The Model with which the first trained model is compared. Unset: the deploy "
        "Model. Its file is overwritten.",
    )


class DeploySpec(_Part):
    """The inference worker, its model, and the condition on which that is replaced."""

    model: DeployModelReference = Field(description="The Model that serves.")
    trigger: Trigger = Field(description="The condition on which a trained model replaces it.")
    hard_example_mining: HardExampleMining
    template: PodTemplate


class IncrementalLearningJobSpec(_Part):
    """The parts of the job."""

    dataset: DatasetReference
    initial_model: ModelReference = Field(
        description="The model from which the first round starts."
    )
    train_spec: TrainSpec
    eval_spec: EvalSpec
    deploy_spec: DeploySpec
    output_dir: Url = Field(description="The folder for the rounds' indexes and models.")
    credential_name: str = Field(default="", description="The Secret with access to `outputDir`.")


class DatasetSpec(_Part):
    """The index file; incremental jobs accept only the format ``txt``."""

    url: Url = Field(description="The index file: a path on the node, or an s3 or http(s) URL.")
    format: Literal["txt"] = Field(
        description="The index file's format; incremental learning accepts no other."
    )
    node_name: str = Field(
        min_length=1, description="The node that has the samples and runs all workers."
    )
    credential_name: str = Field(default="", description="The Secret with access to `url`.")


class ModelSpec(_Part):
    """A model file, its format and the devices it is for."""

    url: Url = Field(description="The model file: a path on the node, or an s3 or http(s) URL.")
    format: str = Field(
        min_length=1,
        description="Determines which of the reported models the LocalController deploys.",
    )
    device_soc_versions: list[str] = Field(
        default=[],
        alias="device_soc_versions",
        description="Chips that the model is for; empty: all.",
    )
    credential_name: str = Field(default="", description="The Secret with access to `url`.")


class _Resource(_Part):
    api_version: Literal["sedna.io/v1alpha1"] = Field(
        description="Sedna's version of the resource."
    )
    metadata: Metadata
    status: dict[str, Any] | None = Field(
        default=None, description="Written by the controllers; not read."
    )


class Dataset(_Resource):
    """The samples that a job learns from."""

    kind: Literal["Dataset"] = Field(description="The kind of resource.")
    spec: DatasetSpec


class Model(_Resource):
    """A model file that a job starts from, evaluates or deploys."""

    kind: Literal["Model"] = Field(description="The kind of resource.")
    spec: ModelSpec


class IncrementalLearningJob(_Resource):
    """A job that trains, evaluates and deploys in rounds, as labelled samples arrive."""

    kind: Literal["IncrementalLearningJob"] = Field(description="The kind of resource.")
    spec: IncrementalLearningJobSpec
