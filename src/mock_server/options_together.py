"""Which options go together, and which need another one.  May look at directories."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Sequence

from .errors import shown
from .option_kinds import BadOption, is_among, lies_in_mocks, name_and_url, port_and_dialect


def check_ports(ports: Sequence[int]) -> None:
    """Raise BadOption for a port that is named twice, but for 0."""
    for port in ports:
        if port and ports.count(port) > 1:
            raise BadOption(f"port: {port} is named twice; name each once, or 0 for a free one")


def check_dialects(values: Mapping[str, Any], spelled: Callable[[str], str]) -> None:
    """Raise BadOption for a dialect of a port that is none of the server's, or has one already."""
    ports = [values["port"]] if isinstance(values["port"], int) else list(values["port"])
    told: Dict[int, str] = {}
    for port, name in map(port_and_dialect, values["dialect"]):
        if port not in ports:
            raise BadOption(
                f"{spelled('dialect')}: {port}={name} is for a port that is not listened on "
                f"({', '.join(map(str, ports))}); a port of 0 can have none"
            )
        if port in told:
            raise BadOption(f"{spelled('dialect')}: {port} has two, {told[port]} and {name}")
        told[port] = name


def check_record_options(values: Mapping[str, Any], spelled: Callable[[str], str]) -> None:
    """Raise BadOption for options of recording without anything to record, or two URLs of one
    name."""
    for name in ("record_to", "record_errors", "record_ca"):
        # MockServer imports nothing.
        is_used = values["record"] or (name != "record_ca" and values.get("import"))
        if values[name] and not is_used:
            raise BadOption(f"{spelled(name)} needs {spelled('record')}")
    told: Dict[str, str] = {}
    for name, url in map(name_and_url, values["record"]):
        if name in told:
            raise BadOption(f"{spelled('record')}: {name} has two, {told[name]} and {url}")
        told[name] = url


def recording_places(
    values: Mapping[str, Any], data: Sequence[str], spelled: Callable[[str], str]
) -> Dict[str, Any]:
    """`data` and `record_to` of who records: what is recorded answers, behind all other mocks."""
    place = next(filter(None, [values["record_to"], *data]), None)
    if place is None:
        raise BadOption(
            f"{spelled('record')} needs a directory for recordings; name one with "
            f"{spelled('record_to')}, or one that has mocks, too, with {spelled('data')}"
        )
    for directory in data:
        if lies_in_mocks(place, directory):
            raise BadOption(
                f"{spelled('record_to')}: {shown(place)} is where the mocks of {shown(directory)} "
                "are; recordings go into a data directory, with mocks/ and recordings/ in it"
            )
    places = list(data)
    if not is_among(place, data):
        places.append(place)
    return {"data": places, "record_to": place}


def check_together(values: Mapping[str, Any], spelled: Callable[[str], str]) -> None:
    """Raise BadOption for options that don't go together, as they are spelled."""
    check_dialects(values, spelled)
    check_record_options(values, spelled)
    cert_and_key = f"{spelled('cert')} and {spelled('key')}"
    if bool(values["cert"]) != bool(values["key"]):
        raise BadOption(
            f"{cert_and_key} go together; give both, or neither for a certificate made at start"
        )
    # `key` need not be asked: it comes with `cert`.
    for name in ("cert", "tls_name", "tls_cert_out"):
        if values[name] and not values["tls"]:
            raise BadOption(f"{spelled(name)} needs {spelled('tls')}")
    for name in ("tls_name", "tls_cert_out"):
        if values[name] and values["cert"]:
            raise BadOption(
                f"{spelled(name)} is for a certificate made at start; "
                f"leave it out, or {cert_and_key}"
            )
