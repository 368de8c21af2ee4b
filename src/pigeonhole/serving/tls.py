"""TLS from two files: checked before anything starts, and read again when they change. Opens no socket."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import NamedTuple

from pigeonhole.core.errors import UsageError

logger = logging.getLogger("pigeonhole.serving")
_ACCEPTED = "a certificate (with the chain behind it) and its private key, both PEM, the key without a password"
Stamp = tuple[tuple[int, int, int], ...]


class TlsFiles(NamedTuple):
    """A certificate, and the private key that belongs to it.

    Attributes:
        certificate: a PEM file; the certificates between it and its authority follow in it.
        key: a PEM file.
    """

    certificate: str
    key: str


def files(certificate: str | Path | None, key: str | Path | None) -> TlsFiles | None:
    """The two files, or `None` where neither is named.

    Raises:
        UsageError: one is named without the other, or they do not serve: not there, no PEM, locked by a password, or
            no pair.
    """
    if not certificate and not key:
        return None
    if not certificate or not key:
        received = "a certificate without its key" if certificate else "a key without its certificate"
        raise UsageError(f"TLS by {received}", "both, or neither", "name --tls-certificate FILE and --tls-key FILE")
    found = TlsFiles(str(Path(certificate).resolve()), str(Path(key).resolve()))
    context(found)
    return found


def context(told: TlsFiles) -> ssl.SSLContext:
    """What a server needs to speak TLS 1.2 or 1.3 with these files.

    Raises:
        UsageError: they do not serve.
    """
    _look_into(told.certificate, "certificate", "-----BEGIN CERTIFICATE-----")
    key_text = _look_into(told.key, "key", "PRIVATE KEY-----")
    if "ENCRYPTED" in key_text:
        raise _unfit(
            f"the key {told.key} is locked by a password",
            "write it without one: openssl pkey -in KEY -out FILE, for the eyes of this user alone (chmod 600)",
        )
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    try:
        # Never asks for a password: the key has none, and nobody may be there to type one.
        made.load_cert_chain(told.certificate, told.key, password="")
    except (ssl.SSLError, OSError) as error:
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            received = f"the key {told.key} is not that of the certificate {told.certificate}"
        else:
            received = f"{told.certificate} and {told.key} cannot be used: {error}"
        raise _unfit(received, "name the two files that belong together") from error
    return made


def _look_into(path: str, what: str, mark: str) -> str:
    try:
        text = Path(path).read_bytes().decode("ascii", "replace")
    except OSError as error:
        raise _unfit(f"the {what} {path} cannot be read: {error.strerror}", f"correct --tls-{what}") from error
    if mark not in text:
        raise _unfit(f"{path} holds no {what} in PEM ({mark.strip('-')})", f"correct --tls-{what}")
    return text


def _unfit(received: str, remedy: str) -> UsageError:
    return UsageError(received, _ACCEPTED, remedy)


def trusting(certificate: str) -> ssl.SSLContext:
    """For a client on this machine: it trusts this very certificate, whoever issued it and for whatever name.

    The address of the machine itself stands in few certificates; who holds the key of this one is whom we look for.

    Raises:
        OSError: the file cannot be read, or holds no certificate.
    """
    made = ssl.create_default_context(cafile=certificate)
    made.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    made.check_hostname = False
    return made


class Certificate:
    """The certificate that a server shows, which may be renewed while it runs.

    Args:
        told: its files.

    Attributes:
        context: for the listening socket.

    Raises:
        UsageError: the files do not serve.
    """

    def __init__(self, told: TlsFiles) -> None:
        self._told = told
        self._seen = self._stamp()
        self.context = self._newest = context(told)
        # A context once made is never changed, since a new certificate with an old key would serve nobody: each
        # client that comes is handed to the newest one.
        self.context.sni_callback = self._hand_to_the_newest

    def look(self) -> None:
        """Reads the files again if they have changed; where the new ones do not serve, the old ones go on."""
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._newest = context(self._told)
        except UsageError as error:
            logger.warning("the certificate that is shown stays as it is: %s", error.received)
        else:
            logger.info("the certificate %s has been read again", self._told.certificate)

    def _hand_to_the_newest(self, client: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        client.context = self._newest

    def _stamp(self) -> Stamp | None:
        try:
            found = [Path(path).stat() for path in self._told]
        except OSError:
            return None
        return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in found)
