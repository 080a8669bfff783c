from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from backend.errors import SettingsError
from backend.images.preprocessing import InputFormat
from workers.environment import EnvironmentSettings
from workers.eval.settings import EvalSettings
from workers.infer.settings import InferSettings
from workers.sedna.settings import JobSettings
from workers.storage.settings import S3Settings
from workers.train.settings import TrainSettings

IDENTITY = {"JOB_NAME": "job", "WORKER_NAME": "worker-abcde"}
TRAIN = IDENTITY | {
    "class_names": "croissant,dog",
    "BASE_MODEL_URL": "/home/data/models/model.ckpt",
    "MODEL_URL": "/home/data/output/train/1",
    "TRAIN_DATASET_URL": "/home/data/output/data/train/1/data.txt",
    "ORIGINAL_DATASET_URL": "/home/data/dataset/index.txt",
}
EVAL = IDENTITY | {
    "class_names": "croissant,dog",
    "MODEL_URLS": "/m/new.onnx;/m/old.onnx",
    "TEST_DATASET_URL": "/d/data.txt",
    "ORIGINAL_DATASET_URL": "/d/index.txt",
}
INFER = IDENTITY | {
    "class_names": "croissant,dog",
    "MODEL_URL": "/m/model.onnx",
    "infer_url": "/inbox",
}


def test_what_is_not_set_has_its_default() -> None:
    settings = TrainSettings.from_environment(TRAIN)
    assert settings.class_names == ("croissant", "dog")
    assert settings.input_format == InputFormat(224)
    assert settings.model_formats == ("ckpt", "onnx")
    assert (settings.trained_part, settings.replay_count) == (3, 2000)


@pytest.mark.parametrize(
    ("fine_tune", "mixup", "backbone_rate"), [("", 0.4, 0.5), ("head", 0.4, 0.5), ("full", 0, 1)]
)
def test_a_pretrained_backbone_learns_slowly_from_mixed_samples(
    fine_tune: str, mixup: float, backbone_rate: float
) -> None:
    settings = TrainSettings.from_environment(TRAIN | {"fine_tune": fine_tune})
    assert (settings.mixup_parameter, settings.rate_of_backbone) == (mixup, backbone_rate)

    own = TRAIN | {"fine_tune": fine_tune, "mixup": "0", "backbone_rate": "0.1"}
    settings = TrainSettings.from_environment(own)
    assert (settings.mixup_parameter, settings.rate_of_backbone) == (0, 0.1)


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("input_shape", "96,96", "input_size", 96),
        ("input_shape", "96", "input_size", 96),
        ("INPUT_SHAPE", "64,64", "input_size", 64),
        ("EPOCHS", "3", "epochs", 3),
        ("epochs", "", "epochs", 5),
        ("fine_tune", "head", "fine_tune", "head"),
        ("fine_tune", "3", "fine_tune", 3),
        ("model_formats", "npz, onnx", "model_formats", ("npz", "onnx")),
        ("BACKEND_TYPE", "mindspore", "backend_type", "MINDSPORE"),
        (
            "renamed_classes",
            "hound=dog, bun = croissant",
            "renamed_classes",
            {"hound": "dog", "bun": "croissant"},
        ),
    ],
)
def test_a_variable_sets_its_field(variable: str, value: str, field: str, expected: object) -> None:
    settings = TrainSettings.from_environment(TRAIN | {variable: value})
    assert getattr(settings, field) == expected


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("epochs", "0", "greater than 0"),
        ("epochs", "many", "integer"),
        ("batch_size", "1.5", "integer"),
        ("learning_rate", "-1", "greater than 0"),
        ("learning_rate", "nan", "finite"),
        ("optimizer", "sgd", "'adam' or 'momentum'"),
        ("label_smoothing", "1", "less than 1"),
        ("fine_tune", "0", "head, full or the number"),
        ("fine_tune", "heads", "head, full or the number"),
        ("input_shape", "96,64", "a square such as 96,96"),
        ("input_shape", "100", "multiple of 32"),
        ("input_shape", "96.0", "a square such as 96,96"),
        ("network", "resnet51", "match pattern"),
        ("network", "my network", "match pattern"),
        ("class_names", "dog", "two or more different names"),
        ("class_names", "dog,dog", "two or more different names"),
        ("class_names", "big dog,cat", "must not contain spaces"),
        ("model_formats", "ckpt,pth", "'ckpt', 'onnx', 'npz', 'mindir' or 'int8'"),
        ("seed", "-1", "greater than or equal to 0"),
        ("renamed_classes", "hound", "pairs such as hound=dog"),
        ("renamed_classes", "=dog", "pairs such as hound=dog"),
        ("replay", "-1", "greater than or equal to 0"),
        ("MODEL_URL", "gs://bucket/out", "gs:// is not supported"),
        ("BACKEND_TYPE", "torch", "'TINYMS' or 'MINDSPORE'"),
    ],
)
def test_a_wrong_value_names_variable_value_and_what_is_expected(
    variable: str, value: str, expected: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        TrainSettings.from_environment(TRAIN | {variable: value})
    assert str(raised.value).startswith(f"{variable}={value!r}: ")
    assert expected in str(raised.value)


def test_the_network_decides_what_input_sizes_fit() -> None:
    grey = TrainSettings.from_environment(TRAIN | {"network": "lenet5"})
    assert grey.input_format.shape == (1, 32, 32)
    with pytest.raises(SettingsError, match=r"input_shape='96': .* 32 pixels only"):
        TrainSettings.from_environment(TRAIN | {"network": "lenet5", "input_shape": "96"})


def test_a_network_of_the_user_s_own_need_not_be_there_when_its_settings_are_read() -> None:
    own = TrainSettings.from_environment(TRAIN | {"network": "nowhere.at_all:make"})
    with pytest.raises(SettingsError, match=r"network=nowhere\.at_all:make: it cannot be imported"):
        _ = own.input_format


def test_all_that_is_wrong_is_told_at_once() -> None:
    environment = {**TRAIN, "epochs": "x", "seed": "y"}
    del environment["TRAIN_DATASET_URL"]
    with pytest.raises(SettingsError) as raised:
        TrainSettings.from_environment(environment)
    assert all(
        part in str(raised.value)
        for part in ("epochs='x'", "seed='y'", "TRAIN_DATASET_URL is not set: The index file")
    )


def test_models_to_evaluate_keep_their_order_and_empty_parts_are_dropped() -> None:
    settings = EvalSettings.from_environment(EVAL | {"MODEL_URLS": "/m/b.onnx; /m/a.onnx;"})
    assert settings.model_urls == (Path("/m/b.onnx"), Path("/m/a.onnx"))


def test_a_model_of_an_unknown_scheme_is_refused_without_its_secrets() -> None:
    urls = "/m/a.onnx;ftp://user:word@b/c.onnx?token=hush"
    with pytest.raises(SettingsError, match=r"MODEL_URLS=.*ftp:// is not supported") as raised:
        EvalSettings.from_environment(EVAL | {"MODEL_URLS": urls})
    assert not any(secret in str(raised.value) for secret in ("user", "word", "hush"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("store:9000", "https://store:9000"),
        ("https://store", "https://store"),
        ("http://store:9000", "http://store:9000"),
        ("", None),
    ],
)
def test_an_endpoint_without_a_scheme_is_https(text: str, expected: str | None) -> None:
    settings = S3Settings.from_environment({"S3_ENDPOINT_URL": text})
    assert settings.s3_endpoint_url == expected


def test_credentials_are_not_printed() -> None:
    settings = S3Settings.from_environment({"ACCESS_KEY_ID": "hush", "SECRET_ACCESS_KEY": "hush"})
    assert "hush" not in f"{settings} {settings!r} {settings.model_dump()}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"key": "random_ratio", "value": "0.3"}]', {"random_ratio": "0.3"}),
        ("[]", {}),
        ("null", {}),  # what the GlobalManager writes for no parameters
    ],
)
def test_miner_parameters_are_a_list_of_keys_and_values(
    text: str, expected: Mapping[str, str]
) -> None:
    settings = InferSettings.from_environment(INFER | {"HEM_PARAMETERS": text})
    assert settings.hem_parameters == expected


@pytest.mark.parametrize("text", ["[", "[1]", "3", '[{"key": "a"}]'])
def test_other_miner_parameters_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"HEM_PARAMETERS=.*JSON list"):
        InferSettings.from_environment(INFER | {"HEM_PARAMETERS": text})


def test_the_job_is_told_by_the_global_manager() -> None:
    settings = JobSettings.from_environment(IDENTITY | {"DATA_PATH_PREFIX": "/root/"})
    assert settings.local_controller_url == "http://localhost:9100"
    assert settings.data_path_prefix == "/root"
    with pytest.raises(SettingsError, match=r"LC_SERVER='localhost:9100': .*pattern"):
        JobSettings.from_environment(IDENTITY | {"LC_SERVER": "localhost:9100"})


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, 10),
        ({"LC_SERVER": "http://127.0.0.1:9100"}, 0),
        ({"LC_SERVER": "http://lc:9100", "DATA_PATH_PREFIX": "/some/root"}, 0),
        ({"LC_SERVER": "http://lc:9100", "DATA_PATH_PREFIX": "/home/data"}, 10),
        ({"LC_SERVER": "http://localhost:9100"}, 10),
        ({"DATA_PATH_PREFIX": "/home/data", "report_margin_seconds": "0"}, 0),
        ({"report_margin_seconds": "2.5"}, 2.5),
    ],
)
def test_reports_keep_their_distance_on_a_cluster(
    variables: dict[str, str], seconds: float
) -> None:
    assert JobSettings.from_environment(IDENTITY | variables).margin_seconds == seconds


@pytest.mark.parametrize(
    ("stage", "settings", "given"),
    [
        ("trainSpec", TrainSettings, TRAIN),
        ("evalSpec", EvalSettings, EVAL),
        ("deploySpec", InferSettings, INFER),
    ],
)
def test_the_manifests_environment_is_accepted(
    stage: str, settings: type[EnvironmentSettings], given: dict[str, str]
) -> None:
    job = yaml.safe_load(Path("manifests/job.yaml").read_text(encoding="utf-8"))
    (container,) = job["spec"][stage]["template"]["spec"]["containers"]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    read = settings.from_environment(given | environment)
    assert getattr(read, "input_size") == 96  # noqa: B009 - a field of the subclasses


@pytest.mark.parametrize(
    "settings", [JobSettings, S3Settings, TrainSettings, EvalSettings, InferSettings]
)
def test_every_field_is_documented(settings: type[EnvironmentSettings]) -> None:
    assert not [name for name, field in settings.model_fields.items() if not field.description]


def test_settings_cannot_be_changed() -> None:
    settings = JobSettings.from_environment(IDENTITY)
    with pytest.raises(ValueError, match="frozen"):
        settings.job_name = "other"
