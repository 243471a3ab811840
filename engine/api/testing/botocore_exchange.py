"""The other side of botocore_test.cc: botocore itself, for every operation that kiban serves.

    botocore_exchange.py requests SERVICES        one JSON line per case: the request that botocore
                                                  signs and sends, and the tree it was made from
    botocore_exchange.py replies SERVICES FILE    reads kiban's replies, one JSON line each, and
                                                  compares what botocore makes of them

SERVICES is the folder engine/services. Values are made up from the models, always the same ones.
"""

from __future__ import annotations

import base64
import datetime
import json
import logging
import random
import sys
from pathlib import Path
from typing import Any

import botocore.awsrequest
import botocore.parsers
import botocore.serialize
import botocore.session
from botocore.config import Config
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

UTC = datetime.UTC
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a/session+token="
NESTING_MAX = 4
# Members that botocore's own customisations make or change before they are sent.
CUSTOM_INPUT = {
    ("events", "EndpointId"),  # Makes botocore sign by SigV4A, for which it wants another package.
    ("s3", "ChecksumAlgorithm"),
    ("s3", "SSECustomerKey"),
    ("s3", "SSECustomerKeyMD5"),
    ("s3", "CopySourceSSECustomerKey"),
    ("s3", "CopySourceSSECustomerKeyMD5"),
    ("s3", "ContentMD5"),
    ("s3", "Expires"),
    ("s3", "Prefix"),
    ("s3", "ContentLength"),
    ("ec2", "UserData"),
    ("ec2", "LaunchTemplateData"),
    ("ec2", "SourceRegion"),
    ("ec2", "PresignedUrl"),
    ("rds", "SourceRegion"),
    ("rds", "PreSignedUrl"),
    ("logs", "limit"),
}
# Of replies: S3 leaves these out of bodies, or botocore reads them its own way.
CUSTOM_OUTPUT = {("s3", "GetBucketLocation")}


def texts(shape: Shape, key: str, rng: random.Random) -> str:
    values = shape.metadata.get("enum")
    if values:
        return rng.choice(values)
    if key in ("Bucket", "CopySource"):
        return "my-bucket" if key == "Bucket" else "my-bucket/another"
    if "Arn" in key or key.endswith("ARN"):
        return "arn:aws:iam::000000000000:role/some-role-of-mine"
    if key == "Key":
        return rng.choice(["a/b c+d%e/é.txt", "plain", "=&?#;"])
    least = shape.metadata.get("min", 0)
    return (rng.choice(["plain", "a b+c", "<x>&\"'", "é漢😀", "100%", "x=y&z"]) + "x" * int(least))[
        : max(int(least), 12)
    ]


class Maker:
    """Values for a shape: `tree` as kiban carries them, `native` as botocore takes them."""

    def __init__(self, service: str, seed: str) -> None:
        self.service = service
        self.rng = random.Random(seed)
        self.ascii = False

    def make(self, shape: Shape, key: str, depth: int) -> tuple[Any, Any]:
        if isinstance(shape, StructureShape):
            return self.structure(shape, depth)
        if isinstance(shape, ListShape):
            pairs = [self.make(shape.member, key, depth + 1) for _ in range(self.rng.choice([1, 2, 11]))]
            return [p[0] for p in pairs], [p[1] for p in pairs]
        if isinstance(shape, MapShape):
            names = {texts(shape.key, "", self.rng) for _ in range(2)}
            in_headers = shape.serialization.get("location") == "headers"
            if in_headers:
                names = {"colour", "size-of-it"}
            self.ascii = in_headers
            made = {name: self.make(shape.value, key, depth + 1) for name in sorted(names)}
            self.ascii = False
            return {n: m[0] for n, m in made.items()}, {n: m[1] for n, m in made.items()}
        return self.scalar(shape, key)

    def scalar(self, shape: Shape, key: str) -> tuple[Any, Any]:
        kind = shape.type_name
        if kind in ("integer", "long"):
            number = self.rng.randint(int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 100)))
            return number, number
        if kind in ("float", "double"):
            real = self.rng.choice([0.5, 12.25, 3.0])
            return real, real
        if kind == "boolean":
            truth = self.rng.choice([True, False])
            return truth, truth
        if kind == "timestamp":
            seconds = self.rng.randint(1_600_000_000, 1_800_000_000)
            return float(seconds), datetime.datetime.fromtimestamp(seconds, UTC)
        if kind == "blob":
            raw = bytes(self.rng.randrange(256) for _ in range(self.rng.choice([1, 2, 3, 40])))
            return base64.b64encode(raw).decode(), raw
        text = texts(shape, key, self.rng)
        if shape.serialization.get("location") in ("header", "headers") or self.ascii:
            text = text.encode("ascii", "ignore").decode().strip().replace("\n", "") or "plain"
        return text, text

    def structure(self, shape: StructureShape, depth: int, skip: frozenset[str] = frozenset()) -> tuple[Any, Any]:
        tree, native = {}, {}
        for name, member in shape.members.items():
            required = name in shape.required_members
            if name in skip or (self.service, name) in CUSTOM_INPUT or getattr(member, "is_document_type", False):
                continue
            if not required and depth >= NESTING_MAX and member.type_name in ("structure", "list", "map"):
                continue
            # botocore makes tokens up where there are none.
            token = member.metadata.get("idempotencyToken", False)
            if not required and not token and self.rng.random() < 0.3:
                continue
            if getattr(shape, "is_tagged_union", False) and tree:
                continue
            in_header = member.serialization.get("location") == "header" and member.type_name == "list"
            if in_header:
                continue
            tree[name], native[name] = self.make(member, name, depth + 1)
        if not tree and depth > 0:  # An empty structure leaves no trace in a form or in XML.
            union = getattr(shape, "is_tagged_union", False)
            for name, member in shape.members.items():
                if name not in skip and (union or member.type_name not in ("structure", "list", "map")):
                    tree[name], native[name] = self.make(member, name, depth + 1)
                    break
        return tree, native


def services(folder: Path) -> list[tuple[str, str, list[str]]]:
    out = []
    for path in sorted(folder.glob("*/operations.txt")):
        lines = path.read_text().splitlines()
        model = lines[0].removeprefix("# botocore: ")
        names = sorted({line.strip() for line in lines[1:] if line.strip() and not line.startswith("#")})
        out.append((path.parent.name, model, names))
    return out


class Sent(Exception):
    """Carries the request out of botocore before it reaches a socket."""


def client_for(model: str) -> Any:
    session = botocore.session.get_session()
    session.set_credentials(KEY, SECRET, TOKEN)
    return session.create_client(
        model,
        region_name="ap-northeast-1",
        endpoint_url="http://127.0.0.1:4566",
        config=Config(
            parameter_validation=False,
            retries={"max_attempts": 0},
            s3={"addressing_style": "path"},
            inject_host_prefix=False,  # sync-127.0.0.1 is no host.
        ),
    )


def capture(client: Any, operation: str, native: dict[str, Any]) -> Any:
    caught: list[Any] = []

    def stop(request: Any, **_: Any) -> None:
        caught.append(request)
        raise Sent

    client.meta.events.register_first("before-send", stop)
    method = next(m for m, name in client.meta.method_to_api_mapping.items() if name == operation)
    try:
        getattr(client, method)(**native)
    except Sent:
        pass
    finally:
        client.meta.events.unregister("before-send", stop)
    return caught[0]


def body_of(request: Any) -> bytes:
    body = request.body
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    return body.read()


def text_of(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def streams(operation: OperationModel) -> bool:
    """botocore calls every payload of bytes a stream; kiban goes by the model's trait."""
    shape = operation.get_streaming_input() if operation.has_streaming_input else None
    return shape is not None and bool(shape.serialization.get("streaming"))


def input_case(folder: str, client: Any, operation: OperationModel, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    tree: dict[str, Any] = {}
    native: dict[str, Any] = {}
    bulk = None
    if operation.input_shape is not None:
        maker = Maker(folder, f"{folder}.{operation.name}.{seed}")
        tree, native = maker.structure(operation.input_shape, 0)
        payload = operation.input_shape.serialization.get("payload")
        if streams(operation):
            bulk = base64.b64encode(b"bulk bytes \x00\xff").decode()
            native[payload] = b"bulk bytes \x00\xff"
            tree.pop(payload, None)
    request = capture(client, operation.name, native)
    url = request.url.removeprefix("http://127.0.0.1:4566")
    path, _, query = url.partition("?")
    headers = [[name, text_of(value)] for name, value in request.headers.items()]
    if not any(name.lower() == "host" for name, _ in headers):
        headers.append(["Host", "127.0.0.1:4566"])
    case = {
        "service": folder,
        "operation": operation.name,
        "protocol": client.meta.service_model.resolved_protocol,
        "method": request.method,
        "path": path or "/",
        "query": query,
        "headers": headers,
        "body": base64.b64encode(body_of(request)).decode(),
        "tree": tree,
        "bulk": bulk,
    }
    return case, native


def cbor_case(case: dict[str, Any], client: Any, operation: OperationModel, native: dict[str, Any]) -> dict[str, Any]:
    """The same request in the protocol that botocore would not pick by itself; unsigned."""
    made = botocore.serialize.create_serializer("smithy-rpc-v2-cbor", False).serialize_to_request(native, operation)
    headers = [[name, text_of(value)] for name, value in made["headers"].items()]
    return {
        **case,
        "protocol": "smithy-rpc-v2-cbor",
        "path": made["url_path"],
        "headers": headers,
        "body": base64.b64encode(bytes(made["body"])).decode(),
    }


def output_tree(folder: str, operation: OperationModel, seed: int) -> tuple[Any, Any]:
    shape = operation.output_shape
    if shape is None or (folder, operation.name) in CUSTOM_OUTPUT:
        return {}, {}
    maker = Maker(folder, f"{folder}.{operation.name}.out.{seed}")
    skip = frozenset([shape.serialization.get("payload", "")] if operation.has_streaming_output else [])
    tree, native = maker.structure(shape, 0, skip)
    for name, member in shape.members.items():
        if member.serialization.get("location") == "statusCode":
            tree[name] = native[name] = 200
    return tree, native


SEEDS = range(4)


def requests(folder: Path) -> None:
    for name, model, operations in services(folder):
        client = client_for(model)
        for operation in operations:
            for seed in SEEDS:
                described = client.meta.service_model.operation_model(operation)
                case, native = input_case(name, client, described, seed)
                case["seed"] = seed
                case["output"] = output_tree(name, described, seed)[0]
                print(json.dumps(case))
                if "smithy-rpc-v2-cbor" in client.meta.service_model.metadata.get("protocols", []):
                    print(json.dumps(cbor_case(case, client, described, native)))


def plain(value: Any) -> Any:
    """What a parser gave, comparable: bytes as base64, times as seconds, absent lists left out."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if v not in ([], {}, None)}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    return value


def replies(folder: Path, file: Path) -> int:
    models = {name: client_for(model).meta.service_model for name, model, _ in services(folder)}
    failed = 0
    for line in file.read_text().splitlines():
        got = json.loads(line)
        model = models[got["service"]]
        operation = model.operation_model(got["operation"])
        protocol = got["protocol"]
        parser = botocore.parsers.create_parser(protocol)
        response = {
            "status_code": got["status"],
            "headers": botocore.awsrequest.HeadersDict(dict(got["headers"])),
            "body": base64.b64decode(got["body"]),
            "context": {"operation_name": operation.name},
        }
        if operation.has_streaming_output and "error" not in got:
            response["body"] = None
        parsed = parser.parse(response, operation.output_shape)
        parsed.pop("ResponseMetadata", None)
        if "error" in got:
            code = parsed.get("Error", {}).get("Code", "")
            want = got["error"]
            same = code == want and parsed["Error"]["Message"] == "What & why <so>"
        else:
            _, native = output_tree(got["service"], operation, got["seed"])
            want = plain(native)
            if operation.has_streaming_output:
                parsed.pop(operation.output_shape.serialization.get("payload"), None)
            # A body that is one text cannot be told from none.
            code = {k: v for k, v in plain(parsed).items() if v != "" or k in want}
            same = code == want
        if not same:
            failed += 1
            print(
                f"{got['service']}:{got['operation']} ({protocol}): wanted {want}\n  got {code}\n"
                f"  from {response['status_code']} {got['headers']} {response['body']!r}"
            )
    return failed


def main() -> int:
    logging.disable(logging.CRITICAL)
    if sys.argv[1] == "requests":
        requests(Path(sys.argv[2]))
        return 0
    return int(replies(Path(sys.argv[2]), Path(sys.argv[3])) > 0)


if __name__ == "__main__":
    sys.exit(main())
