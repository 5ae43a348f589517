"""AWS's credentials of machines and containers: IMDSv2, the ECS agent's, EKS Pod Identity's.

Paths, members and statuses as documented, and as the SDKs read them.  Pure."""

from __future__ import annotations

from html import escape
from typing import Dict, Mapping, Optional

from ..errors import http_phrase
from ..ids import rfc3339
from ..jsons import indented, utf8
from ..limits import Headers, Json
from ..values import Call, ErrorBody, Failure, Reply, Text
from .aws_sts import ACCOUNT_ID, granted_keys
from .issuance import TokenEndpoint, issuer_of

ROLES = "GET /latest/meta-data/iam/security-credentials"
ROLE_NAME = "mock-role"
REGION = "us-east-1"
INSTANCE_ID = "i-0123456789abcdef0"
LONGEST_SESSION = 21600  # seconds: six hours
TTL = "x-aws-ec2-metadata-token-ttl-seconds"
DOCUMENT = {
    "accountId": ACCOUNT_ID,
    "architecture": "x86_64",
    "availabilityZone": REGION + "a",
    "imageId": "ami-0123456789abcdef0",
    "instanceId": INSTANCE_ID,
    "instanceType": "t3.micro",
    "privateIp": "10.0.0.1",
    "region": REGION,
    "version": "2017-09-30",
}
PROFILE = f"arn:aws:iam::{ACCOUNT_ID}:instance-profile/{ROLE_NAME}"
# What stands below /latest/meta-data/ and /latest/dynamic/.
INSTANCE: Mapping[str, str] = {
    "placement/region": REGION,
    "placement/availability-zone": REGION + "a",
    "instance-id": INSTANCE_ID,
    "instance-type": DOCUMENT["instanceType"],
    "local-ipv4": DOCUMENT["privateIp"],
    "services/domain": "amazonaws.com",
    "services/partition": "aws",
    "iam/info": indented({"Code": "Success", "InstanceProfileArn": PROFILE}),
    "instance-identity/document": indented(DOCUMENT),
    "": "iam/\ninstance-id\ninstance-type\nplacement/\nservices/\n",
}


def instance_page(value: Mapping[str, Json]) -> str:
    """An error as a page."""
    # A browser shows it: of the server's own errors some repeat what was asked for.
    title = f"{value['status']} - {escape(value['message'], quote=False)}"
    return (
        '<?xml version="1.0" encoding="iso-8859-1"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"\n'
        '\t"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">\n'
        f" <head>\n  <title>{title}</title>\n </head>\n"
        f" <body>\n  <h1>{title}</h1>\n </body>\n</html>\n"
    )


class OnInstance(TokenEndpoint):
    """What the paths of a machine share: a token of its own, without which nothing is told."""

    provider = "bedrock"

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """Who serves it."""
        return (("Server", "EC2ws"),)

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """A page."""
        error = {"status": failure.status, "message": failure.message}
        return ErrorBody(error, instance_page, content_type="text/html")

    def refusal(self, call: Call) -> Optional[Failure]:
        """A request without the machine's token, or with one that is none any more."""
        issuer, key = issuer_of(call), call.headers.get("x-aws-ec2-metadata-token", "")
        if issuer.verdict("imds", key, issuer.now()) == "right":
            return None
        return Failure(401, http_phrase(401))


class InstanceSession(OnInstance):
    """The token with which a machine is asked for the rest."""

    operation = "metadata"
    api = "imds_session"
    routes = ("PUT /latest/api/token",)

    def refusal(self, call: Call) -> Optional[Failure]:
        """A request that has come through others, or does not say for how long."""
        if "x-forwarded-for" in call.headers:
            return Failure(403, http_phrase(403))
        if not session_life(call):
            return Failure(400, http_phrase(400))
        return None

    def headers(self, call: Call, stream: bool, status: int) -> Headers:
        """For how long it holds."""
        own, life = super().headers(call, stream, status), session_life(call)
        if status < 400 and life:
            return (("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", str(life)), *own)
        return own

    def whole(self, call: Call, reply: Reply) -> Json:
        """The token, and nothing around it."""
        # A mock answers, too, where it does not say for how long.
        issuer, life = issuer_of(call), session_life(call) or LONGEST_SESSION
        return utf8(reply.text(Text) or issuer.token("imds", issuer.now() + life))

    def whole_type(self, call: Call) -> str:
        """A text."""
        return "text/plain"


def session_life(call: Call) -> int:
    """For how many seconds a machine's token is to hold; 0 for what is no such number."""
    life = call.headers.get(TTL, "")
    if not life.isdecimal() or len(life) > 5 or int(life) > LONGEST_SESSION:
        return 0
    return int(life)


class InstanceCredentials(OnInstance):
    """The credentials of a machine's role, whatever that is called."""

    api = "imds"
    routes = (ROLES + "/{role}",)
    json_type = "text/plain"
    usual_life = 21600
    layout = staticmethod(indented)

    def whole(self, call: Call, reply: Reply) -> Json:
        """Credentials as a machine has them."""
        role, now = call.params.get("role", ROLE_NAME), issuer_of(call).now()
        arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role[:64]}/{INSTANCE_ID}"
        keys, expires = granted_keys(self, call, reply, arn=arn)
        return {
            "Code": "Success",
            "LastUpdated": rfc3339(now) + "Z",
            "Type": "AWS-HMAC",
            "AccessKeyId": keys.access,
            "SecretAccessKey": keys.secret,
            "Token": keys.session,
            "Expiration": rfc3339(expires) + "Z",
        }


class InstanceFacts(OnInstance):
    """What else a machine is; to a mock's `text` any of it."""

    operation = "metadata"
    api = "imds_metadata"
    routes = (
        ROLES + "[/]",
        "GET /latest/meta-data[/]",
        "GET /latest/meta-data/{place*}",
        "GET /latest/dynamic/{place*}",
    )

    def fact(self, call: Call) -> Optional[str]:
        """What stands in a place; None where there is none."""
        if "security-credentials" in call.path:
            return ROLE_NAME
        return INSTANCE.get(call.params.get("place", "").rstrip("/"))

    def refusal(self, call: Call) -> Optional[Failure]:
        """What there is not."""
        wrong = super().refusal(call)
        if not wrong and self.fact(call) is None:
            return Failure(404, http_phrase(404))
        return wrong

    def whole(self, call: Call, reply: Reply) -> Json:
        """One of them."""
        return utf8(reply.text(Text) or self.fact(call) or "")

    def whole_type(self, call: Call) -> str:
        """A text."""
        return "text/plain"


class ContainerCredentials(TokenEndpoint):
    """The credentials of a container's role, from the agent of ECS or of EKS."""

    provider = "bedrock"
    api = "container"
    routes = ("GET /v2/credentials/{id}", "GET /v1/credentials")
    usual_life = 21600

    def refusal(self, call: Call) -> Optional[Failure]:
        """A request to EKS without the token of a service account."""
        if call.path.startswith("/v1/") and not call.headers.get("authorization", "").strip():
            # The agent's own sentence (read in its source).
            return Failure(400, "Service account token cannot be empty")
        return None

    def failure(self, call: Call, failure: Failure) -> ErrorBody:
        """A line of EKS's agent, or what ECS's says."""
        usual = "InvalidIdInRequest" if failure.status < 500 else "InternalServerError"
        error = {
            "code": failure.code or failure.type or usual,
            "message": failure.message,
            "HTTPErrorCode": failure.status,
        }
        if call.path.startswith("/v1/"):
            return ErrorBody(error, agent_line, content_type="text/plain; charset=utf-8")
        return ErrorBody(error)

    def whole(self, call: Call, reply: Reply) -> Json:
        """Credentials as a container has them."""
        arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{ROLE_NAME}/container"
        keys, expires = granted_keys(self, call, reply, arn=arn)
        answer: Dict[str, Json] = {
            "AccessKeyId": keys.access,
            "SecretAccessKey": keys.secret,
            "Token": keys.session,
            "Expiration": rfc3339(expires) + "Z",
        }
        if call.path.startswith("/v1/"):
            return {**answer, "AccountId": ACCOUNT_ID}
        return {"RoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/{ROLE_NAME}", **answer}


def agent_line(value: Mapping[str, Json]) -> str:
    """An error as a line."""
    return f"{value['message']}\n"
