"""examples/kubernetes and docs/kubernetes.md: what is built is valid, hangs together, and runs.

There is no cluster here.  kustomize builds what is applied, Kubernetes' schemas check it, and the
container's command is run as a process: with its environment and no other, with the volumes laid
out as the kubelet does it, in the root folder, and by a user who may write nothing.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import pytest
from pages import ROOT, blocks, page

import mock_server as m

yaml = pytest.importorskip("yaml")
kubernetes_validate = pytest.importorskip("kubernetes_validate")

PAGE = page("kubernetes")
VARIANTS = ("base", "overlays/tests", "overlays/tls", "overlays/tls-at-start")
VERSIONS = ("1.25", "1.28", "1.31", "1.34", "1.37")
NAMESPACE = "llm-mocks"
HOST = f"mock-llm.{NAMESPACE}.svc.cluster.local"
NOBODY = 65532
LARGEST_CONFIG_MAP = 1 << 20  # kubernetes/pkg/apis/core/validation: ValidateConfigMap
LARGEST_ANNOTATIONS = 256 << 10  # apimachinery/pkg/api/validation: TotalAnnotationSizeLimitB
SECRETS = {"mock-llm-control": {"token": b"the-token"}}
PATIENCE = 30.0


# --- The page, as somebody reads it ---


def lines_of(language: str) -> List[str]:
    """The lines of the page's blocks in a language, without comments; a continued one is one."""
    lines = "\n".join(blocks(language, PAGE)).replace("\\\n", "").split("\n")
    return [line for line in lines if line[:1] not in ("#", "")]


def yaml_blocks() -> List[Any]:
    """The objects in the page's blocks of YAML."""
    return [item for block in blocks("yaml", PAGE) for item in yaml.safe_load_all(block)]


def run(line: str, folder: Path) -> str:
    """What a line for the shell prints."""
    done = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done.stdout


KUSTOMIZE = next(
    (line for line in ("kubectl kustomize", "kustomize build") if shutil.which(line.split()[0])),
    "",
)
if not KUSTOMIZE:
    pytest.skip("there is neither kubectl nor kustomize", allow_module_level=True)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the lines of the page that need no cluster were run."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "mock_server.py", folder)
    made = shutil.ignore_patterns("*.zip", "tls.*")  # by somebody who tries it out
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=made)
    for line in lines_of("sh"):
        if line.startswith(("python3 ", "openssl ")):
            run(line.replace("python3", sys.executable), folder)
    return folder


@pytest.fixture(scope="module")
def variants(checkout: Path) -> Dict[str, List[Any]]:
    """What each variant builds."""
    return {name: built(checkout / "examples" / "kubernetes" / name) for name in VARIANTS}


def built(folder: Path) -> List[Any]:
    """The objects that kustomize makes of a folder."""
    return list(yaml.safe_load_all(run(f"{KUSTOMIZE} {folder}", folder)))


def named(objects: Sequence[Any], kind: str, name: str = "mock-llm") -> Any:
    """One of the objects."""
    (found,) = (one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name)
    return found


def config_maps(objects: Sequence[Any]) -> Dict[str, Dict[str, bytes]]:
    """The files in each ConfigMap."""
    found: Dict[str, Dict[str, bytes]] = {}
    for one in objects:
        if one["kind"] == "ConfigMap":
            text = {key: value.encode() for key, value in one.get("data", {}).items()}
            more = {key: base64.b64decode(v) for key, v in one.get("binaryData", {}).items()}
            found[one["metadata"]["name"]] = {**text, **more}
    return found


# --- What is built ---


@pytest.mark.parametrize("name", VARIANTS)
def test_it_is_valid_in_each_version(variants: Dict[str, List[Any]], name: str) -> None:
    for version in VERSIONS:
        for one in variants[name]:
            kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("name", VARIANTS)
def test_it_hangs_together(variants: Dict[str, List[Any]], name: str) -> None:
    objects = variants[name]
    deployment = named(objects, "Deployment")
    template = deployment["spec"]["template"]
    labels, pod = template["metadata"]["labels"], template["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert str(ports["api"]) in container["args"]
    for service in ("mock-llm", "mock-llm-pods"):
        spec = named(objects, "Service", service)["spec"]
        assert spec["selector"] == labels
        assert [port["targetPort"] for port in spec["ports"]] == ["api"]
    policy = named(objects, "NetworkPolicy")["spec"]
    assert policy["podSelector"]["matchLabels"] == labels
    assert [port["port"] for rule in policy["ingress"] for port in rule["ports"]] == ["api"]
    mounts = [mount["name"] for mount in container["volumeMounts"]]
    assert sorted(mounts) == sorted(volume["name"] for volume in pod["volumes"])
    used = {volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume}
    assert used == set(config_maps(objects))
    known = {option.variable for option in m.OPTIONS} | {"PYTHONPATH", "NAMESPACE"}
    assert {variable["name"] for variable in container["env"]} <= known


@pytest.mark.parametrize("name", VARIANTS)
def test_it_holds_to_the_restricted_standard(variants: Dict[str, List[Any]], name: str) -> None:
    pod = named(variants[name], "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == NOBODY
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    allowed = {"configMap", "emptyDir", "secret", "name"}
    assert all(set(volume) <= allowed for volume in pod["volumes"])
    # Who is asked to stop has time for it: the pause before, and what is under way.
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pause + 2 < pod["terminationGracePeriodSeconds"]


def test_only_a_zip_fits_into_a_config_map_and_only_server_side(
    variants: Dict[str, List[Any]],
) -> None:
    assert (ROOT / "mock_server.py").stat().st_size > LARGEST_CONFIG_MAP  # so the page says why
    for name in VARIANTS:
        maps = config_maps(variants[name])
        sizes = [sum(map(len, files.values())) for files in maps.values()]
        assert max(sizes) < LARGEST_CONFIG_MAP * 3 / 4, "the zip has hardly room to grow"
        assert max(len(json.dumps(one)) for one in variants[name]) > LARGEST_ANNOTATIONS


def test_overlays_say_how_many_pods_there_are_and_on_which_port(
    variants: Dict[str, List[Any]],
) -> None:
    table = re.findall(
        r"^\| `(base|overlays/[\w-]+)` \| (one|two) pods?, .+ on port (\d+)|"
        r"^\| `(overlays/tests)` \| (one) pod",
        PAGE,
        re.M,
    )
    assert len(table) == len(VARIANTS)
    for row in table:
        name, pods, port = row[0] or row[3], row[1] or row[4], row[2] or "80"
        spec = named(variants[name], "Deployment")["spec"]
        assert spec["replicas"] == {"one": 1, "two": 2}[pods]
        (listening,) = named(variants[name], "Service")["spec"]["ports"]
        assert str(listening["port"]) == port
        assert listening["appProtocol"] == {"80": "http", "443": "https"}[port]


# --- What is run ---


def works_for(user: Optional[int], python: str, folder: Path) -> bool:
    """Whether a user can run a Python, and read a folder."""
    look = ["-c", "import os, sys; os.listdir(sys.argv[1])", str(folder)]
    try:
        done = subprocess.run([python, *look], **as_user(user), env={}, cwd="/")
    except OSError:
        return False
    return done.returncode == 0


def as_user(user: Optional[int]) -> Dict[str, Any]:
    """How subprocess is told which user and group it is."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def who_and_what(root: Path) -> Tuple[Optional[int], str]:
    """The user of the container and a Python for it; whoever we are, where that can't be had."""
    if os.getuid() == 0:
        for python in (sys.executable, "/usr/bin/python3"):
            if works_for(NOBODY, python, root):
                return NOBODY, python
    return None, sys.executable


class Pod(NamedTuple):
    """The process in place of a container."""

    process: "subprocess.Popen[str]"
    port: int
    container: Any
    root: Path
    trusted: Optional[ssl.SSLContext]

    def connect(self) -> HTTPConnection:
        """A connection to it, which checks the certificate for the name of the Service."""
        if self.trusted is None:
            return HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection = HTTPSConnection(HOST, self.port, timeout=PATIENCE, context=self.trusted)
        # It has no public way to connect elsewhere than to the name that it checks.
        connection._create_connection = lambda address, *rest: socket.create_connection(  # type: ignore[attr-defined]
            ("127.0.0.1", address[1]), PATIENCE
        )
        return connection

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Optional[Mapping[str, str]] = None,
    ) -> Tuple[int, Any]:
        """Status and JSON of an answer."""
        connection = self.connect()
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, dict(headers or {}))
        answer = connection.getresponse()
        found = answer.status, json.loads(answer.read())
        connection.close()
        return found

    def says(self, user: str) -> str:
        """What it says to a user."""
        body = {"model": "m", "messages": [{"role": "user", "content": user}]}
        status, answer = self.ask("POST", "/v1/chat/completions", body)
        assert status == 200, answer
        return str(answer["choices"][0]["message"]["content"])


def project(folder: Path, files: Mapping[str, bytes], version: str) -> None:
    """Lay files out as the kubelet does: links to `..data`, which is a link to be swapped
    (kubernetes/pkg/volume/util/atomic_writer.go)."""
    (folder / version).mkdir(parents=True)
    for name, content in files.items():
        (folder / version / name).write_bytes(content)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data_tmp").symlink_to(version)
    (folder / "..data_tmp").rename(folder / "..data")


def lay_out(objects: Sequence[Any], root: Path, secrets: Mapping[str, Mapping[str, bytes]]) -> None:
    """Lay out the volumes of the pod where the container mounts them."""
    pod = named(objects, "Deployment")["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in pod["containers"][0]["volumeMounts"]:
        folder = root / mount["mountPath"].lstrip("/")
        volume = volumes[mount["name"]]
        if "configMap" in volume:
            project(folder, config_maps(objects)[volume["configMap"]["name"]], "..2026_1")
        elif "secret" in volume:
            project(folder, secrets[volume["secret"]["secretName"]], "..2026_1")
        else:
            folder.mkdir(parents=True)
            folder.chmod(0o777)


def environment(container: Any, secrets: Mapping[str, Mapping[str, bytes]]) -> Dict[str, str]:
    """The variables of a container; `$(NAME)` is one that stands before."""
    found: Dict[str, str] = {}
    for variable in container["env"]:
        value = variable.get("value", NAMESPACE)
        if "secretKeyRef" in variable.get("valueFrom", {}):
            place = variable["valueFrom"]["secretKeyRef"]
            value = secrets[place["name"]][place["key"]].decode()
        found[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda at: found[at[1]], value)
    return found


@contextmanager
def running(
    objects: Sequence[Any], root: Path, secrets: Mapping[str, Mapping[str, bytes]] = SECRETS
) -> Iterator[Pod]:
    """A process that is what the container would be."""
    lay_out(objects, root, secrets)
    (container,) = named(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    places = "|".join(mount["mountPath"] for mount in container["volumeMounts"])

    def here(text: str) -> str:
        return re.sub(rf"^(?={places}|/data)(?=/)", str(root), text)

    user, python = who_and_what(root)
    command = [here(word) for word in [*container["command"], *container["args"]]]
    command[0] = {"python3": python}[command[0]]
    command[command.index("8080")] = "0"
    variables = {name: here(text) for name, text in environment(container, secrets).items()}
    process = subprocess.Popen(
        command,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **variables},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **as_user(user),
    )
    assert process.stdout and process.stderr
    try:
        line = process.stdout.readline()
        assert line.startswith("listening on "), process.stderr.read()
        trusted = None
        if line.startswith("listening on https"):
            trusted = ssl.create_default_context(cafile=str(root / "tls" / "tls.crt"))
        yield Pod(process, int(line.rpartition(":")[2]), container, root, trusted)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder in place of a container's root, which nobody may read, and may not write.

    It is none of pytest's: those are closed to others, by each run of pytest anew."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def secrets_of(checkout: Path) -> Dict[str, Dict[str, bytes]]:
    """The Secrets, with the certificate that the page's line has made."""
    pair = {name: (checkout / name).read_bytes() for name in ("tls.crt", "tls.key")}
    return {**SECRETS, "mock-llm-tls": pair}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_container_starts_passes_its_probes_answers_and_stops(
    variants: Dict[str, List[Any]], checkout: Path, root: Path, name: str
) -> None:
    with running(variants[name], root, secrets_of(checkout)) as pod:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            check = pod.container[probe]["httpGet"]
            assert check.get("scheme", "HTTP") == ("HTTPS" if pod.trusted else "HTTP")
            status, said = pod.ask("GET", check["path"], headers={"Host": "10.0.0.7:8080"})
            assert (status, said["mocks"] > 0) == (200, True)
        assert pod.says("Hello") == "Hello from the mock."
        right = {"Authorization": "Bearer the-token", "Host": HOST}
        wrong = {"Authorization": "Bearer another", "Host": HOST}
        has_token = any(v["name"] == "MOCK_SERVER_CONTROL_TOKEN" for v in pod.container["env"])
        assert pod.ask("GET", "/__mock__/mocks", headers=right)[0] == (200 if has_token else 403)
        assert pod.ask("GET", "/__mock__/mocks", headers=wrong)[0] == 403


def test_it_notices_mocks_that_are_changed_under_it(
    variants: Dict[str, List[Any]], root: Path
) -> None:
    with running(variants["base"], root) as pod:
        assert pod.says("Hello") == "Hello from the mock."
        new = [{"match": {"user": "Hello"}, "response": {"text": "Changed."}}]
        project(root / "data" / "mocks", {"hello.json": json.dumps(new).encode()}, "..2026_2")
        assert pod.says("Hello") == "Changed."


def test_it_lets_what_is_under_way_finish(variants: Dict[str, List[Any]], root: Path) -> None:
    with running(variants["base"], root) as pod:
        connection = pod.connect()
        text = "Take your time."
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": text}]}
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        answer = connection.getresponse()
        assert answer.readline().startswith(b"data: ")
        pod.process.terminate()
        assert answer.read().endswith(b"data: [DONE]\n\n")
        connection.close()


def test_a_wrong_mock_keeps_it_from_starting_and_says_why(
    variants: Dict[str, List[Any]], root: Path
) -> None:
    objects = json.loads(json.dumps(variants["base"]))
    for one in objects:
        if "hello.json" in one.get("data", {}):
            one["data"]["hello.json"] = '[{"match": {"usr": "Hello"}, "response": {"text": "Hi"}}]'
    with pytest.raises(AssertionError, match='did you mean "user"'), running(objects, root):
        pass


# --- What the page says ---


def applied(line: str) -> str:
    """The variant that a line applies."""
    found = re.search(r"-k examples/kubernetes/(\S+)", line)
    return found[1] if found else ""


def test_the_commands_name_what_there_is(variants: Dict[str, List[Any]]) -> None:
    created = {("namespace", NAMESPACE)}
    there: List[Any] = []
    for line in lines_of("sh"):
        words = shlex.split(line)
        if words[0] != "kubectl" or words[1] == "label":
            continue
        assert words[1:3] == ["create", "namespace"] or f"-n {NAMESPACE}" in line, line
        if words[1] == "create" and words[2] != "namespace":
            kind = words[2]
            name = words[words.index("-n") + 2]
            created.add((kind, name))
        elif words[1] == "apply":
            assert "--server-side" in words
            there = variants[applied(line)]
            assert secrets_needed(there) <= {name for kind, name in created if kind == "secret"}
        elif words[1] != "create":
            (place,) = (word for word in words if re.match(r"(deployment|service)/", word))
            kind, _, name = place.partition("/")
            one = named(there, kind.capitalize(), name)
            if words[1] == "port-forward":
                assert int(words[-1].split(":")[1]) == one["spec"]["ports"][0]["port"]
    assert ("configmap", "mock-llm-ca") in created


def secrets_needed(objects: Sequence[Any]) -> "set[str]":
    """The Secrets that pods need to start."""
    pod = named(objects, "Deployment")["spec"]["template"]["spec"]
    volumes = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
    variables = [
        variable["valueFrom"]["secretKeyRef"]["name"]
        for variable in pod["containers"][0]["env"]
        if "secretKeyRef" in variable.get("valueFrom", {})
    ]
    return {*volumes, *variables}


def test_what_kubectl_creates_is_what_the_pods_read(checkout: Path) -> None:
    if not KUSTOMIZE.startswith("kubectl"):
        pytest.skip("there is no kubectl")
    lines = [line for line in lines_of("sh") if line.startswith("kubectl create ")]
    made = [yaml.safe_load(run(f"{line} --dry-run=client -o yaml", checkout)) for line in lines]
    for one in made:
        kubernetes_validate.validate(one, VERSIONS[0], strict=True)
    files = {one["metadata"]["name"]: sorted(one.get("data", {})) for one in made}
    assert files["mock-llm-control"] == ["token"]
    assert files["mock-llm-tls"] == ["tls.crt", "tls.key"]
    assert files["mock-llm-ca"] == ["ca.crt"]


def test_a_kustomization_of_ones_own_adds_mocks(checkout: Path) -> None:
    (own,) = (one for one in yaml_blocks() if one["kind"] == "Kustomization")
    (checkout / "kustomization.yaml").write_text(json.dumps(own))
    (checkout / "mine.json").write_text("[]")
    objects = built(checkout)
    assert {one["metadata"]["namespace"] for one in objects} == {NAMESPACE}
    (mocks,) = (files for files in config_maps(objects).values() if "mine.json" in files)
    assert sorted(mocks) == ["hello.json", "mine.json"]


def test_gateways_are_pointed_at_the_service(variants: Dict[str, List[Any]]) -> None:
    addresses = []
    for one in yaml_blocks():
        if one["kind"] != "Kustomization":
            assert one["metadata"]["namespace"] == NAMESPACE
            addresses += re.findall(r'"host(?:name)?": "(.+?)", "port": (\d+)', json.dumps(one))
    (port,) = named(variants["base"], "Service")["spec"]["ports"]
    assert addresses == 3 * [(HOST, str(port["port"]))]


def test_a_gateway_trusts_the_certificate_of_the_service(variants: Dict[str, List[Any]]) -> None:
    (policy,) = (one for one in yaml_blocks() if one["kind"] == "BackendTLSPolicy")
    (target,) = policy["spec"]["targetRefs"]
    named(variants["overlays/tls"], target["kind"], target["name"])
    (trusted,) = policy["spec"]["validation"]["caCertificateRefs"]
    created = [shlex.split(line) for line in lines_of("sh") if "create configmap" in line]
    assert [words[5] for words in created] == [trusted["name"]]
    assert policy["spec"]["validation"]["hostname"] == HOST  # for which the pods are asked here


def test_the_control_api_is_asked_as_the_page_says(
    variants: Dict[str, List[Any]], root: Path
) -> None:
    lines = [line for line in lines_of("sh") if "Bearer $TOKEN" in line]
    with running(variants["overlays/tests"], root) as pod:
        for line in lines:
            words = shlex.split(line.replace("$TOKEN", "the-token"))
            path = words[2].partition("http://mock-llm")[2]
            headers = dict([words[words.index("-H") + 1].split(": ")], Host="mock-llm")
            if path.endswith("/wait"):
                assert pod.says("ping") == "pong"
            body = json.loads(words[words.index("-d") + 1])
            assert pod.ask("POST", path, body, headers)[0] in (200, 201)
    assert len(lines) == 2
