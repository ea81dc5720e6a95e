#!/usr/bin/env python3
"""Carries out a Dockerfile where no container engine runs: each stage is a chroot made by debootstrap, each step is done
as an engine would do it. Then the image's entry point runs as its user, without capabilities, on a read-only root and
in a network of its own, until the health check passes and `snapvit embed` has its vector.

    tests/e2e/docker_build.py [--folder DIR] [--wheels DIR] [--ccache DIR] [deploy/docker/Dockerfile]

Of the last commit. By hand, as root, with debootstrap: 10 to 30 minutes, 8 GB. --folder keeps the trees, --wheels
~/.cache/snapvit lends the build LibTorch's wheels instead of fetching them, --ccache ~/.cache/ccache what was compiled here. What this host needs to reach package servers goes into the trees
from here, as in clean_debian.sh: SNAPVIT_CLEAN_COPY, SNAPVIT_CLEAN_MIRROR. Exit status 77: not possible here.

What it does not show: that an engine parses the file the same way, its caching of layers, and the base image
debian:bookworm-slim, for which debootstrap's minbase stands in.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
START = time.monotonic()


def step(what: str) -> None:
    print(f"=== [{time.monotonic() - START:.0f} s] {what}", flush=True)


def enter_own_mount_namespace() -> None:
    """Starts this script again, where its mounts are nobody else's and end with it."""
    if os.environ.get("SNAPVIT_DOCKER_BUILD") != "1":
        os.environ["SNAPVIT_DOCKER_BUILD"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


def make_devices(folder: Path) -> None:
    """What a container has in /dev: nodes of its own, none of the host's."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(folder)], check=True)
    for name, major, minor in (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)):
        os.mknod(folder / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        os.chmod(folder / name, 0o666)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (folder / name).symlink_to(f"/proc/self/fd/{number}")
    (folder / "fd").symlink_to("/proc/self/fd")
    (folder / "pts").mkdir()
    subprocess.run(["mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666", "devpts", str(folder / "pts")], check=True)
    (folder / "ptmx").symlink_to("pts/ptmx")
    (folder / "shm").mkdir()
    os.chmod(folder / "shm", 0o1777)


def remove_tree(folder: Path) -> None:
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    below = [path for path in mounted if Path(path).is_relative_to(folder)]
    if below:
        raise SystemExit(f"docker_build: {folder} is not removed: {', '.join(below)} is still mounted there")
    subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=True)


@dataclass
class Stage:
    """A tree under construction, and what the image's configuration would hold."""

    name: str
    root: Path
    workdir: str = "/"
    user: str = "0:0"
    env: dict[str, str] = field(default_factory=dict)
    volumes: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """(INSTRUCTION, rest), comments dropped and continued lines joined."""
    text = "\n".join(line for line in dockerfile.read_text().splitlines() if not line.lstrip().startswith("#"))
    text = re.sub(r"\\\n", " ", text)
    return [(line.split(None, 1)[0].upper(), line.split(None, 1)[1].strip()) for line in text.splitlines() if line.strip()]


class Builder:
    def __init__(self, folder: Path, wheels: Path | None, ccache: Path | None) -> None:
        self._folder = folder
        self._lent = [(wheels, "root/.cache/snapvit"), (ccache, "root/.cache/ccache")]
        self._ccache = ccache is not None
        self._base = folder / "base"
        self.stages: list[Stage] = []
        self._mounts: list[Path] = []

    def build(self, dockerfile: Path) -> Stage:
        self._debootstrap()
        context = self._folder / "context"
        if not context.exists():
            context.mkdir()
            archive = subprocess.run(["git", "-C", str(ROOT), "archive", "HEAD"], check=True, capture_output=True)
            subprocess.run(["tar", "-x", "-C", str(context)], input=archive.stdout, check=True)
        for instruction, rest in instructions(dockerfile):
            step(f"{instruction} {rest[:90]}")
            handler = getattr(self, f"_{instruction.lower()}", None)
            if handler is None:
                raise SystemExit(f"docker_build: {dockerfile.name} has {instruction}, which this script does not know")
            handler(rest)
        self._unmount()
        return self.stages[-1]

    def _debootstrap(self) -> None:
        if self._base.exists():
            return
        step("debootstrap")
        command = ["debootstrap", "--variant=minbase", "bookworm", str(self._base)]
        mirror = os.environ.get("SNAPVIT_CLEAN_MIRROR")
        subprocess.run([*command, *([mirror] if mirror else [])], check=True, stdout=subprocess.DEVNULL)

    def _lend_network(self, root: Path) -> None:
        """What an engine, or a host's settings, would bring: never part of a product file."""
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        authorities = root / "usr/local/share/ca-certificates"
        authorities.mkdir(parents=True, exist_ok=True)
        for file in Path("/usr/local/share/ca-certificates").glob("*.crt"):
            shutil.copy(file, authorities)
        for name in os.environ.get("SNAPVIT_CLEAN_COPY", "").split():
            target = root / name.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, target)

    def _mount(self, *arguments: str) -> None:
        subprocess.run(["mount", *arguments], check=True)
        self._mounts.append(Path(arguments[-1]))

    def _unmount(self) -> None:
        while self._mounts:
            subprocess.run(["umount", "-R", str(self._mounts.pop())], check=True)

    def close(self) -> None:
        self._unmount()

    # The instructions that the Dockerfiles have.

    def _from(self, rest: str) -> None:
        self._unmount()
        match = re.fullmatch(r"debian:bookworm-slim(?: AS (\w+))?", rest)
        if not match:
            raise SystemExit(f"docker_build: FROM {rest}: only debian:bookworm-slim is known")
        name = match[1] or "final"
        root = self._folder / name
        remove_tree(root)
        subprocess.run(["cp", "-a", "--reflink=auto", str(self._base), str(root)], check=True)
        self._lend_network(root)
        self._mount("-t", "proc", "proc", str(root / "proc"))
        make_devices(root / "dev")
        self._mounts.append(root / "dev")
        self.stages.append(Stage(name, root))

    def _workdir(self, rest: str) -> None:
        stage = self.stages[-1]
        stage.workdir = rest
        (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _copy(self, rest: str) -> None:
        stage = self.stages[-1]
        *flags, source, target = rest.split()
        origin = self._folder / "context"
        if flags:
            origin = next(other.root for other in self.stages if f"--from={other.name}" in flags)
        path = origin / source.lstrip("/")
        destination = stage.root / os.path.join(stage.workdir, target).lstrip("/")
        if path.is_dir():
            destination.mkdir(parents=True, exist_ok=True)
            # tar writes through links (/lib → usr/lib), as an engine does.
            reader = subprocess.Popen(["tar", "-C", str(path), "-c", "."], stdout=subprocess.PIPE)
            subprocess.run(["tar", "-C", str(destination), "--keep-directory-symlink", "--no-same-owner", "-x"],
                           stdin=reader.stdout, check=True)
            if reader.wait() != 0:
                raise SystemExit(f"docker_build: COPY {rest}: could not read {path}")
        else:
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, destination)

    def _run(self, rest: str) -> None:
        stage = self.stages[-1]
        if stage.name == "build":
            self._lend_caches(stage)
        command = ["env", "-i", f"PATH={PATH}", "HOME=/root", "CCACHE_BASEDIR=/src", "CCACHE_NOHASHDIR=1", "CCACHE_READONLY=1",
                   "CCACHE_TEMPDIR=/tmp/ccache",
                   *(f"{key}={value}" for key, value in stage.env.items()),
                   "chroot", str(stage.root), "/bin/sh", "-c", f"cd {shlex.quote(stage.workdir)} && {rest}"]
        if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
            raise SystemExit(f"docker_build: RUN {rest} failed")

    def _lend_caches(self, stage: Stage) -> None:
        for source, target in self._lent:
            cache = stage.root / target
            if source is not None and not cache.exists():
                cache.mkdir(parents=True)
                self._mount("--bind", str(source), str(cache))
                subprocess.run(["mount", "-o", "remount,bind,ro", str(cache)], check=True)
        if self._ccache:
            self._ccache = False
            self._run("apt-get update -qq && apt-get install -qq -y --no-install-recommends ccache >/dev/null")

    def _env(self, rest: str) -> None:
        key, value = rest.split("=", 1)
        self.stages[-1].env[key] = value

    def _expose(self, rest: str) -> None:
        pass

    def _stopsignal(self, rest: str) -> None:
        if rest != "SIGTERM":
            raise SystemExit(f"docker_build: STOPSIGNAL {rest}: this script stops with SIGTERM")

    def _volume(self, rest: str) -> None:
        self.stages[-1].volumes += json.loads(rest)

    def _user(self, rest: str) -> None:
        self.stages[-1].user = rest

    def _healthcheck(self, rest: str) -> None:
        self.stages[-1].healthcheck = json.loads(rest.split("CMD", 1)[1])

    def _entrypoint(self, rest: str) -> None:
        self.stages[-1].entrypoint = json.loads(rest)


class Container:
    """The entry point of an image: its user, no capabilities, root read-only but for volumes, only loopback."""

    def __init__(self, image: Stage, folder: Path) -> None:
        self._image = image
        volumes = []
        for number, volume in enumerate(image.volumes):
            # A volume starts as a copy of what the image has there, with its owner.
            copy = folder / f"volume{number}"
            subprocess.run(["cp", "-a", str(image.root / volume.lstrip("/")), str(copy)], check=True)
            volumes.append(f"mount --bind {copy} {image.root}{volume}")
        self._devices = folder / "dev"
        self._devices.mkdir(exist_ok=True)
        make_devices(self._devices)
        root = str(image.root)
        script = " && ".join([
            "ip link set lo up", f"mount --bind {root} {root}", f"mount -t proc -o ro proc {root}/proc",
            f"mount --bind {self._devices} {root}/dev", f"mount -o remount,bind,ro {root}", *volumes,
            f"exec {shlex.join(self._inside(image.entrypoint))}"])
        self._log = open(folder / "server.log", "w+")
        self.process = subprocess.Popen(["unshare", "--mount", "--net", "sh", "-c", script],
                                        stdout=self._log, stderr=self._log)

    def _inside(self, command: list[str]) -> list[str]:
        user, group = self._image.user.split(":")
        variables = [f"{key}={value}" for key, value in {"PATH": PATH, "HOME": "/", **self._image.env}.items()]
        return ["env", "-i", *variables, "chroot", str(self._image.root), "setpriv", f"--reuid={user}", f"--regid={group}",
                "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", *command]

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        enter = ["nsenter", f"--target={self.process.pid}", "--mount", "--net"]
        return subprocess.run([*enter, *self._inside(command)], capture_output=True, text=True)

    def log(self) -> str:
        self._log.flush()
        return Path(self._log.name).read_text()

    def await_healthy(self, seconds: float) -> float:
        start = time.monotonic()
        while self.run(self._image.healthcheck).returncode != 0:
            if self.process.poll() is not None or time.monotonic() - start > seconds:
                raise SystemExit(f"docker_build: not healthy; the server's log:\n{self.log()}")
            time.sleep(1)
        return time.monotonic() - start

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            subprocess.run(["umount", "-R", str(self._devices)], check=True)


def size_of(folder: Path) -> int:
    return int(subprocess.run(["du", "-sxm", str(folder)], check=True, capture_output=True, text=True).stdout.split()[0])


def check(image: Stage, folder: Path) -> None:
    if image.user.split(":")[0] in ("", "0", "root"):
        raise SystemExit("docker_build: the image runs as root")
    print(f"image: {size_of(image.root)} MB, of which {size_of(image.root / 'usr/lib/snapvit')} MB LibTorch")
    container = Container(image, folder)
    try:
        step(f"start as {image.user}, read-only root")
        ready = container.await_healthy(1800)
        step(f"healthy after {ready:.0f} s")
        written = container.run(["touch", "/usr/written"])
        assert written.returncode != 0 and "Read-only" in written.stderr, written
        assert container.run(["id", "-u"]).stdout.strip() == image.user.split(":")[0]
        # Of the image itself: nothing else is in it.
        picture = "/var/cache/snapvit/example.jpg"
        shutil.copy(ROOT / "docs/example.jpg", folder / "volume0/example.jpg")
        os.chmod(folder / "volume0/example.jpg", 0o644)
        embedded = container.run(["snapvit", "embed", picture, "--target", "127.0.0.1:50051", "--budget", "0.5", "--json"])
        assert embedded.returncode == 0, embedded
        result = json.loads(embedded.stdout)["results"][0]
        served = result["receipt"]["served_compute"]
        assert 0 < served <= 0.5 and len(result["embedding"]) > 0, result["receipt"]
        step(f"embedding of {len(result['embedding'])} numbers at served_compute {served}")
    finally:
        status = container.stop()
    assert status == 0, f"SIGTERM ended the server with {status}:\n{container.log()}"
    step("drained, exit status 0")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dockerfile", nargs="?", type=Path, default=ROOT / "deploy/docker/Dockerfile")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--wheels", type=Path)
    parser.add_argument("--ccache", type=Path)
    arguments = parser.parse_args()
    missing = [program for program in ("debootstrap", "unshare", "nsenter", "ip") if shutil.which(program) is None]
    if os.geteuid() != 0 or missing:
        print(f"SKIPPED: {'missing: ' + ', '.join(missing) if missing else 'needs root'}", file=sys.stderr)
        return 77
    enter_own_mount_namespace()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="snapvit-docker.", dir="/var/tmp"))
    folder.mkdir(parents=True, exist_ok=True)
    builder = Builder(folder, arguments.wheels, arguments.ccache)
    try:
        check(builder.build(arguments.dockerfile), folder)
    finally:
        builder.close()
        if arguments.folder is None:
            remove_tree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
