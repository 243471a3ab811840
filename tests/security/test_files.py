"""What the server writes is for its own user, and secrets are not on disk as they are."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from conftest import Server, fixtures
from ecs_tasks import make_machine, register, start
from waiting import finished

SECRET = "a-secret-that-must-not-be-on-disk"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def files_of(directory: Path):
    return [path for path in directory.rglob("*") if not path.is_symlink()]


def holds(directory: Path, text: str) -> list[Path]:
    needle = text.encode()
    return [path for path in files_of(directory) if path.is_file() and needle in path.read_bytes()]


def put_secrets(server) -> None:
    server.client("secretsmanager").create_secret(Name="one", SecretString=SECRET)
    server.client("ssm").put_parameter(Name="/one", Value=SECRET, Type="SecureString")
    server.client("rds").create_db_cluster(
        DBClusterIdentifier="main",
        Engine="aurora-postgresql",
        MasterUsername="app_user",
        MasterUserPassword=SECRET,
    )


def refuse(data, *more):
    """A server that did not begin to serve: what it said, and its exit code."""
    return subprocess.run(
        [fixtures.BINARY, "serve", "--listen", "127.0.0.1:0", "--tasks", "none", "--data", data, *more],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_data_directory_is_closed_and_closed_again(serve, tmp_path):
    data = tmp_path / "data"
    old = os.umask(0o022)
    try:
        server = serve("--data", data).use_key_of(data)
        server.client("sqs").create_queue(QueueName="one")
        server.stop()
        open_to_others = [p for p in [data, *files_of(data)] if stat.S_IMODE(p.stat().st_mode) & 0o077]
        assert open_to_others == []
        for path in [data, *files_of(data)]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        outside = tmp_path / "outside"
        outside.write_text("")
        outside.chmod(0o644)
        (data / "link").symlink_to(outside)
        serve("--data", data)
        open_to_others = [p for p in [data, *files_of(data)] if stat.S_IMODE(p.stat().st_mode) & 0o077]
        assert open_to_others == []
        assert stat.S_IMODE(outside.stat().st_mode) == 0o644
    finally:
        os.umask(old)


def test_secrets_are_encrypted_at_rest(serve, tmp_path):
    data = tmp_path / "data"
    server = serve("--data", data).use_key_of(data)
    put_secrets(server)
    assert holds(data, SECRET) == []
    server.process.kill()
    server.process.wait()
    assert holds(data, SECRET) == []
    server = serve("--data", data).use_key_of(data)
    found = server.client("secretsmanager").get_secret_value(SecretId="one")
    assert found["SecretString"] == SECRET
    assert holds(data, SECRET) == []


def test_a_wrong_or_missing_key_ends_the_start(serve, tmp_path):
    data = tmp_path / "data"
    server = serve("--data", data).use_key_of(data)
    put_secrets(server)
    server.stop()
    kept = tmp_path / "key"
    shutil.move(data / "key", kept)
    missing = refuse(data)
    assert missing.returncode == 1
    assert f"the key file {data}/key is missing" in missing.stderr
    assert not (data / "key").exists()
    wrong = tmp_path / "wrong"
    wrong.write_bytes(bytes(32))
    refused = refuse(data, "--key-file", wrong)
    assert refused.returncode == 1
    assert f"{wrong} is not the key of these rows" in refused.stderr
    server = serve("--data", data, "--key-file", kept).use_key_of(data)
    found = server.client("ssm").get_parameter(Name="/one", WithDecryption=True)
    assert found["Parameter"]["Value"] == SECRET


def test_damage_is_refused_with_a_message(serve, tmp_path):
    data = tmp_path / "data"
    server = serve("--data", data).use_key_of(data)
    for i in range(50):
        server.client("ssm").put_parameter(Name=f"/{i}", Value="x" * 500, Type="String")
    server.process.kill()
    server.process.wait()
    log = max((data / "rows").glob("*.log"), key=lambda path: path.stat().st_size)
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    refused = refuse(data)
    assert refused.returncode == 1, refused.stderr
    assert refused.stderr.startswith("kiban: data: ")
    assert "damaged" in refused.stderr


def test_a_torn_tail_of_the_log_still_opens(serve, tmp_path):
    data = tmp_path / "data"
    server = serve("--data", data).use_key_of(data)
    for i in range(20):
        server.client("ssm").put_parameter(Name=f"/{i}", Value="x", Type="String")
    server.process.kill()
    server.process.wait()
    log = max((data / "rows").glob("*.log"), key=lambda path: path.stat().st_size)
    content = log.read_bytes()
    log.write_bytes(content[:-7])
    server = serve("--data", data).use_key_of(data)
    assert server.client("ssm").get_parameter(Name="/18")["Parameter"]["Value"] == "x"


@as_root
def test_a_full_disk_ends_with_a_message(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", data], check=True)
    try:
        server = Server("--data", data).use_key_of(data)
        queue = server.client("sqs").create_queue(QueueName="one")["QueueUrl"]
        with (data / "filler").open("wb") as filler:
            try:
                while True:
                    filler.write(bytes(65536))
                    filler.flush()
            except OSError:
                pass
        sqs = server.client("sqs")
        for _ in range(500):
            try:
                sqs.send_message(QueueUrl=queue, MessageBody="x" * 20_000)
            except Exception:  # The server ended.
                break
        assert server.process.wait(30) == 1
        said = server.process.stderr.read()
        assert "kiban: store: " in said
        assert "Assertion" not in said
    finally:
        subprocess.run(["umount", "-l", data], check=True)


@as_root
def test_a_link_in_the_temporary_directory_is_not_followed(tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    monkeypatch.setenv("TMPDIR", str(temporary))
    server = Server("--ephemeral")
    try:
        made = list(temporary.glob("kiban-*"))
        assert made
        for path in made:
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
            assert path.name.rsplit("-", 1)[1] != str(server.process.pid)
    finally:
        server.process.terminate()
        server.process.wait()
    assert list(temporary.glob("kiban-uploads-*")) == []


def test_files_of_process_tasks_can_be_read(serve, tmp_path):
    """The server's umask does not reach what tasks write."""
    server = serve("--auth", "any", "--ephemeral", "--tasks", "process", "--source", tmp_path)
    register(server, "unused")
    written = tmp_path / "written"
    execution = start(server, make_machine(server), "touch", str(written))
    assert finished(server.client("stepfunctions"), execution)["status"] == "SUCCEEDED"
    assert stat.S_IMODE(written.stat().st_mode) == 0o644


def test_run_shows_no_secret_in_a_process_list():
    script = (fixtures.ROOT / "run").read_text()
    assert "--dest-creds" not in script
    assert "sys.argv[1])" not in script
