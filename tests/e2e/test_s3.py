"""S3 by the clients people use: boto3 with its transfer manager, and the AWS CLI."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from conftest import REGION, Server, environment

MIB = 1024 * 1024
AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def s3(server):
    client = server.client("s3")
    client.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


def aws(server: Server, *arguments: str | Path) -> str:
    keys = {"AWS_ACCESS_KEY_ID": server.key, "AWS_SECRET_ACCESS_KEY": server.secret, "AWS_REGION": REGION}
    done = subprocess.run(
        [str(AWS), "--endpoint-url", server.endpoint, *map(str, arguments)],
        env=environment(**keys),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def content(size: int) -> bytes:
    return b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(size // 32))


def code_of(caught) -> str:
    return caught.value.response["Error"]["Code"]


def test_the_cli_copies_a_big_file_both_ways(server, s3, tmp_path):
    body = content(40 * MIB)
    (tmp_path / "sent").write_bytes(body)
    aws(server, "s3", "cp", "--no-progress", tmp_path / "sent", "s3://bucket/big")
    head = s3.head_object(Bucket="bucket", Key="big")
    assert head["ContentLength"] == len(body)
    assert head["ETag"].endswith('-5"')  # Parts of 8 MiB, the CLI's default.
    aws(server, "s3", "cp", "--no-progress", "s3://bucket/big", "s3://bucket/copied")
    aws(server, "s3", "cp", "--no-progress", "s3://bucket/copied", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == body
    assert aws(server, "s3", "ls", "s3://bucket").count("41943040") == 2
    aws(server, "s3", "rm", "--recursive", "s3://bucket")
    aws(server, "s3", "rb", "s3://bucket")


def test_boto3_transfers_in_parts(s3, tmp_path):
    body = content(20 * MIB)
    (tmp_path / "sent").write_bytes(body)
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=6 * MIB)
    more = {"ContentType": "text/x", "ChecksumAlgorithm": "SHA256"}
    s3.upload_file(str(tmp_path / "sent"), "bucket", "k", Config=parts, ExtraArgs=more)
    s3.download_file("bucket", "k", str(tmp_path / "got"), Config=parts)
    assert (tmp_path / "got").read_bytes() == body
    head = s3.head_object(Bucket="bucket", Key="k", ChecksumMode="ENABLED")
    assert (head["ContentType"], head["ChecksumType"]) == ("text/x", "COMPOSITE")
    assert head["ChecksumSHA256"].endswith("-4")
    second = s3.get_object(Bucket="bucket", Key="k", PartNumber=2)
    assert second["Body"].read() == body[6 * MIB : 12 * MIB]
    assert second["PartsCount"] == 4
    assert second["ResponseMetadata"]["HTTPStatusCode"] == 206
    across = s3.get_object(Bucket="bucket", Key="k", Range=f"bytes={6 * MIB - 3}-{6 * MIB + 2}")
    assert across["Body"].read() == body[6 * MIB - 3 : 6 * MIB + 3]
    s3.copy({"Bucket": "bucket", "Key": "k"}, "bucket", "again", Config=parts)
    assert s3.get_object(Bucket="bucket", Key="again")["Body"].read() == body


def test_an_upload_survives_kill(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    s3 = server.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    where = {"Bucket": "bucket", "Key": "k"}
    upload = s3.create_multipart_upload(**where)["UploadId"]
    first = content(5 * MIB)
    tags = [s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=first)["ETag"]]
    server.kill()
    again = serve("--data", tmp_path).use_key_of(tmp_path)
    s3 = again.client("s3")
    assert [part["Size"] for part in s3.list_parts(**where, UploadId=upload)["Parts"]] == [len(first)]
    tags.append(s3.upload_part(**where, UploadId=upload, PartNumber=2, Body=b"end")["ETag"])
    parts = [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]
    s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(**where)["Body"].read() == first + b"end"


def test_wrong_digests_are_refused(server, s3):
    where = {"Bucket": "bucket", "Key": "k"}
    with pytest.raises(ClientError) as caught:
        s3.put_object(**where, Body=b"hello", ContentMD5=base64.b64encode(bytes(16)).decode())
    assert code_of(caught) == "BadDigest"
    with pytest.raises(ClientError) as caught:
        s3.put_object(**where, Body=b"hello", ChecksumSHA256=base64.b64encode(bytes(32)).decode())
    assert code_of(caught) == "BadDigest"
    for algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"):
        try:
            put = s3.put_object(**where, Body=b"hello", ChecksumAlgorithm=algorithm)
        except Exception as error:  # botocore calculates two of them by a package that may be missing
            if "awscrt" not in str(error).lower() and "crt" not in str(error).lower():
                raise
            continue
        got = s3.get_object(**where, ChecksumMode="ENABLED")
        assert got["Body"].read() == b"hello"
        assert got["Checksum" + algorithm] == put["Checksum" + algorithm]


def test_a_stream_with_a_trailing_checksum(server, s3):
    """A body whose length botocore knows and whose checksum it sends behind it, in chunks."""
    body = content(3 * MIB)
    s3.put_object(Bucket="bucket", Key="k", Body=body)
    got = s3.get_object(Bucket="bucket", Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == body
    assert got["ChecksumCRC32"] == base64.b64encode(zlib.crc32(body).to_bytes(4)).decode()

    def chunked(trailer: str) -> int:
        framed = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + trailer.encode() + b"\r\n\r\n"
        request = urllib.request.Request(f"{server.endpoint}/bucket/chunked", data=framed, method="PUT")
        for name, value in {
            "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "x-amz-trailer": "x-amz-checksum-crc32",
            "x-amz-decoded-content-length": "5",
            "Content-Encoding": "aws-chunked",
        }.items():
            request.add_header(name, value)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            assert b"<Code>BadDigest</Code>" in error.read()
            return error.code

    assert chunked(base64.b64encode(zlib.crc32(b"hello").to_bytes(4)).decode()) == 200
    assert s3.get_object(Bucket="bucket", Key="chunked")["Body"].read() == b"hello"
    assert "ContentEncoding" not in s3.head_object(Bucket="bucket", Key="chunked")
    assert chunked("AAAAAA==") == 400


def test_conditions(s3):
    where = {"Bucket": "bucket", "Key": "k"}
    etag = s3.put_object(**where, Body=b"x")["ETag"]
    conditions = (
        ({"IfNoneMatch": etag}, 304),
        ({"IfMatch": '"other"'}, 412),
        ({"IfModifiedSince": time.time() + 5}, 304),
    )
    for condition, status in conditions:
        with pytest.raises(ClientError) as caught:
            s3.get_object(**where, **condition)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert s3.get_object(**where, IfMatch=etag)["Body"].read() == b"x"
    with pytest.raises(ClientError) as caught:
        s3.get_object(**where, Range="bytes=5-")
    assert code_of(caught) == "InvalidRange"
    with pytest.raises(ClientError) as caught:
        s3.put_object(**where, Body=b"y", IfNoneMatch="*")
    assert code_of(caught) == "PreconditionFailed"


def test_presigned_urls(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    s3 = server.client("s3", config=Config(signature_version="s3v4", proxies={}))
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    where = {"Bucket": "bucket", "Key": "a b"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    put = urllib.request.Request(s3.generate_presigned_url("put_object", Params=where), data=b"hello", method="PUT")
    put.add_header("Content-Type", "")
    assert opener.open(put, timeout=10).status == 200
    url = s3.generate_presigned_url("get_object", Params=where)
    assert opener.open(url, timeout=10).read() == b"hello"
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(url.replace("a%20b", "other"), timeout=10)
    assert caught.value.code == 403


def test_versions_and_tags(s3):
    where = {"Bucket": "bucket", "Key": "k"}
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(**where, Body=b"1", Tagging="a=b")["VersionId"]
    s3.put_object(**where, Body=b"2")
    assert s3.get_object_tagging(**where, VersionId=first)["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert s3.get_object(**where, VersionId=first)["Body"].read() == b"1"
    assert s3.delete_object(**where)["DeleteMarker"]
    with pytest.raises(ClientError) as caught:
        s3.get_object(**where)
    assert code_of(caught) == "NoSuchKey"
    found = s3.list_object_versions(Bucket="bucket")
    assert (len(found["Versions"]), len(found["DeleteMarkers"])) == (2, 1)
    everything = [{"Key": "k", "VersionId": each["VersionId"]} for each in found["Versions"] + found["DeleteMarkers"]]
    assert "Errors" not in s3.delete_objects(Bucket="bucket", Delete={"Objects": everything, "Quiet": True})
    s3.delete_bucket(Bucket="bucket")


def resident_bytes_max(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def test_bodies_are_never_in_memory(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    s3 = server.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    big = tmp_path / "big"
    with big.open("wb") as file:
        for n in range(300):
            file.write(bytes([n % 251]) * MIB)
    before = resident_bytes_max(server)
    with big.open("rb") as file:
        s3.put_object(Bucket="bucket", Key="big", Body=file)
    s3.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/big", ChecksumAlgorithm="SHA1")
    seen = hashlib.md5()
    for piece in s3.get_object(Bucket="bucket", Key="copy")["Body"].iter_chunks(MIB):
        seen.update(piece)
    assert seen.hexdigest() == hashlib.md5(big.read_bytes()).hexdigest()
    assert resident_bytes_max(server) - before < 32 * MIB


def test_a_start_sweeps_bytes_that_no_object_has_any_more(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any")
    s3 = server.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    for key in ("kept", "deleted", "lately"):
        s3.put_object(Bucket="bucket", Key=key, Body=key.encode() * 1000)
    s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "deleted"}, {"Key": "lately"}]})
    files = {hashlib.sha256(key.encode() * 1000).hexdigest(): key for key in ("kept", "deleted", "lately")}
    found = {files[path.name]: path for path in (tmp_path / "blobs").rglob("*") if path.name in files}
    for key in ("kept", "deleted"):
        os.utime(found[key], times=(0, 0))
    server.stop()
    s3 = serve("--data", tmp_path, "--auth", "any").client("s3")
    assert [key for key, path in found.items() if not path.exists()] == ["deleted"]
    assert s3.get_object(Bucket="bucket", Key="kept")["Body"].read() == b"kept" * 1000
