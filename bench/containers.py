"""A container task that runs `true`, from RunTask to STOPPED, beside raw `runc run` of the same bundle.

Needs root, runc, conmon, umoci, skopeo and iproute2, and build/release/kiban (or $KIBAN_BINARY). It works in a network
namespace of its own. Ends with 1 when the median task takes more than 30 ms longer than raw runc."""

from __future__ import annotations

import base64
import ctypes
import hashlib
import io
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("KIBAN_BINARY", ROOT / "build/release/kiban"))
CLONE_NEWNET = 0x40000000
RUNS = 40
BUDGET_MS = 30.0
ROLE = "arn:aws:iam::000000000000:role/task"


def make_image(layout: Path) -> None:
    """An OCI layout with `true` and `sleep` of this host."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(content: bytes) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as layer:
        for name in ("true", "sleep"):
            path = os.path.realpath(str(shutil.which(name)))
            layer.add(path, f"bin/{name}")
            for word in subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout.split():
                if word.startswith("/"):
                    layer.add(os.path.realpath(word), word.lstrip("/"))
    described = {"mediaType": "application/vnd.oci.image.layer.v1.tar", **put(packed.getvalue())}
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "Cmd": ["true"]},
        "rootfs": {"type": "layers", "diff_ids": [described["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **put(json.dumps(config).encode())},
        "layers": [described],
    }
    entry = {
        "mediaType": manifest["mediaType"],
        **put(json.dumps(manifest).encode()),
        "annotations": {"org.opencontainers.image.ref.name": "latest"},
    }
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


class Engine:
    """A server in this network namespace, with a task definition `bench`."""

    def __init__(self, work: Path) -> None:
        self.data = work / "data"
        serving = ["--listen", "127.0.0.1:0", "--auth", "any", "--data", self.data, "--tasks", "containers"]
        self.process = subprocess.Popen([BINARY, "serve", *serving], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.process.stdout.readline())
        assert found, "the server did not start"
        self.port = int(found[1])
        make_image(work / "image")
        ecr = self.client("ecr")
        ecr.create_repository(repositoryName="bench")
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        options = ["--quiet", "--dest-tls-verify=false", f"--dest-creds={base64.b64decode(token).decode()}"]
        subprocess.run(
            ["skopeo", "copy", *options, f"oci:{work}/image:latest", f"docker://127.0.0.1:{self.port}/bench:v1"],
            check=True,
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
        )
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        self.ecs = self.client("ecs")
        self.ecs.create_cluster(clusterName="bench")
        self.ecs.register_task_definition(
            family="bench",
            networkMode="awsvpc",
            cpu="1024",
            memory="2048",
            requiresCompatibilities=["FARGATE"],
            executionRoleArn="arn:aws:iam::000000000000:role/execution",
            containerDefinitions=[
                {"name": "main", "image": "000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/bench:v1"}
            ],
        )

    def client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="ap-northeast-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(proxies={}),
        )

    def run(self, *command: str, until: str = "STOPPED") -> dict:
        overrides = {"containerOverrides": [{"name": "main", "command": list(command)}]}
        network = {"awsvpcConfiguration": {"subnets": [self.subnet]}}
        task = self.ecs.run_task(
            cluster="bench", taskDefinition="bench", overrides=overrides, networkConfiguration=network
        )["tasks"][0]["taskArn"]
        while True:
            found = self.ecs.describe_tasks(cluster="bench", tasks=[task])["tasks"][0]
            if found["lastStatus"] in (until, "STOPPED"):
                return found
            time.sleep(0.005)

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


def task_ms(engine: Engine) -> float:
    found = engine.run("true")
    assert found["containers"][0].get("exitCode") == 0, found
    return (found["stoppedAt"] - found["createdAt"]).total_seconds() * 1000


def without_user_namespace(settings: dict) -> None:
    """In the network of this process, as that of a task belongs to the task's user namespace."""
    for mapping in ("uidMappings", "gidMappings"):
        settings.pop(mapping, None)
    settings["namespaces"] = [one for one in settings["namespaces"] if one["type"] != "user"]
    for namespace in settings["namespaces"]:
        if namespace["type"] == "network":
            namespace["path"] = f"/proc/{os.getpid()}/ns/net"


def raw_runner(engine: Engine, sleeper: dict, work: Path) -> Callable[[int], float]:
    """The bundle of a task that runs, with `true` as its command and files of its own."""
    folder = engine.data / "tasks" / "tasks" / sleeper["taskArn"].rsplit("/", 1)[1] / "0"
    config = json.loads((folder / "bundle" / "config.json").read_text())
    config["process"]["args"] = ["true"]
    without_user_namespace(config["linux"])
    bundle = work / "bundle"
    bundle.mkdir()
    for name in ("root", "upper", "work"):
        (work / name).mkdir()
    image = next((engine.data / "tasks" / "images").glob("*/root"))
    options = f"lowerdir={image},upperdir={work}/upper,workdir={work}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, work / "root"], check=True)
    config["root"]["path"] = str(work / "root")

    def run(number: int) -> float:
        config["linux"]["cgroupsPath"] = f"/kiban-bench/{number}"
        (bundle / "config.json").write_text(json.dumps(config))
        begun = time.perf_counter()
        subprocess.run(["runc", "--root", work / "runc", "run", "--bundle", bundle, f"raw{number}"], check=True)
        return (time.perf_counter() - begun) * 1000

    return run


def main() -> int:
    if os.geteuid() != 0:
        sys.exit("bench: containers need root")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        sys.exit("bench: a network namespace can't be made")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    work = Path(tempfile.mkdtemp(prefix="kiban-bench-"))
    engine = Engine(work)
    try:
        raw = raw_runner(engine, engine.run("sleep", "1000", until="RUNNING"), work)
        pairs = [(raw(number), task_ms(engine)) for number in range(RUNS)]
    finally:
        engine.end()
        subprocess.run(["umount", work / "root"], check=False)
        for group in Path("/sys/fs/cgroup").glob("*/kiban-bench"):
            group.rmdir()
        shutil.rmtree(work, ignore_errors=True)
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    print(f"load {os.getloadavg()[0]:.1f}, {RUNS} runs of each in turn, median (fastest, slowest), milliseconds")
    for what, column, median in zip(("runc run", "RunTask to STOPPED"), zip(*pairs, strict=True), medians, strict=True):
        print(f"{what:<20} {median:6.1f} ({min(column):.1f}, {max(column):.1f})")
    over = medians[1] - medians[0]
    print(f"over raw runc: {over:.1f} ms; promised: {BUDGET_MS:.0f}")
    return 0 if over <= BUDGET_MS else 1


if __name__ == "__main__":
    sys.exit(main())
