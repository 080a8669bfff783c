"""The targets of docker/images.mk, with an engine that only answers questions."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "FLAVOR": "cpu",
    "TAG": "1",
    "ALIAS": "0.1.0",
    "REGISTRY": "",
    "BASE_IMAGE": "registry.example/base",
    "PLATFORM": "",
    "CA_BUNDLE": "/none",
    "VERSION": "0.1.0",
    "REVISION": "abc",
    "CREATED": "2026-11-22",
    "BUILD_FLAGS": "",
    "SYFT": "syft",
}
# Writes down how it was called. IMAGES are on this machine; each has the label LABEL.
PODMAN = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$1 $2" in
"image inspect")
    for last; do :; done
    case " $IMAGES " in *" $last "*) echo "$LABEL" ;; *) exit 1 ;; esac ;;
"pull "*) exit 125 ;;
esac
"""
DEAD_DOCKER = "#!/bin/sh\nexit 1\n"


class Machine:
    """A machine with these engines on PATH."""

    def __init__(self, folder: Path) -> None:
        self.calls = folder / "calls"
        self._folder = folder / "bin"
        self._folder.mkdir()
        for tool in ("sh", "dirname", "basename", "mktemp", "rm", "mkdir", "id"):
            (self._folder / tool).symlink_to(Path("/bin", tool))

    def install(self, engine: str, text: str) -> None:
        path = self._folder / engine
        path.write_text(text)
        path.chmod(0o755)

    def run(self, name: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {**SETTINGS, "CALLS": str(self.calls), **settings}
        environment["PATH"] = str(self._folder)
        return subprocess.run(
            [str(ROOT / "docker" / name)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.install("podman", PODMAN)
    return machine


def assert_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("make: ")
    for word in words:
        assert word in done.stderr


def test_without_an_engine_it_says_how_to_get_one(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.install("docker", DEAD_DOCKER)
    assert_one_sentence(machine.run("build.sh"), "no container engine", "apt-get install podman")


def test_an_engine_that_is_named_must_answer(machine: Machine) -> None:
    machine.install("docker", DEAD_DOCKER)
    assert_one_sentence(machine.run("build.sh", ENGINE="docker"), "ENGINE=docker")


def test_a_base_image_out_of_reach_is_told_with_what_to_do(machine: Machine) -> None:
    done = machine.run("build.sh")
    assert_one_sentence(done, "registry.example/base", "make base-image", "BASE_IMAGE=")


def test_each_image_gets_its_names(machine: Machine) -> None:
    done = machine.run("build.sh", IMAGES="registry.example/base", REGISTRY="registry.example/team")
    assert done.returncode == 0, done.stderr
    infer, train = (c for c in machine.calls.read_text().splitlines() if c.startswith("build"))
    team = "registry.example/team/sedna-tinyms"
    assert f"--tag {team}/infer:1 --tag {team}/infer:0.1.0 --target infer" in infer
    for worker in ("train", "eval"):
        assert f"--tag {team}/{worker}:1 --tag {team}/{worker}:0.1.0" in train


def test_the_images_for_ascend_are_one_with_other_names(machine: Machine) -> None:
    done = machine.run("build.sh", FLAVOR="ascend", IMAGES="registry.example/base", ALIAS="")
    assert done.returncode == 0, done.stderr
    (build,) = (c for c in machine.calls.read_text().splitlines() if c.startswith("build"))
    for worker in ("train", "eval", "infer"):
        assert f"--tag sedna-tinyms/{worker}-ascend:1 " in build


def test_another_platforms_images_are_built_for_it(machine: Machine) -> None:
    done = machine.run("build.sh", IMAGES="registry.example/base", PLATFORM="linux/arm64")
    assert done.returncode == 0, done.stderr
    builds = [c for c in machine.calls.read_text().splitlines() if c.startswith("build")]
    assert all(c.startswith("build --platform linux/arm64 ") for c in builds)


def test_pushing_needs_a_registry(machine: Machine) -> None:
    assert_one_sentence(machine.run("push.sh"), "REGISTRY=")


def test_what_was_not_built_cannot_be_pushed(machine: Machine) -> None:
    assert_one_sentence(machine.run("push.sh", REGISTRY="r"), "no image r/sedna-tinyms/train:1")


@pytest.mark.parametrize(("stand_in", "pushed"), [("true", 0), ("", 3)])
def test_what_stands_on_a_stand_in_is_never_pushed(
    machine: Machine, stand_in: str, pushed: int
) -> None:
    images = " ".join(f"r/sedna-tinyms/{worker}:1" for worker in ("train", "eval", "infer"))
    done = machine.run("push.sh", REGISTRY="r", IMAGES=images, LABEL=stand_in)
    assert done.returncode == (0 if pushed else 1)
    calls = machine.calls.read_text().splitlines()
    assert len([call for call in calls if call.startswith("push ")]) == pushed


def test_only_cpu_images_can_be_verified_here(machine: Machine) -> None:
    assert_one_sentence(machine.run("verify.sh", FLAVOR="ascend"), "Ascend device")


def test_ci_says_loudly_what_it_could_not_do(tmp_path: Path) -> None:
    done = Machine(tmp_path).run("ci.sh")
    assert done.returncode == 0
    assert "THE IMAGES WERE NEITHER BUILT NOR VERIFIED" in done.stderr


def dry_run(*arguments: str) -> str:
    command = [shutil.which("make") or "make", "--dry-run", "images", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_default_tag_is_version_and_commit() -> None:
    assert re.search(r"TAG=0\.1\.0-\S+ ALIAS=0\.1\.0 ", dry_run())


def test_another_platforms_tag_names_it() -> None:
    assert re.search(r"TAG=0\.1\.0-\S+-arm64 ALIAS= ", dry_run("PLATFORM=linux/arm64"))
    assert "TAG=1-arm64 ALIAS= " in dry_run("PLATFORM=linux/arm64", "TAG=1")
