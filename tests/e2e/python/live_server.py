"""LiveServer: the real snapvit-server on free ports, with a simulated engine, until its `with` block ends."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(os.environ.get("SNAPVIT_BIN", ROOT / "build" / "release" / "bin"))
PROFILE = ROOT / "tests" / "bench" / "profiles" / "vit-s-cpu.json"


class LiveServer:
    def __init__(self, *flags: str, profile: Path = PROFILE) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._ready_file = Path(self._folder.name) / "ready.json"
        self._log = open(Path(self._folder.name) / "log", "w+")
        command = [str(BIN / "snapvit-server"), "--engine", f"simulated:{profile}", "--listen", "127.0.0.1:0",
                   "--http", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--ready-file", str(self._ready_file)]
        self.process = subprocess.Popen([*command, *flags], stderr=self._log)
        self.target = self.http = self.admin = ""

    def __enter__(self) -> LiveServer:
        deadline = time.monotonic() + 60
        while not self._ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the server is not ready; its log:\n{self.log()}")
            time.sleep(0.02)
        ready: dict[str, Any] = json.loads(self._ready_file.read_text())
        self.target, self.http, self.admin = ready["listen"], ready["http"], ready["admin"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._log.close()
        self._folder.cleanup()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()
