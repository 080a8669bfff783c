"""Keeps up with the objects of a cluster: list, watch, and list again when the watch breaks off."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from lightkube import AsyncClient

from backend.errors import TemporaryError
from jobs.kubernetes.cluster import ExpiredError, explained

__all__ = ["Selection", "find", "follow"]

_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 1.0, 30.0
_WATCH_SECONDS = 240
"""The server ends each watch after this time."""
_GRACE_SECONDS = 30


@dataclass(frozen=True)
class Selection:
    """Which objects: their kind, and selectors of their labels and fields."""

    kind: Any
    namespace: str | None = None
    labels: Mapping[str, Any] | None = None
    fields: Mapping[str, str] | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """What lightkube's ``list`` and ``watch`` are called with besides the kind."""
        return {"namespace": self.namespace, "labels": self.labels, "fields": self.fields}


async def find(client: AsyncClient, selection: Selection) -> list[Any]:
    """Return the selected objects."""
    with explained():
        return [each async for each in client.list(selection.kind, **selection.arguments)]


async def follow(client: AsyncClient, selection: Selection) -> AsyncGenerator[list[Any], None]:
    """Yield the selected objects now and after each change, forever.

    A server that does not answer is asked again, after 1, 2, 4 and at most 30 seconds.

    Raises:
        SettingsError: the objects may not be listed.
    """
    delay = _FIRST_DELAY_SECONDS
    while True:
        try:
            async with aclosing(_states(client, selection)) as states:
                async for objects in states:
                    delay = _FIRST_DELAY_SECONDS
                    yield objects
        except ExpiredError:
            continue
        except TemporaryError:
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY_SECONDS)


async def _states(client: AsyncClient, selection: Selection) -> AsyncGenerator[list[Any], None]:
    """Yield the objects of one list, and after each event of the watch that follows it."""
    with explained():
        found = client.list(selection.kind, **selection.arguments)
        objects = {each.metadata.name: each async for each in found}
    yield list(objects.values())
    watch: Any = client.watch(
        selection.kind,
        **selection.arguments,
        server_timeout=_WATCH_SECONDS,
        resource_version=found.resourceVersion,
    )
    async with aclosing(watch) as events:
        while True:
            # A connection that broke off silently would never end.
            with explained():
                async with asyncio.timeout(_WATCH_SECONDS + _GRACE_SECONDS):
                    type_, changed = await anext(events)
            if type_ == "DELETED":
                objects.pop(changed.metadata.name, None)
            else:
                objects[changed.metadata.name] = changed
            yield list(objects.values())
