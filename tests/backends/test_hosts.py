"""MPI over a network: two hosts made of network namespaces, a hostfile, TCP."""

import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from experiments import OPTIONS, content, mark
from launch import MPIEXEC, needs_mpi, start
from test_failures import HANG_OR_FAIL

ENTER = """#!/bin/sh
# Called as a remote shell: HOST COMMAND...
case $1 in
    {addresses[0]}) host={names[0]} ;;
    {addresses[1]}) host={names[1]} ;;
esac
shift
exec ip netns exec $host unshare --uts sh -c "hostname $host; $*"
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def connect(names: list[str], links: list[str], addresses: list[str]) -> None:
    """Join two network namespaces with a cable, and wait until it carries."""
    for name in names:
        ip("netns", "add", name)
    first, second = names
    ip("link", "add", links[0], "netns", first, "type", "veth", "peer", links[1], "netns", second)
    for name, link, address in zip(names, links, addresses, strict=True):
        ip("-n", name, "address", "add", f"{address}/30", "dev", link)
        # No address of IPv6: for its first seconds a new one can be seen and not be reached.
        ip("-n", name, "link", "set", link, "addrgenmode", "none", "up")
        ip("-n", name, "link", "set", "lo", "up")
    for name, link in zip(names, links, strict=True):
        while _statistics(name, f"{link}/operstate") != ["up"]:
            time.sleep(0.1)


@pytest.fixture
def hosts(tmp_path):
    """Start of a command on four ranks of two hosts; and what their cable has carried."""
    if os.name != "posix" or os.geteuid() or not all(map(shutil.which, ("ip", "unshare"))):
        pytest.skip("network namespaces need root, ip and unshare")
    tag = uuid.uuid4().hex[:6]
    names, links = [f"mlc{tag}{end}" for end in "ab"], [f"m{tag}{end}" for end in "ab"]
    addresses = ["10.213.77.1", "10.213.77.2"]
    try:
        connect(names, links, addresses)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    (tmp_path / "hostfile").write_text("".join(f"{address}:2\n" for address in addresses))
    enter = tmp_path / "enter"
    enter.write_text(ENTER.format(addresses=addresses, names=names))
    enter.chmod(0o755)
    launch = [MPIEXEC, "-f", tmp_path / "hostfile", "-launcher", "rsh", "-launcher-exec", enter]
    # Shared memory would find its way from one namespace to the other.
    tcp = ["-env", "UCX_TLS", "tcp,self", "-env", "FI_PROVIDER", "tcp", "-n", "4"]
    try:
        yield ["ip", "netns", "exec", names[0], *launch, *tcp], (names[0], links[0])
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False)


def carried(name: str, link: str) -> int:
    """Bytes that have gone through the cable."""
    found = _statistics(name, f"{link}/statistics/rx_bytes", f"{link}/statistics/tx_bytes")
    return sum(map(int, found))


def _statistics(name: str, *files: str) -> list[str]:
    paths = [f"/sys/class/net/{file}" for file in files]
    command = ["ip", "netns", "exec", name, "cat", *paths]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


@needs_mpi
def test_two_hosts_write_the_same_experiment(hosts, data, expected, tmp_path):
    launch, cable = hosts
    out = tmp_path / "out"
    done = mark(data, out, *OPTIONS, "--multi", "mpi", launch=launch)
    assert done.returncode == 0, done.stderr
    assert content(out) == expected
    pixels = sum(path.stat().st_size for path in Path(data).rglob("*.npy"))
    assert 10_000 < carried(*cable) < pixels  # results went through it, masks did not


@needs_mpi
def test_an_error_on_the_other_host_names_it(hosts, tmp_path):
    launch, _ = hosts
    program = tmp_path / "fail.py"
    program.write_text(HANG_OR_FAIL.replace("time.sleep(1000)", "time.sleep(0.01)"))
    done = start([*launch, sys.executable, program])
    assert done.returncode == 2
    assert done.stderr.count("error: rank 2 on mlc") == 1
    assert "frame '12': broken" in done.stderr
