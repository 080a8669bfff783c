"""The labelling page, for a person who wants to label the hard examples."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from rich.console import Console

from demo.setting import Setting
from workers.contract import Variable

__all__ = ["labelling_page"]

_PORT = 8081


@asynccontextmanager
async def labelling_page(setting: Setting, console: Console) -> AsyncIterator[None]:
    """Serve the page on this machine, and say where it is, until the block ends."""
    environment = {
        **os.environ,
        Variable.JOB_NAME: "dogs and croissants by night",
        Variable.ORIGINAL_DATASET_URL: str(setting.index),
        "HE_SAVED_URL": str(setting.hard_examples),
        "class_names": ",".join(setting.class_names),
        "http_port": str(_PORT),
    }
    setting.hard_examples.mkdir(parents=True, exist_ok=True)
    with (setting.pictures / "labelling-page.log").open("wb") as log:
        page = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "workers", "label"),
            env=environment,
            stderr=log,
            # Ctrl-C is for the demo, which then ends the page.
            start_new_session=True,
        )
        console.print(f"Label the pictures at http://127.0.0.1:{_PORT}/ with the number keys.")
        try:
            yield
        finally:
            # It may have ended by itself.
            with suppress(ProcessLookupError):
                page.terminate()
            await page.wait()
