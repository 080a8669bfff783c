"""Which Python `make` takes, on machines that have others."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "requirements" / "python.sh"
PYTHON = """#!/bin/sh
case "$2" in
*version_info*) echo {version} ;;
*ensurepip*) exit {without_venv} ;;
esac
"""
# pyenv has a command for every version that is installed for some folder.
PYENV_SHIM = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"

Choose = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def choose(tmp_path: Path) -> Choose:
    """Run the script where there are these commands."""

    def run(*arguments: str, **commands: str) -> subprocess.CompletedProcess[str]:
        for name, text in commands.items():
            path = tmp_path / name.replace("_", ".")
            path.write_text(text)
            path.chmod(0o755)
        return subprocess.run(
            ["/bin/sh", str(SCRIPT), *arguments],
            env={"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def python(version: str, without_venv: int = 0) -> str:
    return PYTHON.format(version=version, without_venv=without_venv)


def test_it_takes_whichever_of_both_is_installed(choose: Choose) -> None:
    assert choose(python3_12=python("3.12"), python3=python("3.13")).stdout == "python3.12\n"


def test_it_takes_a_python_of_another_name(choose: Choose) -> None:
    assert choose(python3=python("3.12")).stdout == "python3\n"


def test_a_command_that_only_looks_like_it_is_ignored(choose: Choose) -> None:
    assert choose(python3_11=PYENV_SHIM, python3=python("3.12")).stdout == "python3\n"


def test_the_named_one_is_taken(choose: Choose) -> None:
    done = choose("python3", python3_11=python("3.11"), python3=python("3.12"))
    assert done.stdout == "python3\n"


@pytest.mark.parametrize("arguments", [(), ("python3",)])
def test_another_version_is_told_with_how_to_get_one(
    choose: Choose, arguments: tuple[str, ...]
) -> None:
    done = choose(*arguments, python3=python("3.13"))
    assert (done.returncode, done.stdout) == (1, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("make: Python 3.11 or 3.12 is needed, and here is python3 (3.13):")
    assert "apt-get install python3.12-venv" in sentence


def test_without_any_python_it_says_so(choose: Choose) -> None:
    assert "and here is none: install" in choose().stderr


def test_a_python_without_venv_is_told_with_the_package(choose: Choose) -> None:
    done = choose(python3_12=python("3.12", without_venv=1))
    assert done.returncode == 1
    assert "apt-get install python3.12-venv" in done.stderr
