"""Google's metadata server: the token of the machine's service account, and what the machine is.

Paths and texts as documented, and as google-auth and Go's metadata package ask for them.  Pure."""

from __future__ import annotations

from html import escape
from typing import Dict, List, Mapping, Optional

from ..errors import http_phrase
from ..jsons import utf8
from ..limits import Headers, Json
from ..values import Call, ErrorBody, Failure, Reply, Request, Text
from .google_tokens import HOUR, identity_token
from .issuance import TokenEndpoint, issuer_of, short

ROOT = "GET /computeMetadata/v1"
ACCOUNT = ROOT + "/instance/service-accounts/{account}"
PROJECT = "mock-project"
PROJECT_NUMBER = "123456789012"
EMAIL = f"mock@{PROJECT}.iam.gserviceaccount.com"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
FLAVOR: Headers = (("Metadata-Flavor", "Google"), ("Server", "Metadata Server for VM"))
MISSING_FLAVOR = "Missing Metadata-Flavor:Google header."
# What stands below /computeMetadata/v1/ beside accounts.
FACTS: Mapping[str, str] = {
    "project/project-id": PROJECT,
    "project/numeric-project-id": PROJECT_NUMBER,
    "universe/universe-domain": "googleapis.com",
    "instance/id": "4520031799277581759",
    "instance/name": "mock",
    "instance/region": f"projects/{PROJECT_NUMBER}/regions/us-central1",
    "instance/zone": f"projects/{PROJECT_NUMBER}/zones/us-central1-a",
    "instance/service-accounts": f"default/\n{EMAIL}/\n",
    "": "instance/\nproject/\nuniverse/\n",
}


def google_page(value: Mapping[str, Json]) -> str:
    """An error as a page."""
    status = value["status"]
    phrase = http_phrase(status)
    return (
        "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n"
        f"  <title>Error {status} ({phrase})!!1</title>\n"
        f"  <p><b>{status}.</b> <ins>That’s an error.</ins>\n"
        f"  <p>{escape(value['message'], quote=False)} <ins>That’s all we know.</ins>\n"
    )


def is_asked_well(request: Request) -> bool:
    """Whether a request has the header that nobody is made to send by a link."""
    return request.headers.get("metadata-flavor", "").lower() == "google"


class OnMachine(TokenEndpoint):
    """What all paths of the metadata server share."""

    provider = "vertex_ai"

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """By which clients know it."""
        return FLAVOR

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """A page."""
        error = {"status": failure.status, "message": failure.message}
        return ErrorBody(error, google_page, content_type="text/html; charset=UTF-8")

    def refusal(self, call: Call) -> Optional[Failure]:
        """A request without the header."""
        if is_asked_well(call.request):
            return None
        where = f"Your client does not have permission to get URL {call.path} from this server."
        return Failure(403, f"{where} {MISSING_FLAVOR}")


class MachineToken(OnMachine):
    """token of the machine's account, whatever that is called."""

    api = "metadata_token"
    routes = (ACCOUNT + "/token",)
    usual_life = HOUR - 1

    def whole(self, call: Call, reply: Reply) -> Json:
        """An access token."""
        grant = self.grant(call, reply, sub=short(account_of(call)))
        return {"access_token": grant.token, "expires_in": grant.life, "token_type": "Bearer"}


class MachineIdentity(OnMachine):
    """identity of the machine's account, for an audience."""

    api = "metadata_identity"
    routes = (ACCOUNT + "/identity",)

    def refusal(self, call: Call) -> Optional[Failure]:
        """A request for nobody."""
        if not call.query.get("audience"):
            return super().refusal(call) or Failure(400, "non-empty audience parameter required")
        return super().refusal(call)

    def whole(self, call: Call, reply: Reply) -> Json:
        """The token, and nothing around it."""
        issuer, audience = issuer_of(call), call.query.get("audience", "")
        token = identity_token(issuer, account_of(call), audience, issuer.now() + HOUR)
        return utf8(reply.text(Text) or token)

    def whole_type(self, call: Call) -> str:
        """As the real one has it."""
        return "text/html"


class MachineFacts(OnMachine):
    """What else the machine is; to a mock's `text` any of it."""

    operation = "metadata"
    api = "metadata"
    routes = (ROOT + "[/]", ROOT + "/{place*}", ACCOUNT + "[/]", ACCOUNT + "/{fact}", "GET /")

    def owns(self, request: Request, params: Mapping[str, str]) -> bool:
        """The root for who asks for a metadata server there."""
        return request.path != "/" or is_asked_well(request)

    def refusal(self, call: Call) -> Optional[Failure]:
        """What the machine does not have."""
        wrong = super().refusal(call)
        if not wrong and fact_of(call) is None:
            message = f"The requested URL {call.path} was not found on this server."
            return Failure(404, message)
        return wrong

    def whole(self, call: Call, reply: Reply) -> Json:
        """One of them."""
        if not reply.text(Text) and asks_for_all(call):
            return {**account_facts(call), "email": account_of(call)}
        return utf8(reply.text(Text) or fact_of(call) or "")

    def whole_type(self, call: Call) -> str:
        """All that is told of an account comes in JSON."""
        return "application/json" if asks_for_all(call) else "application/text"


def account_of(call: Call) -> str:
    """The account that is asked for, by its address."""
    account = call.params.get("account", "default")
    return EMAIL if account == "default" else account


def fact_of(call: Call) -> Optional[str]:
    """What stands in a place; None where there is none."""
    if call.path == "/":
        return "computeMetadata/\n"
    if "account" not in call.params:
        return FACTS.get(call.params.get("place", "").rstrip("/"))
    told, fact = account_facts(call), call.params.get("fact", "")
    if fact:
        return "\n".join(told[fact]) if fact in told else None
    return "".join(f"{name}\n" for name in sorted((*told, "identity", "token")))


def account_facts(call: Call) -> Dict[str, List[str]]:
    """What is told of an account."""
    return {"aliases": ["default"], "email": [account_of(call)], "scopes": list(SCOPES)}


def asks_for_all(call: Call) -> bool:
    """Whether all that is told of an account is asked for at once."""
    at_account = "account" in call.params and "fact" not in call.params
    return at_account and call.query.get("recursive", "").lower() == "true"
