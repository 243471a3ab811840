"""HTTP as an attacker or an unusual client speaks it, byte by byte, to a real server."""

from __future__ import annotations

import time

from botocore.config import Config


def test_an_empty_object_does_not_stall_the_next_put(server):
    """botocore keeps an early final reply for the next request that says Expect, so 100 Continue must come first."""
    s3 = server.client("s3", config=Config(read_timeout=8, retries={"total_max_attempts": 1}, proxies={}))
    s3.create_bucket(Bucket="bkt", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    began = time.monotonic()
    s3.put_object(Bucket="bkt", Key="empty", Body=b"")
    s3.put_object(Bucket="bkt", Key="full", Body=b"x")
    assert time.monotonic() - began < 5
    assert s3.get_object(Bucket="bkt", Key="full")["Body"].read() == b"x"
