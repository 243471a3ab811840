#!/usr/bin/env python3
"""Writes the API tables of one service (engine/api/model.h) from botocore's service model.

Only the operations that operations.txt lists, and the shapes these reach, are written. The result
is static data: one C++ file a service. Needs no more than Python's standard library.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from access_table import Access

Model = dict[str, Any]

KINDS = {
    "structure": "Structure",
    "list": "List",
    "map": "Map",
    "string": "String",
    "character": "String",
    "integer": "Integer",
    "long": "Long",
    "bigdecimal": "Double",
    "float": "Float",
    "double": "Double",
    "boolean": "Boolean",
    "timestamp": "Timestamp",
    "blob": "Blob",
}
LOCATIONS = {
    "uri": "Uri",
    "querystring": "QueryString",
    "header": "Header",
    "headers": "Headers",
    "statusCode": "StatusCode",
}
TIMESTAMPS = {"unixTimestamp": "Epoch", "iso8601": "Iso8601", "rfc822": "Rfc822"}
PROTOCOLS = {
    "json": "Json",
    "query": "Query",
    "ec2": "Ec2",
    "rest-json": "RestJson",
    "rest-xml": "RestXml",
    "smithy-rpc-v2-cbor": "RpcV2Cbor",
}
# What we would rather speak, best first; botocore's own order.
PREFERRED = ["json", "rest-json", "rest-xml", "query", "ec2", "smithy-rpc-v2-cbor"]

# SQS spoke query until 2023; botocore 1.43's model has forgotten how members were called then. These
# are the names of the API reference of that time (API version 2012-11-05), by (shape, member).
SQS_QUERY_NAMES = {
    ("*", "AttributeNames"): "AttributeName",
    ("*", "MessageAttributeNames"): "MessageAttributeName",
    ("*", "MessageSystemAttributeNames"): "MessageSystemAttributeName",
    ("*", "MessageAttributes"): "MessageAttribute",
    ("*", "MessageSystemAttributes"): "MessageSystemAttribute",
    ("*", "Attributes"): "Attribute",
    ("*", "tags"): "Tag",
    ("*", "Tags"): "Tag",
    ("*", "TagKeys"): "TagKey",
    ("*", "QueueUrls"): "QueueUrl",
    ("*", "queueUrls"): "QueueUrl",
    ("*", "Messages"): "Message",
    ("*", "AWSAccountIds"): "AWSAccountId",
    ("*", "Actions"): "ActionName",
    ("*", "StringListValues"): "StringListValue",
    ("*", "BinaryListValues"): "BinaryListValue",
    ("*", "Failed"): "BatchResultErrorEntry",
    ("SendMessageBatchRequest", "Entries"): "SendMessageBatchRequestEntry",
    ("DeleteMessageBatchRequest", "Entries"): "DeleteMessageBatchRequestEntry",
    ("ChangeMessageVisibilityBatchRequest", "Entries"): "ChangeMessageVisibilityBatchRequestEntry",
    ("SendMessageBatchResult", "Successful"): "SendMessageBatchResultEntry",
    ("DeleteMessageBatchResult", "Successful"): "DeleteMessageBatchResultEntry",
    ("ChangeMessageVisibilityBatchResult", "Successful"): "ChangeMessageVisibilityBatchResultEntry",
    ("TagMap", "key"): "Key",
    ("TagMap", "value"): "Value",
    ("QueueAttributeMap", "key"): "Name",
    ("QueueAttributeMap", "value"): "Value",
    ("MessageSystemAttributeMap", "key"): "Name",
    ("MessageSystemAttributeMap", "value"): "Value",
    ("MessageBodyAttributeMap", "key"): "Name",
    ("MessageBodyAttributeMap", "value"): "Value",
    ("MessageBodySystemAttributeMap", "key"): "Name",
    ("MessageBodySystemAttributeMap", "value"): "Value",
}
# The codes that SQS's query protocol had, where json has the shape's name. botocore keeps them in
# the x-amzn-query-error header only; source: "Mapping of errors", SQS developer guide, AWS JSON FAQ.
SQS_QUERY_ERRORS = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    "QueueDeletedRecently": "AWS.SimpleQueueService.QueueDeletedRecently",
    "MessageNotInflight": "AWS.SimpleQueueService.MessageNotInflight",
    "PurgeQueueInProgress": "AWS.SimpleQueueService.PurgeQueueInProgress",
    "UnsupportedOperation": "AWS.SimpleQueueService.UnsupportedOperation",
    "BatchEntryIdsNotDistinct": "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
    "BatchRequestTooLong": "AWS.SimpleQueueService.BatchRequestTooLong",
    "EmptyBatchRequest": "AWS.SimpleQueueService.EmptyBatchRequest",
    "InvalidBatchEntryId": "AWS.SimpleQueueService.InvalidBatchEntryId",
    "TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    "ReceiptHandleIsInvalid": "ReceiptHandleIsInvalid",
}


def stop(message: str) -> None:
    sys.exit(f"generate_models: {message}")


def load(botocore: Path, model: str) -> Model:
    """The newest API version of a model, whether packed or not."""
    files = sorted((botocore / "data" / model).glob("*/service-2.json*"))
    if not files:
        stop(f"no model '{model}' under {botocore / 'data'}")
    path = files[-1]
    packed = path.read_bytes()
    return json.loads(gzip.decompress(packed) if path.suffix == ".gz" else packed)


def text(value: str) -> str:
    """A C++ string literal."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
    out = []
    for char in escaped:
        if " " <= char <= "~":
            out.append(char)
        else:
            out.extend(f"\\{byte:03o}" for byte in char.encode())
    return '"' + "".join(out) + '"'


def initialiser(**fields: object) -> str:
    """{.name = "x", .flag = true}: only what differs from the default, which is None or False."""
    parts = []
    for name, value in fields.items():
        if value is None or value is False:
            continue
        parts.append(f".{name} = {'true' if value is True else value}")
    return "{" + ", ".join(parts) + "}"


class Rules:
    """The lines of a service's rules.txt: SELECTOR[,SELECTOR...] KEY=VALUE...

    A selector is OPERATION.MEMBER, STRUCTURE.MEMBER (LIST.member, MAP.key, MAP.value), the name of
    a list, map or simple shape, or *.MEMBER for every string or number of that name. All lines that name
    a member hold for it; a shape's or a wildcard's line holds for members that no such line names.
    Keys: min, max, pattern, forbidden, excludes (members joined with &), error, text, page; or
    unbounded, whose value is the reason.
    'defaults error=... text=...' gives error and text to the lines that follow it.
    """

    KEYS = ("min", "max", "pattern", "forbidden", "excludes", "error", "text", "page", "unbounded")

    def __init__(self, model: Model, listed: list[str], path: Path) -> None:
        self.model = model
        self.path = path
        self.used: set[str] = set()
        self.lines: dict[str, list[Model]] = {}
        self.inputs = {
            name: model["operations"][name]["input"]["shape"] for name in listed if "input" in model["operations"][name]
        }
        defaults: Model = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.exists() else [], 1):
            words = shlex.split(line, comments=line.startswith("#"))
            if not words:
                continue
            fields = dict(word.partition("=")[::2] for word in words[1:])
            unknown = [key for key in fields if key not in self.KEYS]
            if unknown:
                stop(f"{path}:{number}: unknown key {', '.join(unknown)}")
            if ("forbidden" in fields or "excludes" in fields) and "text" not in defaults | fields:
                stop(f"{path}:{number}: forbidden and excludes need a text")
            if words[0] == "defaults":
                defaults = fields
                continue
            if "unbounded" not in fields:
                fields = defaults | fields
            for selector in words[0].split(","):
                name = self.resolve(selector, number)
                for other in fields["excludes"].split("&") if "excludes" in fields else []:
                    self.resolve(f"{selector.partition('.')[0]}.{other}", number)
                self.lines.setdefault(name, []).append(fields)

    def resolve(self, selector: str, number: int) -> str:
        """STRUCTURE.MEMBER for OPERATION.MEMBER; stops at what the model does not have."""
        owner, dot, member = selector.partition(".")
        shapes = self.model["shapes"]
        if owner == "*":
            return selector
        owner = self.inputs.get(owner, owner) if dot else owner
        shape = shapes.get(owner)
        if shape is None:
            stop(f"{self.path}:{number}: the model has no operation or shape {owner}")
        members = {"list": ["member"], "map": ["key", "value"]}.get(shape["type"], shape.get("members", {}))
        if dot and member not in members:
            stop(f"{self.path}:{number}: {owner} has no member {member}")
        return f"{owner}.{member}" if dot else owner

    def of(self, owner: str, member: str, reference: Model) -> list[Model]:
        simple = self.model["shapes"][reference["shape"]]["type"] in ("string", "integer", "long")
        wildcard = [f"*.{member}"] if simple else []
        candidates = [f"{owner}.{member}", reference["shape"], *wildcard]
        found = next((name for name in candidates if name in self.lines), None)
        # A selector that a more exact one hides everywhere is still one that names something.
        self.used.update(name for name in candidates if name in self.lines)
        return self.lines[found] if found else []

    def stop_at_unused(self) -> None:
        unused = sorted(set(self.lines) - self.used)
        if unused:
            stop(f"{self.path}: no served operation reaches {', '.join(unused)}")


def write_rule(fields: Model) -> str:
    return initialiser(
        min=fields.get("min"),
        max=fields.get("max"),
        **{key: text(fields[key]) for key in ("pattern", "forbidden", "excludes", "error", "text") if fields.get(key)},
    )


class Tables:
    """Collects shapes in the order in which they are reached."""

    def __init__(self, model: Model, folder: str, rules: Rules) -> None:
        self.model = model
        self.folder = folder
        self.rule_lines = rules
        self.rules: list[str] = []
        self.rule_spans: dict[tuple[str, ...], int] = {}
        self.metadata = model["metadata"]
        spoken = self.metadata.get("protocols") or [self.metadata["protocol"]]
        self.protocol = next(p for p in PREFERRED if p in spoken)
        self.query_compatible = "awsQueryCompatible" in self.metadata
        self.index: dict[str, int] = {}
        self.queue: list[str] = []
        self.shapes: list[str] = []
        self.members: list[str] = []
        self.values: list[str] = []
        self.value_spans: dict[tuple[str, ...], int] = {}

    def shape(self, name: str) -> int:
        if name not in self.index:
            self.index[name] = len(self.index)
            self.queue.append(name)
        return self.index[name]

    def drain(self) -> None:
        while self.queue:
            self.write_shape(self.queue.pop(0))

    def query_name(self, owner: str, name: str, reference: Model, shape: Model) -> str:
        wire = reference.get("locationName", name)
        if self.protocol == "ec2":
            if "queryName" in reference:
                return reference["queryName"]
            return wire[0].upper() + wire[1:] if "locationName" in reference else name
        if self.metadata["serviceId"] == "SQS":
            for key in ((owner, name), ("*", name)):
                if key in SQS_QUERY_NAMES:
                    return SQS_QUERY_NAMES[key]
        if shape["type"] == "list" and (shape.get("flattened") or reference.get("flattened")):
            return shape["member"].get("locationName", wire)
        return wire

    def write_member(self, owner: str, name: str, reference: Model, required: bool) -> None:
        shape = self.model["shapes"][reference["shape"]]
        wire = reference.get("locationName", name)
        query = self.query_name(owner, name, reference, shape)
        stamp = TIMESTAMPS.get(reference.get("timestampFormat", ""))
        namespace = reference.get("xmlNamespace", shape.get("xmlNamespace"))
        uri = namespace.get("uri") if isinstance(namespace, dict) else namespace
        location = LOCATIONS.get(reference.get("location", ""))
        lines = self.rule_lines.of(owner, name, reference)
        rules = tuple(write_rule(line) for line in lines if "unbounded" not in line)
        if rules and rules not in self.rule_spans:
            self.rule_spans[rules] = len(self.rules)
            self.rules.extend(rules)
        self.members.append(
            initialiser(
                name=text(name),
                wire_name=text(wire),
                query_name=text(query),
                xml_namespace=text(uri) if uri else None,
                shape=self.shape(reference["shape"]),
                location=f"Location::{location}" if location else None,
                timestamp_format=f"TimestampFormat::{stamp}" if stamp else None,
                required=required,
                has_wire_name="locationName" in reference,
                flattened=bool(reference.get("flattened") or shape.get("flattened")),
                xml_attribute=bool(reference.get("xmlAttribute")),
                streaming=bool(reference.get("streaming") or shape.get("streaming")) and shape["type"] == "blob",
                json_value=bool(reference.get("jsonvalue")),
                idempotency_token=bool(reference.get("idempotencyToken")),
                unbounded=any("unbounded" in line for line in lines),
                first_rule=self.rule_spans.get(rules),
                rule_count=len(rules) or None,
            )
        )

    def write_shape(self, name: str) -> None:
        shape = self.model["shapes"][name]
        first = len(self.members)
        payload = None
        if shape["type"] == "structure":
            required = set(shape.get("required", []))
            for position, (member, reference) in enumerate(shape.get("members", {}).items()):
                if member == shape.get("payload"):
                    payload = position
                self.write_member(name, member, reference, member in required)
        elif shape["type"] == "list":
            self.write_member(name, "member", shape["member"], False)
        elif shape["type"] == "map":
            self.write_member(name, "key", shape["key"], False)
            self.write_member(name, "value", shape["value"], False)
        values = tuple(shape.get("enum", []))
        if values and values not in self.value_spans:
            self.value_spans[values] = len(self.values)
            self.values.extend(values)
        error = shape.get("error", {})
        is_error = bool(shape.get("exception") or shape.get("error"))
        code = error.get("code")
        if self.metadata["serviceId"] == "SQS" and is_error:
            code = SQS_QUERY_ERRORS.get(name, code)
        server_fault = bool(shape.get("fault")) or error.get("httpStatusCode", 400) >= 500
        stamp = TIMESTAMPS.get(shape.get("timestampFormat", ""))
        bounded = shape["type"] in ("string", "list", "map", "blob", "integer", "long", "float", "double")
        self.shapes.append(
            initialiser(
                name=text(name),
                kind=f"Kind::{KINDS[shape['type']]}",
                timestamp_format=f"TimestampFormat::{stamp}" if stamp else None,
                flattened=bool(shape.get("flattened")),
                sensitive=bool(shape.get("sensitive")),
                streaming=bool(shape.get("streaming")),
                tagged_union=bool(shape.get("union")),
                error=is_error,
                sender_fault="false" if server_fault else None,
                http_status=error.get("httpStatusCode") or (500 if shape.get("fault") else None),
                first_member=first,
                member_count=len(self.members) - first,
                first_value=self.value_spans.get(values),
                value_count=len(values),
                payload=payload,
                min=int(shape["min"]) if bounded and "min" in shape else None,
                max=int(shape["max"]) if bounded and "max" in shape else None,
                pattern=text(shape["pattern"]) if "pattern" in shape else None,
                error_code=text(code) if code and code != name else None,
                xml_name=text(shape["locationName"]) if "locationName" in shape else None,
            )
        )


def write_operation(tables: Tables, name: str, errors: list[int]) -> str:
    operation = tables.model["operations"][name]
    http = operation["http"]
    source, target = operation.get("input"), operation.get("output")
    wrapper = (target or {}).get("resultWrapper") or (f"{name}Result" if target else None)
    first = len(errors)
    for error in operation.get("errors", []):
        errors.append(tables.shape(error["shape"]))
    count = len(errors) - first
    namespace = (source or {}).get("xmlNamespace", {})
    unsigned = operation.get("authtype") == "none" or "smithy.api#noAuth" in operation.get("auth", [])
    return initialiser(
        name=text(name),
        method=text(http["method"]) if http["method"] != "POST" else None,
        uri=text(http["requestUri"]) if http["requestUri"] != "/" else None,
        success_status=http.get("responseCode"),
        input=tables.shape(source["shape"]) if source else None,
        output=tables.shape(target["shape"]) if target else None,
        result_wrapper=text(wrapper) if wrapper else None,
        input_xml_name=text(source["locationName"]) if source and "locationName" in source else None,
        input_xml_namespace=text(namespace["uri"]) if namespace else None,
        unsigned_allowed=unsigned,
        errors=f"std::span<const std::uint16_t>(errors).subspan({first}, {count})" if count else None,
    )


def known_operation(model: Model, name: str) -> str:
    """How a REST request for it is told from others with the same path."""
    operation = model["operations"][name]
    http = operation["http"]
    needs: dict[str, list[str]] = {"querystring": [], "header": []}
    if "input" in operation and http["requestUri"] != "/":
        shape = model["shapes"][operation["input"]["shape"]]
        for member in shape.get("required", []):
            reference = shape["members"][member]
            if reference.get("location") in needs:
                needs[reference["location"]].append(reference.get("locationName", member))
    return initialiser(
        name=text(name),
        method=text(http["method"]) if http["method"] != "POST" else None,
        uri=text(http["requestUri"]) if http["requestUri"] != "/" else None,
        required_query=text("&".join(needs["querystring"])) if needs["querystring"] else None,
        required_headers=text("&".join(needs["header"])) if needs["header"] else None,
    )


def access_tables(access: Access) -> tuple[str, list[str]]:
    """The arrays that the rules name, and the rules (engine/api/access.h)."""
    templates: list[str] = []
    keys: list[str] = []
    rules = []

    def rule(operation: str, kind: str, action: str, resources: list[str], pairs: list[Any], **rest: object) -> None:
        rules.append(
            initialiser(
                operation=text(operation),
                kind=f"AccessRule::Kind::{kind}" if kind != "Decide" else None,
                action=text(action),
                resources=f"span_of(access_templates, {len(templates)}, {len(resources)})" if resources else None,
                keys=f"span_of(access_keys, {len(keys)}, {len(pairs)})" if pairs else None,
                **rest,
            )
        )
        templates.extend(text(one) for one in resources)
        keys.extend(initialiser(name=text(name), value=text(value)) for name, value in pairs)

    for line in access.lines:
        tags, tag_keys = access.tag_members(line)
        rule(
            line.operation,
            line.kind,
            line.action,
            line.resources,
            line.keys,
            tags=text(tags) if tags else None,
            tag_keys=text(tag_keys) if tag_keys else None,
        )
        for role, service in line.passes:
            pairs = [("iam:PassedToService", service)]
            rule(line.operation, "Decide", "iam:PassRole", [role], pairs, passes=True)
    arrays = (
        array("std::string_view", "access_templates", templates)
        + array("AccessKey", "access_keys", keys)
        + "template <typename T, std::size_t size>\n"
        "[[maybe_unused]] consteval std::span<const T> span_of(const T (&all)[size], std::size_t at,\n"
        "                                                      std::size_t count) {\n"
        "  return std::span<const T>(all).subspan(at, count);\n}\n" + array("AccessRule", "access", rules)
    )
    return arrays, rules


def array(kind: str, name: str, entries: list[str]) -> str:
    body = "".join(f"    {entry},\n" for entry in entries) or "    {},\n"
    return f"[[maybe_unused]] constexpr {kind} {name}[] = {{\n{body}}};\n"


def span(kind: str, name: str, entries: list[str]) -> str:
    return f"std::span<const {kind}>({name}, {len(entries)})"


def generate(model: Model, folder: str, model_name: str, listed: list[str], rules_path: Path, served: bool) -> str:
    rules = Rules(model, listed, rules_path)
    tables = Tables(model, folder, rules)
    errors: list[int] = []
    operations = [write_operation(tables, name, errors) for name in listed]
    tables.drain()
    rules.stop_at_unused()
    metadata = tables.metadata
    everything = [known_operation(model, name) for name in sorted(model["operations"])]
    service = initialiser(
        folder=text(folder),
        model=text(model_name),
        service_id=text(metadata["serviceId"]),
        signing_name=text(metadata.get("signingName", metadata["endpointPrefix"])),
        endpoint_prefix=text(metadata["endpointPrefix"]),
        target_prefix=text(metadata["targetPrefix"]) if "targetPrefix" in metadata else None,
        json_version=text(metadata["jsonVersion"]) if "jsonVersion" in metadata else None,
        api_version=text(metadata["apiVersion"]),
        xml_namespace=text(namespace(metadata)),
        protocol=f"Protocol::{PROTOCOLS[tables.protocol]}",
        query_compatible=tables.query_compatible,
        serves_query=tables.query_compatible,
        operations=span("Operation", "operations", operations),
        shapes=span("Shape", "shapes", tables.shapes),
        members=span("Member", "members", tables.members),
        enum_values=span("std::string_view", "enum_values", tables.values),
        rules=span("Rule", "rules", tables.rules),
        all_operations=span("KnownOperation", "all_operations", everything),
    )
    access_arrays, access = "", []
    if served:
        access_arrays, access = access_tables(Access(rules_path.with_name("access.txt"), model, listed, stop))
    return (
        f"// Generated by tools/generate_models.py from botocore's model {model_name}"
        f" {metadata['apiVersion']}.\n"
        '#include "api/access.h"\n#include "api/model.h"\n\n'
        "namespace kiban::api::models {\nnamespace {\n\n"
        # EC2 alone names no errors in its model.
        + (array("std::uint16_t", "errors", [str(e) for e in errors]) if errors else "")
        + array("std::string_view", "enum_values", [text(v) for v in tables.values])
        + array("Rule", "rules", tables.rules)
        + array("Member", "members", tables.members)
        + array("Shape", "shapes", tables.shapes)
        + array("Operation", "operations", operations)
        + array("KnownOperation", "all_operations", everything)
        + access_arrays
        + "\n}  // namespace\n\n"
        + f"extern const Service service_{folder};\n"
        + f"constinit const Service service_{folder} = {service};\n\n"
        + (
            f"extern const std::span<const AccessRule> access_{folder};\n"
            f"constinit const std::span<const AccessRule> access_{folder} = {span('AccessRule', 'access', access)};\n\n"
            if served
            else ""
        )
        + "}  // namespace kiban::api::models\n"
    )


def namespace(metadata: Model) -> str:
    """Two models don't tell theirs: SQS's of its query replies, and S3's."""
    untold = {
        "SQS": "http://queue.amazonaws.com/doc/2012-11-05/",
        "S3": "http://s3.amazonaws.com/doc/2006-03-01/",
    }
    return untold.get(metadata["serviceId"]) or metadata.get("xmlNamespace", "")


def read_operations(path: Path) -> tuple[str, list[str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    first = re.fullmatch(r"# botocore: ([a-z0-9-]+)", lines[0] if lines else "")
    if not first:
        stop(f"{path}: the first line must be '# botocore: FOLDER'")
    names = [line.strip() for line in lines[1:]]
    return first.group(1), sorted({n for n in names if n and not n.startswith("#")})


def read_metadata(path: Path) -> Model:
    """Of a service-2.json.gz, which begins with it, without reading the rest."""
    with gzip.open(path) as packed:
        head = packed.read(16_384).decode(errors="replace")
    start = head.index("{", head.index('"metadata"'))
    return json.JSONDecoder().raw_decode(head[start:])[0]


def write_catalogue(botocore: Path, out: Path) -> None:
    """Every service of AWS by name (engine/api/known_services.h), served here or not."""
    entries = []
    for folder in sorted(path for path in (botocore / "data").iterdir() if path.is_dir()):
        files = sorted(folder.glob("*/service-2.json.gz"))
        metadata = read_metadata(files[-1]) if files else {}
        if metadata.get("protocol") not in PROTOCOLS:
            continue
        entries.append(
            initialiser(
                service_id=text(metadata["serviceId"]),
                signing_name=text(metadata.get("signingName", metadata["endpointPrefix"])),
                target_prefix=text(metadata["targetPrefix"]) if "targetPrefix" in metadata else None,
                api_version=text(metadata["apiVersion"]),
                protocol=f"Protocol::{PROTOCOLS[metadata['protocol']]}",
            )
        )
    out.write_text(
        "// Generated by tools/generate_models.py from botocore's models.\n"
        '#include "api/known_services.h"\n\n'
        "namespace kiban::api {\nnamespace {\n\n"
        + array("KnownService", "all", entries)
        + "\n}  // namespace\n\n"
        + "std::span<const KnownService> known_services() { return all; }\n\n"
        + "}  // namespace kiban::api\n",
        encoding="utf-8",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--botocore", type=Path, required=True, help="folder of an installed botocore")
    parser.add_argument("--operations", type=Path, help="engine/services/NAME/operations.txt")
    parser.add_argument("--name", help="the service's folder")
    parser.add_argument("--catalogue", action="store_true", help="write the names of all services instead")
    parser.add_argument("--out", type=Path, required=True, help="the C++ file to write")
    given = parser.parse_args()

    if given.catalogue:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        write_catalogue(given.botocore, given.out)
        return
    model_name, listed = read_operations(given.operations)
    model = load(given.botocore, model_name)
    unknown = [name for name in listed if name not in model["operations"]]
    if unknown:
        stop(f"{given.operations}: AWS's model {model_name} has no operation {', '.join(unknown)}")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(
        generate(
            model,
            given.name,
            model_name,
            listed,
            given.operations.with_name("rules.txt"),
            served=given.operations.name == "operations.txt",
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
