"""Bulk bytes: through the server, and on disk before they are acknowledged."""

from __future__ import annotations

import hashlib
import urllib.request

from botocore.config import Config


def test_an_object_survives_kill(serve, tmp_path):
    server = serve("--data", tmp_path).use_key_of(tmp_path)
    s3 = server.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    body = bytes(range(256)) * 20_000
    s3.put_object(Bucket="bucket", Key="a/b c+d", Body=body)
    server.kill()
    again = serve("--data", tmp_path).use_key_of(tmp_path)
    s3 = again.client("s3")
    assert s3.get_object(Bucket="bucket", Key="a/b c+d")["Body"].read() == body
    part = s3.get_object(Bucket="bucket", Key="a/b c+d", Range="bytes=256-511")
    assert part["Body"].read() == bytes(range(256))
    head = s3.head_object(Bucket="bucket", Key="a/b c+d")
    assert head["ContentLength"] == len(body)
    assert head["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    # boto3 presigns with version 2 unless told otherwise; kiban, like newer regions, knows only 4.
    s3 = again.client("s3", config=Config(signature_version="s3v4", proxies={}))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a/b c+d"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    assert opener.open(url, timeout=10).read() == body
