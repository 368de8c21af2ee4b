"""The image's recipe: a slim Python, the base package, the bundle, no root, a health check. Builds nothing."""

from __future__ import annotations

import json

from pigeonhole.packaging.plan import BUNDLE, PORT, Plan

USER = 10001
READY, LIVE = "/v2/health/ready", "/v2/health/live"
REQUIREMENTS, WHEELS = "requirements.txt", "wheels"
IGNORED = f"""\
# The image is made of these three and of nothing else that may lie here.
*
!{REQUIREMENTS}
!{WHEELS}
!{BUNDLE}
"""
_DOCKERFILE = """\
# {model}, served over HTTP by pigeonhole's base package: no training framework, no compiler, no shell script.
# A tag can be moved. To pin the very bytes: docker build --build-arg PYTHON_IMAGE=python@sha256:…
ARG PYTHON_IMAGE=python:{python}-slim
FROM ${{PYTHON_IMAGE}}

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /srv/pigeonhole
RUN groupadd --gid {user} pigeonhole && useradd --uid {user} --gid {user} --no-create-home pigeonhole
COPY {requirements} .
COPY {wheels} {wheels}
RUN python -m pip install --no-cache-dir --disable-pip-version-check --requirement {requirements}
COPY {bundle} {bundle}

USER {user}:{user}
EXPOSE {port}
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD {health}
# It listens on all of the container's addresses and so wants a key: PIGEONHOLE_KEY_HASHES, see README.md.
CMD {serve}
"""
# Python is there and curl is not. An answer that is not 200 is an exception, and so a failed check.
_HEALTH = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}{ready}', timeout=2)"


def health_command() -> list[str]:
    """The command that fails unless the server in the same container answers requests."""
    return ["python", "-c", _HEALTH.format(port=PORT, ready=READY)]


def dockerfile(plan: Plan) -> str:
    """The content of the Dockerfile."""
    return _DOCKERFILE.format(
        model=plan.model,
        python=plan.python,
        user=USER,
        requirements=REQUIREMENTS,
        wheels=WHEELS,
        bundle=BUNDLE,
        port=PORT,
        health=json.dumps(health_command()),
        serve=json.dumps(plan.serve_command(host="0.0.0.0")),  # noqa: S104 - within the container's own network
    )


def requirements_text(plan: Plan, wheel_name: str, pinned: list[str]) -> str:
    """The content of requirements.txt: what runs here now, and pigeonhole itself from the folder."""
    lines = [
        f"# What serves {plan.model}, at the versions it was tried with on Python {plan.python}. Inside this folder:",
        "# python -m pip install --requirement requirements.txt",
        f"./{WHEELS}/{wheel_name}",
        *pinned,
    ]
    return "\n".join(lines) + "\n"
