import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.tools.markdown import block_names, cell, code, fill, prose, table


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_a_table_has_a_line_for_each_row_and_no_bar_too_many(rows: list[tuple[str, str]]) -> None:
    lines = table(["a", "b"], rows).split("\n")

    assert len(lines) == 2 + len(rows)
    assert all(_bars(line) == 3 for line in lines)


def _bars(line: str) -> int:
    return line.replace("\\\\", "").replace("\\|", "").count("|")


def test_a_cell_is_one_line() -> None:
    assert cell("a\n  b|c") == r"a b\|c"


def test_code_with_a_backtick_has_two_around_it() -> None:
    assert (code("a"), code("a`b"), code("")) == ("`a`", "``a`b``", "")


def test_a_docstrings_code_has_single_backticks() -> None:
    assert prose("``x`` and `y`") == "`x` and `y`"


PAGE = "Before.\n\n<!-- one -->\nold\n\n| a |\n<!-- end one -->\n\n<!-- a note -->\n\nAfter.\n"


def test_only_a_blocks_text_is_replaced() -> None:
    filled = fill(PAGE, {"one": lambda: "new\n"})

    assert filled == "Before.\n\n<!-- one -->\nnew\n<!-- end one -->\n\n<!-- a note -->\n\nAfter.\n"
    assert fill(filled, {"one": lambda: "new\n"}) == filled
    assert block_names(filled) == ["one"]


def test_a_block_of_no_known_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="one"):
        fill(PAGE, {})
