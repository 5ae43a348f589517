"""Certificates and contexts.  May touch files, and the openssl program."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Optional, Sequence, Tuple

if TYPE_CHECKING:
    import ssl


def make_certificate(names: Sequence[str]) -> Tuple[str, str]:
    """A self-signed certificate for these names and addresses (P-256), and its key, as PEM; made by the openssl program.
    OSError says what is missing."""
    import ipaddress
    import subprocess
    import tempfile

    known: Dict[str, str] = {}
    for name in names:
        try:
            known.setdefault(f"IP:{ipaddress.ip_address(name)}", "")
        except ValueError:
            known.setdefault(f"DNS:{name}", "")
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("settings", "key.pem", "cert.pem")]
        Path(paths[0]).write_text(
            "[req]\nprompt=no\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\nCN=mock_server.py\n[ext]\n"
            "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature,keyCertSign\nextendedKeyUsage=serverAuth\n"
            f"subjectKeyIdentifier=hash\nsubjectAltName={','.join(known)}\n",
            encoding="ascii",
        )
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-sha256",
            "-days",
            "365",
            "-config",
            paths[0],
            "-keyout",
            paths[1],
            "-out",
            paths[2],
        ]
        try:
            subprocess.run(
                command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=30
            )
        except FileNotFoundError:
            raise OSError(
                "there is no openssl program to make a certificate with; install it, or give --cert and --key"
            ) from None
        except subprocess.SubprocessError as error:
            said = (
                (getattr(error, "stderr", None) or b"")
                .decode("utf-8", "replace")
                .strip()
                .splitlines()
            )
            raise OSError(f"openssl made no certificate: {said[-1] if said else error}") from None
        return Path(paths[2]).read_text("ascii"), Path(paths[1]).read_text("ascii")


def tls_context(cert: str, key: str) -> "ssl.SSLContext":
    """What a server needs for TLS, from the files of a certificate and its key.  OSError names the file that is wrong."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for name, path in (("certificate", cert), ("key", key)):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise OSError(f"can't read the {name} {path}: {error.strerror}") from None
    try:
        context.load_cert_chain(
            cert, key, password=lambda: ""
        )  # an encrypted key is an error, not a question
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise OSError(f"{cert} and {key} are no certificate and its key: {reason}") from None
    return context


def self_signed(names: Sequence[str], out: Optional[str]) -> Tuple["ssl.SSLContext", str]:
    """A context with a certificate made for the names, and the certificate as PEM, which is also written to `out`."""
    import tempfile

    cert, key = make_certificate(names)
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("cert.pem", "key.pem")]
        for path, text in zip(paths, (cert, key)):
            Path(path).write_text(text, encoding="ascii")
        context = tls_context(*paths)
    if out:
        try:
            Path(out).write_text(cert, encoding="ascii")
        except OSError as error:
            raise OSError(f"can't write the certificate to {out}: {error.strerror}") from None
    return context, cert
