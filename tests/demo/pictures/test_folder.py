from pathlib import Path

import pytest
from PIL import Image

from demo.pictures.folder import render_folder
from demo.pictures.rendering import Light

lights = pytest.mark.parametrize("light", Light)


@lights
def test_a_folder_holds_numbered_jpegs_whose_names_do_not_tell_the_class(
    tmp_path: Path, light: Light
) -> None:
    samples = render_folder(tmp_path / "new" / "folder", light, 3, seed=5)
    names = [f"{light}-{number:06d}.jpg" for number in range(3)]
    assert [path.name for path, _ in samples] == names
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == names
    for path, _ in samples:
        with Image.open(path) as stored:
            assert (stored.format, stored.mode, stored.size) == ("JPEG", "RGB", (112, 112))


def test_both_classes_come_in_pairs_but_in_no_fixed_order(tmp_path: Path) -> None:
    class_names = [name for _, name in render_folder(tmp_path, Light.DAY, 24, seed=0)]
    pairs = [tuple(class_names[first : first + 2]) for first in range(0, 24, 2)]
    assert set(pairs) == {("croissant", "dog"), ("dog", "croissant")}


def test_a_picture_does_not_depend_on_how_many_follow_it(tmp_path: Path) -> None:
    few = render_folder(tmp_path / "few", Light.NIGHT, 3, seed=9)
    more = render_folder(tmp_path / "more", Light.NIGHT, 6, seed=9)
    assert [name for _, name in few] == [name for _, name in more[:3]]
    for (one, _), (same, _) in zip(few, more, strict=False):
        assert one.read_bytes() == same.read_bytes()


def test_another_seed_fills_a_folder_with_other_pictures(tmp_path: Path) -> None:
    one, other = (
        {path.read_bytes() for path, _ in render_folder(tmp_path / str(seed), Light.DAY, 4, seed)}
        for seed in (1, 2)
    )
    assert len(one | other) == 8


def test_no_pictures_are_no_samples(tmp_path: Path) -> None:
    assert render_folder(tmp_path, Light.DAY, 0, seed=1) == []
