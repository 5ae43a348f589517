"""Certificates and contexts.  May touch files, and the openssl program."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple

if TYPE_CHECKING:
    import ssl
    import tempfile


# CA:TRUE, so that clients can trust it as a root.  What counts are the alternative names: a CN
# names no server (RFC 9525).
OPENSSL_SETTINGS = """\
[req]
prompt=no
distinguished_name=dn
x509_extensions=ext
[dn]
CN=mock_server.py
[ext]
basicConstraints=critical,CA:TRUE
keyUsage=critical,digitalSignature,keyCertSign
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
subjectAltName="""


OPENSSL = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -days 365"
)


class PrivateFiles:
    """Files for a moment: in a temporary folder or, where there is none to write to, in memory,
    which Linux has paths for.  `numbers` are the descriptors that these paths need."""

    def __init__(self, count: int) -> None:
        import tempfile

        self.folder: Optional["tempfile.TemporaryDirectory[str]"] = None
        self.numbers: List[int] = []
        try:
            self.folder = tempfile.TemporaryDirectory()
        except OSError:  # as in a container whose file system is read only
            self.numbers = [memory_file() for _ in range(count)]
            self.paths = [f"/proc/self/fd/{number}" for number in self.numbers]
        else:
            self.paths = [os.path.join(self.folder.name, str(at)) for at in range(count)]

    def __enter__(self) -> "PrivateFiles":
        return self

    def __exit__(self, *reason: object) -> None:
        for number in self.numbers:
            os.close(number)
        if self.folder:
            self.folder.cleanup()


def memory_file() -> int:
    """The descriptor of a file in memory.  OSError says what to do where there are none."""
    create = getattr(os, "memfd_create", None)
    if not create or not os.path.isdir("/proc/self/fd"):
        raise OSError(
            "there is no temporary folder to make a certificate in; name one that can be written "
            "to in TMPDIR, or give --cert and --key"
        )
    return int(create("certificate"))


def make_certificate(names: Sequence[str]) -> Tuple[str, str]:
    """A self-signed certificate for these names and addresses (P-256), and its key, as PEM.

    The openssl program makes them; OSError says what is missing."""
    with PrivateFiles(3) as files:
        settings, key, cert = files.paths
        text = OPENSSL_SETTINGS + ",".join(alternative_names(names)) + "\n"
        Path(settings).write_text(text, "ascii")
        named = ["-config", settings, "-keyout", key, "-out", cert]
        run_openssl([*OPENSSL.split(), *named], files.numbers)
        return Path(cert).read_text("ascii"), Path(key).read_text("ascii")


def alternative_names(names: Sequence[str]) -> List[str]:
    """Names and addresses as a certificate's subjectAltName has them, each once."""
    import ipaddress

    entries: Dict[str, None] = {}  # in order
    for name in names:
        try:
            entries[f"IP:{ipaddress.ip_address(name)}"] = None
        except ValueError:
            entries[f"DNS:{name}"] = None
    return list(entries)


def run_openssl(command: Sequence[str], numbers: Sequence[int]) -> None:
    """Run the openssl program, with these descriptors.  OSError says that there is none, or repeats
    its last line."""
    import subprocess

    # Without standard input it can't stop to ask something.
    pipes: Dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True}
    try:
        subprocess.run(command, check=True, timeout=30, pass_fds=numbers, **pipes)
    except FileNotFoundError:
        raise OSError(
            "there is no openssl program to make a certificate with; install it, "
            "or give --cert and --key"
        ) from None
    except subprocess.SubprocessError as error:
        output = getattr(error, "stderr", None) or b""
        reasons = output.decode("utf-8", "replace").strip().splitlines() or [str(error)]
        raise OSError(f"openssl made no certificate: {reasons[-1]}") from None


def tls_context(cert: str, key: str) -> "ssl.SSLContext":
    """What a server needs for TLS, from the files of a certificate and its key.

    OSError names the file that is wrong."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])  # HTTP/2 is not spoken here
    # load_cert_chain() does not say which of the two it can't read.
    for name, path in (("certificate", cert), ("key", key)):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise OSError(f"can't read the {name} {path}: {error.strerror}") from None
    try:
        # The empty password makes an encrypted key an error, not a question.
        context.load_cert_chain(cert, key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise OSError(f"{cert} and {key} are no certificate and its key: {reason}") from None
    return context


def self_signed(names: Sequence[str], out: Optional[str]) -> Tuple["ssl.SSLContext", str]:
    """A context with a certificate made for the names, and the certificate as PEM.

    The certificate is also written to the file `out`."""
    cert, key = make_certificate(names)
    # load_cert_chain() takes nothing but files.
    with PrivateFiles(2) as files:
        for path, text in zip(files.paths, (cert, key)):
            Path(path).write_text(text, "ascii")
        context = tls_context(*files.paths)
    if out:
        try:
            Path(out).write_text(cert, "ascii")
        except OSError as error:
            raise OSError(f"can't write the certificate to {out}: {error.strerror}") from None
    return context, cert
