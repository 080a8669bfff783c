from pathlib import Path

from demo.usecase.frameworks import code_lines

SOURCE = '''"""A module.

With two lines."""

import os  # why


# A comment.
def answer(
    question: str,
) -> str:
    """A docstring."""
    return f"""{question}
{os.sep}"""
'''


def test_only_lines_of_code_count(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(SOURCE)
    assert code_lines(tmp_path / "module.py") == 6
