from pathlib import Path

from bench.picture import draw_figures
from bench.results import Figure


def test_a_picture_names_sides_and_quantities_of_its_unit(tmp_path: Path) -> None:
    figures = [
        Figure(side=side, name=name, unit=unit, values=values)
        for side in ("ours", "theirs")
        for name, unit, values in (
            ("day", "%", (80.0, 90.0)),
            ("night", "%", (70.0, 60.0)),
            ("labels", "", (9.0, 9.0)),
        )
    ]
    target = tmp_path / "picture.svg"
    draw_figures(figures, "%", target)
    first = target.read_text("utf-8")
    assert "<svg" in first
    for name in ("ours", "theirs", "day", "night"):
        assert f"<!-- {name} -->" in first
    assert "<!-- labels -->" not in first
    draw_figures(figures, "%", target)
    assert target.read_text("utf-8") == first
