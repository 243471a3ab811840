"""Images: by the OCI distribution API into ECR, and out again as they were."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from conftest import ROOT, Server, environment

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def code(self) -> str:
        return json.loads(self.body)["errors"][0]["code"]


@dataclass
class Client:
    """What a client of a registry does, one request at a time."""

    port: int
    password: str | None = None

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.password is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(f"AWS:{self.password}".encode()).decode()
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        reply = Reply(answer.status, answer.headers, answer.read())
        connection.close()
        return reply

    def begin(self, repository: str) -> str:
        begun = self.ask("POST", f"/v2/{repository}/blobs/uploads/")
        assert begun.status == 202, begun
        return begun.headers["Location"]

    def push_blob(self, repository: str, body: bytes) -> None:
        sent = self.ask("PATCH", self.begin(repository), body)
        assert (sent.status, sent.headers["Range"]) == (202, f"0-{len(body) - 1}")
        done = self.ask("PUT", f"{sent.headers['Location']}?digest={digest_of(body)}", b"")
        assert (done.status, done.headers["Docker-Content-Digest"]) == (201, digest_of(body))

    def push(self, repository: str, reference: str, image: Image) -> Reply:
        for blob in image.blobs:
            self.push_blob(repository, blob)
        path = f"/v2/{repository}/manifests/{reference}"
        return self.ask("PUT", path, image.manifest, Content_Type=MANIFEST)


@dataclass
class Image:
    """A synthetic one: a configuration and one layer."""

    layer: bytes
    config: bytes = b"{}"
    manifest: bytes = field(init=False)

    def __post_init__(self) -> None:
        def descriptor(kind: str, body: bytes) -> dict:
            media_type = f"application/vnd.oci.image.{kind}"
            return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}

        self.blobs = [self.config, self.layer]
        layers = [descriptor("layer.v1.tar", self.layer)]
        document = {"schemaVersion": 2, "config": descriptor("config.v1+json", self.config), "layers": layers}
        self.manifest = json.dumps(document).encode()


def login(server: Server) -> str:
    data = server.client("ecr").get_authorization_token()["authorizationData"][0]
    assert data["proxyEndpoint"] == server.endpoint
    user, password = base64.b64decode(data["authorizationToken"]).decode().split(":", 1)
    assert user == "AWS"
    return password


@pytest.fixture
def registry(serve, tmp_path) -> tuple[Server, Client]:
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    server.client("ecr").create_repository(repositoryName="team/app")
    return server, Client(server.port, login(server))


def test_an_image_comes_back_as_it_went_in(registry, tmp_path):
    server, client = registry
    image = Image(layer=bytes(range(256)) * 5000)
    pushed = client.push("team/app", "latest", image)
    assert (pushed.status, pushed.headers["Docker-Content-Digest"]) == (201, digest_of(image.manifest))
    for reference in ("latest", digest_of(image.manifest)):
        for method, body in (("GET", image.manifest), ("HEAD", b"")):
            pulled = client.ask(method, f"/v2/team/app/manifests/{reference}")
            assert (pulled.status, pulled.body) == (200, body)
            assert pulled.headers["Content-Type"] == MANIFEST
            assert int(pulled.headers["Content-Length"]) == len(image.manifest)
    for blob in image.blobs:
        path = f"/v2/team/app/blobs/{digest_of(blob)}"
        assert client.ask("GET", path).body == blob
        head = client.ask("HEAD", path)
        assert (head.status, int(head.headers["Content-Length"]), head.body) == (200, len(blob), b"")
    path = f"/v2/team/app/blobs/{digest_of(image.layer)}"
    part = client.ask("GET", path, Range="bytes=1000-1999")
    assert (part.status, part.body) == (206, image.layer[1000:2000])
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(image.layer)}"
    assert client.ask("GET", path, Range=f"bytes={len(image.layer)}-").status == 416

    ecr = server.client("ecr")
    listed = ecr.list_images(repositoryName="team/app")["imageIds"]
    assert listed == [{"imageDigest": digest_of(image.manifest), "imageTag": "latest"}]
    detail = ecr.describe_images(repositoryName="team/app")["imageDetails"][0]
    assert detail["imageSizeInBytes"] == len(image.layer) + len(image.config)
    got = ecr.batch_get_image(repositoryName="team/app", imageIds=[{"imageTag": "latest"}])["images"][0]
    assert (got["imageManifest"].encode(), got["imageManifestMediaType"]) == (image.manifest, MANIFEST)
    # The container driver reads layers where they lie.
    hexadecimal = digest_of(image.layer)[7:]
    assert (tmp_path / "blobs" / hexadecimal[:2] / hexadecimal).read_bytes() == image.layer


def test_who_may_come_in(registry, serve):
    server, client = registry
    stranger = Client(server.port).ask("GET", "/v2/")
    assert (stranger.status, stranger.code()) == (401, "UNAUTHORIZED")
    assert stranger.headers["WWW-Authenticate"].startswith('Basic realm="')
    assert Client(server.port, "wrong").ask("GET", "/v2/").status == 401
    forged = client.password[:20] + ("A" if client.password[20] != "A" else "B") + client.password[21:]
    assert Client(server.port, forged).ask("GET", "/v2/").status == 401
    assert client.ask("GET", "/v2/").status == 200
    unknown = client.ask("POST", "/v2/no/such/blobs/uploads/")
    assert (unknown.status, unknown.code()) == (404, "NAME_UNKNOWN")
    anyone = serve("--ephemeral", "--auth", "any")
    anyone.client("ecr").create_repository(repositoryName="app")
    image = Image(layer=b"layer" * 100)
    assert Client(anyone.port).push("app", "one", image).status == 201
    assert Client(anyone.port, "whatever").ask("GET", f"/v2/app/blobs/{digest_of(image.layer)}").body == image.layer


def test_a_layer_comes_in_every_way(registry):
    server, client = registry
    body = bytes(range(200)) * 1000
    whole = client.ask("POST", f"/v2/team/app/blobs/uploads/?digest={digest_of(body).replace(':', '%3A')}", body)
    assert whole.status == 201

    pieces = b"piece" * 10_000
    place = client.begin("team/app")
    assert client.ask("PATCH", place, pieces[:10], Content_Range="0-9").headers["Range"] == "0-9"
    assert client.ask("PATCH", place, pieces[20:], Content_Range="20-49999").status == 416
    assert client.ask("GET", place).headers["Range"] == "0-9"
    assert client.ask("PATCH", place, pieces[10:20], Content_Range="10-19").status == 202
    last = client.ask("PUT", f"{place}?digest={digest_of(pieces)}", pieces[20:])
    assert last.status == 201
    assert client.ask("GET", last.headers["Location"]).body == pieces

    server.client("ecr").create_repository(repositoryName="other")
    mount = f"/v2/other/blobs/uploads/?mount={digest_of(body)}"
    assert client.ask("POST", f"{mount}&from=team/app").status == 201
    assert client.ask("GET", f"/v2/other/blobs/{digest_of(body)}").body == body
    assert client.ask("POST", f"/v2/other/blobs/uploads/?mount={digest_of(b'no')}&from=team/app").status == 202

    given_up = client.begin("team/app")
    assert client.ask("DELETE", given_up).status == 204
    assert client.ask("GET", given_up).code() == "BLOB_UPLOAD_UNKNOWN"
    assert client.ask("GET", "/v2/team/app/blobs/uploads/..%2F..%2Fcredentials.json").status == 404


def test_what_is_wrong_is_refused(registry):
    server, client = registry
    place = client.begin("team/app")
    client.ask("PATCH", place, b"bytes")
    refused = client.ask("PUT", f"{place}?digest={digest_of(b'others')}", b"")
    assert (refused.status, refused.code()) == (400, "DIGEST_INVALID")
    assert client.ask("GET", f"/v2/team/app/blobs/{digest_of(b'others')}").code() == "BLOB_UNKNOWN"
    assert client.ask("GET", f"/v2/team/app/blobs/{digest_of(b'bytes')}").status == 404
    image = Image(layer=b"never pushed")
    missing = client.ask("PUT", "/v2/team/app/manifests/x", image.manifest, Content_Type=MANIFEST)
    assert (missing.status, missing.code()) == (400, "MANIFEST_BLOB_UNKNOWN")
    for body in (b"", b"{", b"[]", b'{"schemaVersion":2}', b"\xff" * 10, b"[" * 5000):
        broken = client.ask("PUT", "/v2/team/app/manifests/x", body, Content_Type=MANIFEST)
        assert (broken.status, broken.code()) == (400, "MANIFEST_INVALID"), body
    assert client.ask("GET", "/v2/team/app/manifests/x").code() == "MANIFEST_UNKNOWN"
    ok = Image(layer=b"ok")
    assert client.push("team/app", digest_of(b"else"), ok).code() == "DIGEST_INVALID"
    assert client.ask("DELETE", f"/v2/team/app/blobs/{digest_of(b'ok')}").status == 405
    assert client.ask("GET", "/v2/nothing").status == 404

    server.client("ecr").put_image_tag_mutability(repositoryName="team/app", imageTagMutability="IMMUTABLE")
    assert client.push("team/app", "v1", ok).status == 201
    assert client.push("team/app", "v1", Image(layer=b"other")).code() == "TAG_INVALID"


def test_tags_indexes_and_deleting(registry):
    server, client = registry
    image = Image(layer=b"one")
    for tag in ("c", "a", "b"):
        assert client.push("team/app", tag, image).status == 201
    assert client.push("team/app", "a", image).status == 201  # Again is no mistake.
    assert json.loads(client.ask("GET", "/v2/team/app/tags/list").body) == {"name": "team/app", "tags": ["a", "b", "c"]}
    page = client.ask("GET", "/v2/team/app/tags/list?n=1&last=a")
    assert json.loads(page.body)["tags"] == ["b"]
    assert page.headers["Link"] == '</v2/team/app/tags/list?n=1&last=b>; rel="next"'
    child = {"mediaType": MANIFEST, "digest": digest_of(image.manifest), "size": len(image.manifest)}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]}).encode()
    assert client.ask("PUT", "/v2/team/app/manifests/multi", index, Content_Type=INDEX).status == 201
    assert client.ask("GET", "/v2/team/app/manifests/multi").headers["Content-Type"] == INDEX
    assert client.ask("DELETE", f"/v2/team/app/manifests/{digest_of(image.manifest)}").status == 400
    assert client.ask("DELETE", "/v2/team/app/manifests/multi").status == 202
    assert client.ask("DELETE", f"/v2/team/app/manifests/{digest_of(image.manifest)}").status == 202
    assert client.ask("GET", "/v2/team/app/manifests/a").status == 404
    ecr = server.client("ecr")
    ecr.delete_repository(repositoryName="team/app")
    with pytest.raises(ClientError, match="does not exist in the registry with id '000000000000'"):
        ecr.list_images(repositoryName="team/app")


def test_a_kill_loses_nothing_that_was_acknowledged(registry, serve, tmp_path):
    server, client = registry
    image = Image(layer=b"kept" * 100_000)
    assert client.push("team/app", "latest", image).status == 201
    begun = client.begin("team/app")
    assert client.ask("PATCH", begun, b"half of ").status == 202
    # One is in the middle of a body: it never was acknowledged.
    torn = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    torn.putrequest("PATCH", client.begin("team/app"))
    basic = base64.b64encode(f"AWS:{client.password}".encode()).decode()
    torn.putheader("Authorization", "Basic " + basic)
    torn.putheader("Content-Length", "1000000")
    torn.endheaders(b"x" * 1000)
    server.kill()
    torn.close()

    again = serve("--data", tmp_path).use_key_of(tmp_path)
    client = Client(again.port, client.password)  # The password goes on too.
    assert client.ask("GET", "/v2/team/app/manifests/latest").body == image.manifest
    assert client.ask("GET", f"/v2/team/app/blobs/{digest_of(image.layer)}").body == image.layer
    whole = b"half of a layer"
    done = client.ask("PUT", f"{begun}?digest={digest_of(whole)}", b"a layer")
    assert done.status == 201
    assert client.ask("GET", done.headers["Location"]).body == whole
    assert not list((tmp_path / "uploads").glob("body-*"))


def test_a_large_layer_is_not_held_in_memory(registry):
    server, client = registry
    megabyte = bytes(range(256)) * 4096
    layer = megabyte * 300
    client.push_blob("team/app", layer)
    pulled = client.ask("GET", f"/v2/team/app/blobs/{digest_of(layer)}").body
    assert pulled == layer
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0])
    assert peak < 150_000, f"{peak} KiB"


SKOPEO = shutil.which("skopeo")


def skopeo(*arguments: str | Path) -> None:
    done = subprocess.run(
        [SKOPEO, *map(str, arguments)], env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def write_layout(directory: Path, image: Image) -> Path:
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for body in (*image.blobs, image.manifest):
        (blobs / digest_of(body)[7:]).write_bytes(body)
    (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    entry = {
        "mediaType": MANIFEST,
        "digest": digest_of(image.manifest),
        "size": len(image.manifest),
        "annotations": {"org.opencontainers.image.ref.name": "latest"},
    }
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return directory


@pytest.mark.skipif(SKOPEO is None, reason="skopeo is not installed: only the tests' own client was tried")
def test_skopeo_pushes_and_pulls(registry, tmp_path):
    server, client = registry
    layout = ROOT / "build" / "image"
    if not (layout / "index.json").exists():
        config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}, "config": {}}
        layer = b"\0" * 10240
        config["rootfs"]["diff_ids"].append(digest_of(layer))
        layout = write_layout(tmp_path / "made", Image(layer=layer, config=json.dumps(config).encode()))
    target = f"docker://127.0.0.1:{server.port}/team/app:latest"
    skopeo("copy", f"oci:{layout}:latest", target, "--dest-tls-verify=false", "--dest-creds", f"AWS:{client.password}")
    back = tmp_path / "back"
    skopeo("copy", target, f"oci:{back}:latest", "--src-tls-verify=false", "--src-creds", f"AWS:{client.password}")
    manifest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    images = server.client("ecr").list_images(repositoryName="team/app")["imageIds"]
    assert images == [{"imageDigest": manifest, "imageTag": "latest"}]
    names = {path.name for path in (back / "blobs" / "sha256").iterdir()}
    document = json.loads((layout / "blobs" / "sha256" / manifest[7:]).read_text())
    assert names == {manifest[7:], *(d["digest"][7:] for d in (document["config"], *document["layers"]))}
    for name in names:
        assert digest_of((back / "blobs" / "sha256" / name).read_bytes())[7:] == name
