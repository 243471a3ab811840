"""What a process inside of a task's container may reach: nothing but what its task definition gives it."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from conftest import E2E, kiban
from ecs_tasks import messages
from waiting import until

# Its helpers and fixtures: the file has the same name as this one.
specification = importlib.util.spec_from_file_location("kiban_e2e_containers", E2E / "test_containers.py")
e2e = importlib.util.module_from_spec(specification)
sys.modules[specification.name] = e2e
specification.loader.exec_module(e2e)
pytestmark = e2e.pytestmark
network = e2e.network

TOOLS = (
    "bash",
    "cat",
    "sleep",
    "ls",
    "chmod",
    "cp",
    "dd",
    "id",
    "unshare",
    "mount",
    "mkdir",
    "grep",
    "keyctl",
    "mknod",
)


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "da,ta:with\\signs"  # A part of mount options, of image names and of log options.


@pytest.fixture
def server(network, serve, data):
    return serve("--auth", "any", "--data", data, "--tasks", "containers")


@pytest.fixture
def wide_image(tmp_path_factory) -> Path:
    """The image of the end-to-end tests with more tools of this host."""
    return build(tmp_path_factory.mktemp("wide"), lambda layer: None)


def build(layout: Path, change) -> Path:
    """An OCI layout with bash and tools of this host; `change` adds to its one layer."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(content: bytes) -> dict:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as layer:
        for name in TOOLS:
            if shutil.which(name):
                e2e.add_program(layer, name)
        for folder in ("tmp", "etc"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            layer.addfile(entry)
        change(layer)
    content = {"mediaType": "application/vnd.oci.image.layer.v1.tar", **put(packed.getvalue())}
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "Entrypoint": ["bash", "-c"]},
        "rootfs": {"type": "layers", "diff_ids": [content["digest"]]},
    }
    config_type, manifest_type = (f"application/vnd.oci.image.{kind}.v1+json" for kind in ("config", "manifest"))
    manifest = {
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": {"mediaType": config_type, **put(json.dumps(config).encode())},
        "layers": [content],
    }
    entry = {
        "mediaType": manifest_type,
        **put(json.dumps(manifest).encode()),
        "annotations": {"org.opencontainers.image.ref.name": "latest"},
    }
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return layout


def said(server, image_name: str, script: str, **container) -> list[str]:
    """What a task prints that runs `script`."""
    configuration = e2e.deploy(server, image_name, **container)
    ended = e2e.wait(server, e2e.run(server, configuration, script))
    assert ended["stopCode"] == "EssentialContainerExited", ended
    return messages(server)


def test_its_privileges_end_at_the_definition(server, wide_image):
    lines = said(
        server,
        e2e.push(server, wide_image),
        "grep -E 'NoNewPrivs|Seccomp:|CapBnd' /proc/self/status; "
        "unshare -m true && echo namespace; mount -t tmpfs x /tmp && echo mounted; "
        "(echo x > /sys/fs/cgroup/x) 2>/dev/null && echo wrote; cat /proc/self/cgroup; "
        "cat /proc/keys /proc/timer_list; grep -c upperdir=/proc/self/fd/ /proc/mounts; exit 0",
    )
    facts = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    assert int(facts["CapBnd"], 16) & (1 << 13 | 1 << 21) == 0, "NET_RAW or SYS_ADMIN"
    assert not {"namespace", "mounted", "wrote"} & set(lines), lines
    assert not any("kiban/" in line for line in lines), lines
    assert "1" in lines, lines  # The lines of the two outputs may come in any order.


def test_another_user_makes_no_namespaces(server, wide_image):
    lines = said(
        server, e2e.push(server, wide_image), "id -u; unshare -Urmn true && echo namespace; exit 0", user="10001"
    )
    assert "10001" in lines
    assert "namespace" not in lines


def test_capabilities_are_added_and_dropped_by_the_definition(server, wide_image):
    lines = said(
        server,
        e2e.push(server, wide_image),
        "grep CapBnd /proc/self/status",
        linuxParameters={"capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]}},
    )
    assert int(lines[0].split()[1], 16) == 1 << 19


def test_other_users_of_the_host_reach_no_file_of_a_task(server, wide_image, data):
    configuration = e2e.deploy(server, e2e.push(server, wide_image))
    task = e2e.run(server, configuration, "cp /bin/id /tmp/su; chmod 4755 /tmp/su; echo made; sleep 60")
    until(lambda: "made" in messages(server), lambda: messages(server))
    found = list((data / "tasks").rglob("tmp/su"))
    assert found, "the file lies elsewhere now: look for it"
    for folder in (data, *list(data.parents)[:3]):
        folder.chmod(0o755)  # So that only kiban's own folders are in the way.
    for path in found:
        with pytest.raises(PermissionError):
            subprocess.run([str(path), "-u"], user=65534, group=65534, extra_groups=[], check=False)
    assert (data / "tasks").stat().st_mode & 0o077 == 0
    server.client("ecs").stop_task(cluster="dev", task=task)


def test_processes_are_limited(server, wide_image):
    task = e2e.run(server, e2e.deploy(server, e2e.push(server, wide_image)), "sleep 60")
    e2e.wait(server, task, "RUNNING")
    identifier = task.rsplit("/", 1)[1]
    found = list(Path("/sys/fs/cgroup").glob(f"**/kiban/{identifier}/pids.max"))
    assert [path.read_text().strip() for path in found] == ["4096"]
    server.client("ecs").stop_task(cluster="dev", task=task)


def test_a_full_layer_is_the_task_s_own_problem(server, wide_image, data):
    name = e2e.push(server, wide_image)
    template = data / "tasks" / "layers"
    template.mkdir(parents=True, exist_ok=True)
    small = template / "20480MiB.ext4"  # So that it is full soon.
    with small.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["/sbin/mkfs.ext4", "-q", "-F", str(small)], check=True)
    lines = said(
        server, name, "dd if=/dev/zero of=/tmp/x bs=1M count=100 2>&1; echo x > /etc/hosts || echo hosts; exit 0"
    )
    assert any("No space left on device" in line for line in lines), lines
    assert server.get("/_kiban/health")[0] == 200


def test_an_init_reaps_and_no_monitor_stays(server, wide_image):
    lines = said(
        server,
        e2e.push(server, wide_image),
        "cat /proc/1/comm; (sleep 0.1 & exec sleep 0); sleep 0.5; grep -l 'State:.Z' /proc/[0-9]*/status; exit 0",
        linuxParameters={"initProcessEnabled": True},
    )
    assert lines == ["init"], lines

    def zombies() -> list[str]:
        found = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                words = status.read_text().rsplit(")", 1)
            except OSError:
                continue
            state, parent = words[1].split()[:2]
            if state == "Z" and int(parent) == server.process.pid:
                found.append(words[0])
        return found

    until(lambda: not zombies(), zombies)


@pytest.mark.parametrize("target", ["/dev/zero", "/etc/shadow"])
def test_an_image_s_passwd_is_read_inside_of_it(server, tmp_path, target):
    def link(layer: tarfile.TarFile) -> None:
        entry = tarfile.TarInfo("etc/passwd")
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        layer.addfile(entry)

    name = e2e.push(server, build(tmp_path / "image", link))
    stopped = e2e.wait(server, e2e.run(server, e2e.deploy(server, name, user="daemon"), "true"))
    assert "unable to find user daemon" in stopped["stoppedReason"]


def test_doctor_names_the_protections(tmp_path):
    checks = json.loads(kiban("doctor", "--json", "--data", tmp_path).stdout)
    named = {check["check"]: check for check in checks}
    for name in ("system calls", "privileges", "files", "processes", "storage", "init", "user namespace"):
        assert f"container {name}" in named
    assert named["container system calls"]["ok"]
    assert named["container user namespace"]["ok"], named
