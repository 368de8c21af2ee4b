"""The application in this process with a deployment that is a script, which runs in its own."""

from __future__ import annotations

from contextlib import contextmanager

from pigeonhole import scripts
from pigeonhole.serving.app import App
from pigeonhole.serving.config import ServedDeployment, ServingConfig
from pigeonhole.serving.limits import Limits
from pigeonhole.serving.scripted.deployment import Scripted
from tests.serving.in_process import asking

ENDPOINT = {"endpoint": "mine"}


@contextmanager
def scripted(folder, **config):
    """`ask(scenario)` runs it against an application that answers with the script of the folder."""
    limits = Limits.of(config.pop("request_settings", None))
    told = ServedDeployment("blue", "mine:1", folder, 100, limits=limits)
    settings = ServingConfig((told,), **config)
    deployed = Scripted(told, scripts.load(folder), None, settings)
    deployed.runner.start()
    app = App(settings, [deployed], "test")
    app.pages.ready = True

    def ask(scenario):
        return asking(app, scenario)

    ask.deployed, ask.app = deployed, app
    try:
        yield ask
    finally:
        app.close()
        deployed.close()
