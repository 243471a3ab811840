"""The virtual clock: frozen until somebody who may moves it."""

from __future__ import annotations

import json

from conftest import kiban


def test_a_delayed_message_comes_when_the_clock_was_advanced(serve, tmp_path):
    server = serve("--data", tmp_path, "--auth", "any", "--clock", "virtual")
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=600)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    before = json.loads(kiban("clock", "show", "--json", "--data", tmp_path).stdout)
    moved = kiban("clock", "advance", "11m", "--json", "--data", tmp_path)
    assert moved.returncode == 0, moved.stderr
    assert before["clock"] == "virtual" and json.loads(moved.stdout)["now"] > before["now"]
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "later"


def test_the_clock_refuses_what_it_cannot_do(serve, tmp_path):
    server = serve("--data", tmp_path, "--clock", "virtual")
    assert kiban("clock", "advance", "soon", "--data", tmp_path).returncode == 2
    back = kiban("clock", "set", "2001-01-01T00:00:00Z", "--data", tmp_path)
    assert back.returncode == 1 and "backwards" in back.stderr
    # Without the directory's key: refused.
    stranger = kiban("clock", "advance", "1h", "--data", tmp_path / "none", "--endpoint", server.endpoint)
    assert stranger.returncode == 1 and "X-Kiban-Token" in stranger.stderr


def test_a_real_clock_stays(serve, tmp_path):
    serve("--data", tmp_path)
    done = kiban("clock", "advance", "1h", "--data", tmp_path)
    assert done.returncode == 1 and "--clock virtual" in done.stderr
