"""What of a dbt project is made anew when it is described, and in a step; with classes that stand for dagster-dbt's."""

import os
import pathlib
import sys
import tempfile
import types
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from assetdev_bridge import dbt, opened  # noqa: E402


class Preparer:
    def __init__(self):
        self.made = 0

    def prepare(self, project):
        self.made += 1
        write(str(project.manifest_path), "{}")


def write(path, text=""):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


class Prepared(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = os.path.join(folder.name, "shop")
        write(self.dir + "/dbt_project.yml")
        write(self.dir + "/models/a.sql")
        self.project = types.SimpleNamespace(project_dir=self.dir, manifest_path=pathlib.Path(self.dir, "target", "manifest.json"))

    def age(self, seconds, *names):
        for name in names:
            path = os.path.join(self.dir, name)
            then = os.stat(path).st_mtime - seconds
            os.utime(path, (then, then))

    def prepare(self, step):
        preparer = Preparer()
        dbt._unless_made(Preparer.prepare, step)(preparer, self.project)
        return preparer.made

    def test_only_when_something_is_newer(self):
        for step in (False, True):
            self.assertEqual(self.prepare(step), 1, "there is no manifest")
            self.age(100, "dbt_project.yml", "models/a.sql", "models")
            self.assertEqual(self.prepare(step), 0, "nothing changed")
            self.age(200, "target/manifest.json")
            self.assertEqual(self.prepare(step), 0 if step else 1, "a model is newer")
            os.remove(self.project.manifest_path)

    def test_a_removed_model(self):
        self.prepare(False)
        self.age(100, "dbt_project.yml", "models/a.sql", "models")
        self.age(50, "target/manifest.json")
        os.remove(self.dir + "/models/a.sql")
        self.assertEqual(self.prepare(False), 1)

    def test_what_dbt_writes_is_not_newer(self):
        self.prepare(False)
        self.age(100, "dbt_project.yml", "models/a.sql", "models")
        self.age(50, "target/manifest.json")
        write(self.dir + "/logs/dbt.log")
        write(self.dir + "/target/run.json")
        write(self.dir + "/.user.yml")
        self.assertEqual(self.prepare(False), 0)

    def test_what_dbt_writes_is_no_code(self):
        self.prepare(True)
        for name, written in {"target/run/manifest.json": True, "logs/dbt.log": True, "models/a.sql": False, "dbt_project.yml": False}.items():
            self.assertEqual(opened.written_by_dbt(os.path.join(self.dir, name)), written, name)
        self.assertFalse(opened.written_by_dbt(os.path.join(os.path.dirname(self.dir), "target", "x.csv")))

    def test_packages_that_are_missing(self):
        self.prepare(False)
        self.project.has_uninstalled_deps = True
        self.assertEqual(self.prepare(True), 1)


if __name__ == "__main__":
    unittest.main()
