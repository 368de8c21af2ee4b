"""The application without a socket, for what a real model would not do: fail, or take for ever."""

from __future__ import annotations

import asyncio

import httpx

from pigeonhole.serving.app import App
from pigeonhole.serving.config import ServingConfig
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
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await scenario(client)

    return asyncio.run(within())
