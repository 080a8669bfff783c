"""Keeps up with the objects of a cluster: list, watch, and list again when the watch is over."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from backend.errors import TemporaryError
from jobs.kubernetes.cluster import Cluster, ExpiredError, Object, Resource

__all__ = ["Selection", "follow"]

_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 1.0, 30.0


@dataclass(frozen=True)
class Selection:
    """Which objects of a namespace: query parameters such as ``labelSelector``."""

    resource: Resource
    namespace: str
    selector: Mapping[str, str] = field(default_factory=dict)


async def follow(cluster: Cluster, selection: Selection) -> AsyncGenerator[list[Object], None]:
    """Yield the selected objects now and after each change, for ever.

    A server that stops answering is asked again, after 1, 2, 4 and at most 30 seconds.

    Raises:
        SettingsError: the objects may not be listed.
        TemporaryError: the server does not answer at first.
    """
    objects, version = await _list(cluster, selection)
    delay = _FIRST_DELAY_SECONDS
    while True:
        yield list(objects.values())
        try:
            async with aclosing(_changes(cluster, selection, objects, version)) as changes:
                async for _ in changes:
                    delay = _FIRST_DELAY_SECONDS
                    yield list(objects.values())
            objects, version = await _list(cluster, selection)
        except ExpiredError:
            objects, version = await _list(cluster, selection)
        except TemporaryError:
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY_SECONDS)


async def _list(cluster: Cluster, selection: Selection) -> tuple[dict[str, Object], str]:
    found, version = await cluster.list(selection.resource, selection.namespace, selection.selector)
    return {_name(each): each for each in found}, version


async def _changes(
    cluster: Cluster, selection: Selection, objects: dict[str, Object], version: str
) -> AsyncGenerator[None, None]:
    """Bring ``objects`` up to date with each event of a watch, and tell of it."""
    events = cluster.watch(selection.resource, selection.namespace, selection.selector, version)
    async with aclosing(events):
        async for event in events:
            changed = event["object"]
            if event["type"] == "DELETED":
                objects.pop(_name(changed), None)
            elif event["type"] in {"ADDED", "MODIFIED"}:
                objects[_name(changed)] = changed
            yield


def _name(object_: Object) -> str:
    name: str = object_["metadata"]["name"]
    return name
