"""`serve`: one bundle, or script, over HTTP in the foreground, until a signal ends it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pigeonhole import serving
from pigeonhole.core.errors import UsageError
from pigeonhole.core.workspace import Workspace
from pigeonhole.serving import tls
from pigeonhole.workflows.bundles import served_folder


def serve(
    model: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    key: str | None = None,
    key_hashes: Sequence[str] = (),
    name: str | None = None,
    access_log: str | None = None,
    tls_certificate: str | Path | None = None,
    tls_key: str | Path | None = None,
    workspace: Workspace | str | Path | None = None,
) -> int:
    """Answers requests until SIGINT or SIGTERM. The folder of a bundle or a script needs no workspace.

    Args:
        model: a registered model, or the folder of a bundle or of a script (score.py).
        host: the address to listen on; off loopback a key is wanted.
        port: the port to listen on.
        key: what requests must carry as `Authorization: Bearer KEY`.
        key_hashes: the SHA-256 of further keys that are accepted: who starts the server need not know them.
        name: what answers call the model; `None` means its registered name, or the folder.
        access_log: a file that gets a JSON line for each answer, or `-` for stdout; `None` writes none.
        tls_certificate: a PEM file; with it, the server answers by HTTPS alone.
        tls_key: the certificate's key, a PEM file without a password. Both are read again when they change.
        workspace: where the model is registered.

    Returns:
        0 after SIGTERM, 130 after Ctrl-C.

    Raises:
        DataError: a script cannot be started; the traceback is on stderr.
        UsageError: the port is taken, the address is off loopback and there is no key, a hash is none, or the files
            of TLS do not serve.
    """
    told = tls.files(tls_certificate, tls_key) or (None, None)
    folder, found = served_folder(model, workspace)
    hashes = (*((serving.hash_key(key),) if key else ()), *_checked(key_hashes))
    return serving.run(
        serving.ServingConfig.of_bundle(
            folder,
            model=name or found,
            host=host,
            port=port,
            key_hashes=hashes,
            access_log=access_log,
            tls_certificate=told[0],
            tls_key=told[1],
        )
    )


def _checked(key_hashes: Sequence[str]) -> list[str]:
    """The hashes in the form in which they are compared. Never shown: what is no hash may be a key."""
    for number, text in enumerate(key_hashes, start=1):
        if not re.fullmatch("[0-9a-fA-F]{64}", text):
            raise UsageError(
                f"key hash {number} of {len(key_hashes)}, which has {len(text)} characters",
                "the SHA-256 of a key as 64 hex digits",
                'printf %s "$KEY" | sha256sum',
            )
    return [text.lower() for text in key_hashes]
