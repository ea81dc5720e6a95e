#!/usr/bin/env python3
"""Checks what the documentation refers to: links between files and to headings, and that each alert has its runbook.

    scripts/check_docs.py [ROOT]    prints what does not resolve, and exits with status 1
"""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+(?:\([^()]*\))?[^()\s]*)\)")
ALERT = re.compile(r"- alert: (\w+)(.*?)(?=- alert: |- record: |- name: |\Z)", re.DOTALL)
RUNBOOK = re.compile(r"runbook: '([^'#]+)#([^']+)'")


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines outside of code blocks, with their numbers."""
    in_code = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code:
            yield number, line


def anchors(path: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    found: set[str] = set()
    for _, line in text_lines(path):
        if heading := re.match(r"#{1,6}\s+(.*)", line):
            text = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).strip().lower())
            anchor = base = text.replace(" ", "-")
            copies = 0
            while anchor in found:
                copies += 1
                anchor = f"{base}-{copies}"
            found.add(anchor)
    return found


def check_link(root: Path, page: Path, target: str) -> str | None:
    """What is wrong with the link; None: nothing."""
    path, _, anchor = urllib.parse.unquote(target).partition("#")
    file = page if not path else (page.parent / path).resolve()
    if not file.is_relative_to(root):
        return "leads out of the repository"
    if not file.exists():
        return "there is no such file"
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return "there is no such heading"
    return None


def check_page(root: Path, page: Path) -> Iterator[str]:
    for number, line in text_lines(page):
        for target in LINK.findall(re.sub(r"`[^`]*`", "`", line)):
            if re.match(r"[a-z]+:", target):
                continue  # of the web: nothing is fetched here
            if wrong := check_link(root, page, target):
                yield f"{page.relative_to(root)}:{number}: ({target}): {wrong}"


def check_alerts(root: Path, rules: Path) -> Iterator[str]:
    for name, rest in ALERT.findall(rules.read_text(encoding="utf-8")):
        runbook = RUNBOOK.search(rest)
        if runbook is None:
            yield f"{rules.relative_to(root)}: {name} has no annotation runbook: 'FILE#HEADING'"
        elif runbook[2] != name.lower() or (wrong := check_link(root, root / "README.md", f"{runbook[1]}#{runbook[2]}")):
            yield f"{rules.relative_to(root)}: {name}: {runbook[0]}: expected a heading '{name}' in the file"


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    listed = subprocess.run(["git", "ls-files", "-z", "*.md"], cwd=root, capture_output=True, text=True, check=True).stdout
    faults = [fault for name in listed.split("\0") if name for fault in check_page(root, root / name)]
    faults += check_alerts(root, root / "deploy/prometheus/rules.yaml")
    for fault in faults:
        print(f"check_docs: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
