"""Prints what was skipped and why, what failed, and `N passed, N failed, N skipped` from JUnit files of ctest.

usage: test_summary.py RESULTS.xml…
"""
import sys
import xml.etree.ElementTree as ET


def skip_reason(case):
    """The line after GoogleTest's "Skipped" marker in the test's output."""
    output = case.findtext("system-out") or ""
    lines = [line.strip() for line in output.splitlines()]
    for marker, line in zip(lines, lines[1:]):
        if marker.endswith("Skipped"):
            return line
    return "no reason given"


passed = failed = 0
skipped = []
for path in sys.argv[1:]:
    for case in ET.parse(path).getroot().iter("testcase"):
        if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            skipped.append((case.get("name"), skip_reason(case)))
        elif case.find("failure") is not None or case.get("status") == "fail":
            failed += 1
            print(f"FAILED  {case.get('name')}")
        else:
            passed += 1
for name, reason in skipped:
    print(f"skipped {name}: {reason}")
print(f"{passed} passed, {failed} failed, {len(skipped)} skipped")
sys.exit(1 if failed or not passed else 0)
