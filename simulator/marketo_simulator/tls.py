"""TLS for the simulator's port: with a certificate that is given, or one that is made for this run."""

import ssl
from collections.abc import Sequence
from pathlib import Path


class TlsError(Exception):
    """TLS cannot be had; the message says why, and how it can."""


def given(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """With a certificate (PEM, with its chain) and its key, which may stand in the same file. Raises TlsError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        where = f"{certificate} and {key}" if key else str(certificate)
        raise TlsError(f"{where} cannot be used as certificate and key: {error}; give PEM files") from error
    return context


def _no_password() -> str:
    raise ValueError("the key has a password; give one without")


def made(names: Sequence[str], authority: Path) -> ssl.SSLContext:
    """With a certificate for these host names and addresses; `authority` gets the CA that clients are to trust.

    The CA's own key is kept nowhere, so whoever trusts the CA trusts this run alone. Raises TlsError.
    """
    try:
        import trustme  # noqa: PLC0415 - an extra, which few need
    except ImportError as error:
        raise TlsError(
            "a certificate is made by the package trustme: pip install 'marketo-simulator[tls]', "
            "or give a certificate with --tls-cert and --tls-key"
        ) from error
    ca = trustme.CA(organization_name="Marketo simulator")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        ca.issue_cert(*dict.fromkeys(names)).configure_cert(context)
        ca.cert_pem.write_to_path(authority)
    except ValueError as error:
        raise TlsError(f"no certificate can be made for {', '.join(names)}: {error}") from error
    except OSError as error:
        raise TlsError(f"the CA cannot be written to {authority}: {error.strerror}; name another file") from error
    return context
