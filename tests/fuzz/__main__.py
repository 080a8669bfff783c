"""Fuzz one parser with atheris: ``python -m tests.fuzz PARSER SECONDS``.

It starts from the parser's folder of `tests.fuzz.parsers.CORPUS` and its file of ``words``.
New inputs and findings go to ``build/fuzz/PARSER``; a finding ends the process with a status
other than 0. Once fixed, it becomes a file of the corpus.
"""

import sys
from importlib import import_module
from pathlib import Path

import atheris

_INSTRUMENTED = ["backend", "workers", "jobs", "json", "yaml", "python_multipart"]
_WORDS = Path(__file__).parent / "words"
_LONGEST_INPUT = 4096
_SLOWEST_SECONDS = 20
_MOST_MEBIBYTES = 3072


def main(name: str, seconds: int) -> None:
    """Fuzz the parser ``name`` for so many seconds; does not return."""
    with atheris.instrument_imports(include=_INSTRUMENTED, enable_loader_override=False):
        parsers = import_module("tests.fuzz.parsers")
    folder = Path("build", "fuzz", name)
    grown = folder / "corpus"
    grown.mkdir(parents=True, exist_ok=True)
    arguments = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST_INPUT}",
        f"-timeout={_SLOWEST_SECONDS}",
        f"-rss_limit_mb={_MOST_MEBIBYTES}",
        f"-dict={_WORDS / name}.txt",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
        str(grown),
        str(parsers.CORPUS / name),
    ]
    atheris.Setup(arguments, parsers.PARSERS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
