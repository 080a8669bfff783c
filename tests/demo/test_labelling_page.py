import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
from rich.console import Console

from demo.labelling_page import labelling_page
from demo.setting import Setting

# What `make demo LABEL=1` does while a person labels.
LABELLING = """
import asyncio, sys
from pathlib import Path
from rich.console import Console
from demo.labelling_page import labelling_page
from tests.demo.test_labelling_page import setting_in

async def label():
    async with labelling_page(setting_in(Path(sys.argv[1])), Console()):
        await asyncio.Event().wait()

try:
    asyncio.run(label())
except (KeyboardInterrupt, asyncio.CancelledError):
    sys.exit("The demo was stopped.")
"""


def setting_in(folder: Path) -> Setting:
    for name in ("demo", "hard"):
        (folder / name).mkdir(exist_ok=True)
    return Setting(
        root=folder,
        backend_type="TINYMS",
        class_names=("croissant", "dog"),
        input_size=96,
        index=folder / "index.txt",
        initial_model=folder / "initial.ckpt",
        deployed_model=folder / "deploy.onnx",
        inbox=folder / "inbox",
        hard_examples=folder / "hard",
    )


async def test_ctrl_c_ends_the_demo_and_its_page_in_one_line(tmp_path: Path) -> None:
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LABELLING, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert demo.stdout
    assert b"Label the pictures at " in await asyncio.wait_for(demo.stdout.readline(), 30)
    [page] = psutil.Process(demo.pid).children()
    # A terminal sends it to the whole group, which does not include the page.
    assert os.getpgid(page.pid) != demo.pid
    os.killpg(demo.pid, signal.SIGINT)
    _, errors = await asyncio.wait_for(demo.communicate(), 30)
    assert (demo.returncode, errors) == (1, b"The demo was stopped.\n")
    assert not page.is_running()


async def test_a_page_that_has_ended_is_no_error(tmp_path: Path) -> None:
    async with labelling_page(setting_in(tmp_path), Console(quiet=True)):
        [page] = psutil.Process().children()
        page.kill()
        await asyncio.to_thread(psutil.wait_procs, [page])
