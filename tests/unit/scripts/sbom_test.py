#!/usr/bin/env python3
"""scripts/sbom.py: its document has what CycloneDX 1.5 asks for and what the release is made of."""

import json
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
# https://cyclonedx.org/docs/1.5/json: the form of a serial number; https://github.com/package-url: of an address.
SERIAL_NUMBER = r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PACKAGE = r"pkg:(pypi|generic|deb/[a-z]+)/[^@/ ]+@[^ ?]+(\?arch=[a-z0-9]+&distro=[a-z0-9.-]+)?"


def sbom(*programs):
    command = [sys.executable, str(ROOT / "scripts/sbom.py"), *programs]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class SbomTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Python itself stands for a program of the release: it loads Debian's libraries.
        cls.document = json.loads(sbom(sys.executable))

    def test_has_the_form_of_a_cyclonedx_document(self):
        self.assertEqual(self.document["bomFormat"], "CycloneDX")
        self.assertEqual(self.document["specVersion"], "1.5")
        self.assertRegex(self.document["serialNumber"], f"^{SERIAL_NUMBER}$")
        self.assertRegex(self.document["metadata"]["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        for component in self.document["components"]:
            self.assertEqual(component["type"], "library")
            self.assertRegex(component["purl"], f"^{PACKAGE}$")
            self.assertIn(component["version"].split(":")[-1].split("+")[0], component["purl"])

    def test_references_are_unique_and_all_are_depended_on(self):
        references = [component["bom-ref"] for component in self.document["components"]]
        self.assertEqual(len(references), len(set(references)))
        root = self.document["metadata"]["component"]["bom-ref"]
        edges = {entry["ref"]: entry.get("dependsOn", []) for entry in self.document["dependencies"]}
        self.assertEqual(edges[root], references)
        self.assertEqual(set(edges), {root, *references})

    def test_names_the_wheels_that_setup_pins_with_their_hashes(self):
        setup = (ROOT / "scripts/setup.sh").read_text()
        wheels = [c for c in self.document["components"] if c["purl"].startswith("pkg:pypi/")]
        self.assertIn("torch", [wheel["name"] for wheel in wheels])
        self.assertEqual(len(wheels), setup.count(".whl "))
        for wheel in wheels:
            (digest,) = wheel["hashes"]
            self.assertEqual(digest["alg"], "SHA-256")
            self.assertRegex(digest["content"], r"^[0-9a-f]{64}$")
            self.assertIn(f'"{wheel["name"]}=={wheel["version"]} ', setup)
            self.assertIn(digest["content"], setup)

    def test_names_the_packages_whose_libraries_a_program_loads(self):
        names = [c["name"] for c in self.document["components"] if c["purl"].startswith("pkg:deb/")]
        self.assertIn("libc6", names)

    def test_has_the_version_of_the_build(self):
        cmake = (ROOT / "CMakeLists.txt").read_text()
        expected = re.search(r"VERSION (\d+\.\d+\.\d+)", cmake).group(1)
        self.assertEqual(self.document["metadata"]["component"]["version"], expected)

    def test_is_the_same_every_time(self):
        self.assertEqual(sbom(), sbom())


if __name__ == "__main__":
    unittest.main()
