"""The application in this process, for what a real model would not do: fail, or take for ever."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import httpx
from uvicorn.server import ServerState

from pigeonhole.serving.app import App
from pigeonhole.serving.config import ServingConfig
from pigeonhole.serving.connection import Connection
from pigeonhole.serving.deployed import Deployed


def running(bundle, run=None, seconds_per_image=0.0, **config):
    """The application with one deployment; `run` takes the place of its model."""
    told = ServingConfig.of_bundle(bundle.folder, model="bands:3", **config)
    deployed = Deployed(told.deployments[0], bundle, None, seconds_per_image, told)
    if run is not None:
        deployed.batcher._run = run
    app = App(told, [deployed], "test")
    app.pages.ready = True
    return app


def asking(app, scenario):
    """Runs `scenario(client)` against the application."""

    async def within():
        state = ServerState()
        config = SimpleNamespace(loaded_app=app)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(config, state, None), "127.0.0.1", 0)
        looking = asyncio.create_task(look_on(state))
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, httpx.AsyncClient(base_url=address, timeout=30) as client:
            outcome = await scenario(client)
        looking.cancel()
        return outcome

    return asyncio.run(within())


async def look_on(state):
    while True:
        for connection in list(state.connections):
            connection.look(time.monotonic(), 75)
        await asyncio.sleep(0.01)
