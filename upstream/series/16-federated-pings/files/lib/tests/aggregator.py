"""An aggregation server that says only what a test lets it say."""

import asyncio
import json
import threading

import websockets


class Aggregator:
    """Echoes each subscription, with ``greeting`` added to it."""

    def __init__(self, greeting=None):
        self.greeting = greeting or {}
        self.subscription = None
        self.received = []
        self.was_ponged = threading.Event()
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,))
        self.thread.start()
        started.wait()

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve(started))

    async def _serve(self, started):
        self.stopping = asyncio.Event()
        async with websockets.serve(self._talk, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            self.url = f"ws://127.0.0.1:{port}/FedAvg"
            started.set()
            await self.stopping.wait()

    async def _talk(self, websocket, path=None):
        self.subscription = json.loads(await websocket.recv())
        echo = {**self.subscription, **self.greeting}
        await websocket.send(json.dumps(echo))
        await (await websocket.ping())
        self.was_ponged.set()
        async for message in websocket:
            message = json.loads(message)
            self.received.append(message)
            message["type"] = "recv_weight"
            await websocket.send(json.dumps(message))

    def stop(self):
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join()
