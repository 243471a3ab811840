"""Signatures that AWS refuses: of chunks, of trailers, for another service, of another version."""

from __future__ import annotations

import base64
import hashlib
import zlib

import boto3
import pytest
from botocore.config import Config
from raw import Signer, request, send, status

PIECES = [b"a" * 65536, b"b" * 1024]
CONTENT = b"".join(PIECES)
CRC = ("x-amz-checksum-crc32", base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode())
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@pytest.fixture
def s3(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    server.client("s3").create_bucket(Bucket="bkt", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    return server


def put(server, mode, *, trailer=None, change=lambda body: body, target="/bkt/key"):
    signer = Signer(server.key, server.secret)
    headers = {
        "Host": "localhost",
        "x-amz-content-sha256": mode,
        "x-amz-decoded-content-length": str(len(CONTENT)),
        "Content-Encoding": "aws-chunked",
    }
    if trailer:
        headers["x-amz-trailer"] = trailer[0]
    signed = signer.sign("PUT", target, headers, mode)
    if mode == UNSIGNED_TRAILER:
        body = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in PIECES) + b"0\r\n"
        body += (":".join(trailer).encode() + b"\r\n" if trailer else b"") + b"\r\n"
    else:
        body = signer.chunks(PIECES, trailer)
    return send(server.port, request("PUT", target, signed, change(body)))


def stored(server) -> list[str]:
    return [each["Key"] for each in server.client("s3").list_objects_v2(Bucket="bkt").get("Contents", [])]


def test_signed_chunks_and_trailers_are_taken(s3):
    for mode, trailer in ((SIGNED, None), (SIGNED_TRAILER, CRC), (UNSIGNED_TRAILER, CRC)):
        reply = put(s3, mode, trailer=trailer)
        assert status(reply) == 200, (mode, reply)
        assert s3.client("s3").get_object(Bucket="bkt", Key="key")["Body"].read() == CONTENT


def first_signature(body: bytes) -> bytes:
    return body.split(b"chunk-signature=")[1][:64]


CHANGES = {
    "zeros": lambda body: body.replace(first_signature(body), b"0" * 64),
    "no signature": lambda body: body.replace(b";chunk-signature=" + first_signature(body), b""),
    "other content": lambda body: body.replace(b"aaaa", b"aaab", 1),
    "the last chunk's": lambda body: body[: body.rindex(b"=") + 1] + b"0" * 64 + b"\r\n\r\n",
    "chunks swapped for unsigned ones": lambda _: b"10400\r\n" + CONTENT + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_wrong_chunk_signature_is_refused(s3, name):
    reply = put(s3, SIGNED, change=CHANGES[name])
    assert status(reply) == 403, reply
    assert b"SignatureDoesNotMatch" in reply
    assert stored(s3) == []


def test_a_wrong_trailer_signature_is_refused(s3):
    reply = put(s3, SIGNED_TRAILER, trailer=CRC, change=lambda body: body[:-68] + b"0" * 64 + b"\r\n\r\n")
    assert b"SignatureDoesNotMatch" in reply
    assert stored(s3) == []


@pytest.mark.parametrize("mode", [SIGNED_TRAILER, UNSIGNED_TRAILER])
def test_an_announced_trailer_is_required(s3, mode):
    def without(body: bytes) -> bytes:
        return body[: body.index(CRC[0].encode())] + b"\r\n"

    reply = put(s3, mode, trailer=CRC, change=without)
    assert status(reply) in (400, 403), reply
    assert b"MalformedTrailerError" in reply or b"SignatureDoesNotMatch" in reply
    assert stored(s3) == []


@pytest.mark.parametrize("mode", ["STREAMING-WHATEVER", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "nonsense"])
def test_other_payload_modes_are_refused(s3, mode):
    reply = put(s3, mode)
    assert status(reply) == 400, reply
    assert b"InvalidArgument" in reply


@pytest.mark.parametrize("mode", ["UNSIGNED-PAYLOAD", SIGNED, UNSIGNED_TRAILER])
def test_only_s3_leaves_the_body_out_of_the_signature(s3, mode):
    signer = Signer(s3.key, s3.secret, "sqs")
    headers = {
        "Host": "localhost",
        "X-Amz-Target": "AmazonSQS.ListQueues",
        "Content-Type": "application/x-amz-json-1.0",
        "x-amz-content-sha256": mode,
    }
    reply = send(s3.port, request("POST", "/", signer.sign("POST", "/", headers, mode), b"{}"))
    assert status(reply) in (400, 403), reply
    assert b"InvalidSignatureException" in reply


@pytest.mark.parametrize(
    ("service", "region", "text"),
    [
        ("sqs", "ap-northeast-1", b"Credential should be scoped to correct service: 'secretsmanager'"),
        ("secretsmanager", "mars-1", b"Credential should be scoped to a valid region"),
        ("secretsmanager", "us-east-9", b"Credential should be scoped to a valid region"),
    ],
)
def test_the_scope_names_the_service_and_a_region(s3, service, region, text):
    signer = Signer(s3.key, s3.secret, service, region)
    headers = {
        "Host": "localhost",
        "X-Amz-Target": "secretsmanager.ListSecrets",
        "Content-Type": "application/x-amz-json-1.1",
    }
    signed = signer.sign("POST", "/", headers, hashlib.sha256(b"{}").hexdigest())
    reply = send(s3.port, request("POST", "/", signed, b"{}"))
    assert status(reply) in (400, 403), reply
    assert text in reply


def test_signature_version_2_is_named(s3):
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        region_name="ap-northeast-1",
        aws_access_key_id=s3.key,
        aws_secret_access_key=s3.secret,
        config=Config(signature_version="s3"),
    )
    url = client.generate_presigned_url("get_object", Params={"Bucket": "bkt", "Key": "key"})
    assert "AWSAccessKeyId=" in url
    reply = send(s3.port, request("GET", url[len(s3.endpoint) :], {"Host": f"127.0.0.1:{s3.port}"}))
    assert status(reply) == 400
    text = b"The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
    assert text in reply
