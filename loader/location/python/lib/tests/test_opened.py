"""Which files a step hangs on. Without Dagster: python -m unittest test_opened"""

import glob
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

LIB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, LIB)

from assetdev_bridge import fresh, opened  # noqa: E402


class StepTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = os.path.realpath(folder.name)
        for name, text in {
            "repo/a.csv": "1", "repo/dir/b.sql": "2", "repo/state.txt": "3", "repo/.hidden/c": "4", "beside/d.csv": "5", "repo/script.py": "print(6)", "repo/view/in.parquet": "7",
            "repo/plain.py": "X = 1", "repo/base.db": "",
        }.items():
            path = os.path.join(self.root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as f:
                f.write(text)
        fresh.set_roots([os.path.join(self.root, "repo")])
        fresh.loaded.clear()
        self.addCleanup(fresh.loaded.clear)

    def path(self, name):
        return os.path.join(self.root, *name.split("/"))

    def text(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def step(self, run):
        with opened.Step(self.root, "", [self.path("repo/view")]) as step:
            run()
        return step

    def seen(self, run):
        return {os.path.relpath(f["path"], self.root): f["hash"] for f in self.step(run).files()}

    def names(self, run):
        return sorted(self.seen(run))

    def test_read(self):
        self.assertEqual({"repo/a.csv": "6b86b273ff34fce1"}, self.seen(lambda: self.text("repo/a.csv")))
        self.assertEqual(["beside/d.csv"], self.names(lambda: self.text("beside/d.csv")))
        self.assertEqual([], self.names(lambda: self.text("repo/.hidden/c")))
        self.assertEqual([], self.names(lambda: self.text("repo/view/in.parquet")))
        self.assertEqual([], self.names(lambda: open(os.__file__).close()))

    def test_what_was_in_it_when_it_was_read(self):
        def run():
            self.text("repo/a.csv")
            subprocess.run(["sh", "-c", 'printf 9 > "$0"', self.path("repo/a.csv")], check=True)

        self.assertEqual("6b86b273ff34fce1", self.seen(run)["repo/a.csv"])

    def test_its_own_files(self):
        def counts_up():
            number = int(self.text("repo/state.txt"))
            with open(self.path("repo/state.txt"), "w") as f:
                f.write(str(number + 1))

        def replaces():
            self.text("repo/a.csv")
            with open(self.path("repo/a.tmp"), "w") as f:
                f.write("9")
            os.replace(self.path("repo/a.tmp"), self.path("repo/a.csv"))

        def lists_what_it_makes():
            with open(self.path("repo/dir/new.sql"), "w") as f:
                f.write("9")
            os.listdir(self.path("repo/dir"))

        for run in (counts_up, replaces, lists_what_it_makes):
            self.assertEqual([], self.names(run), run.__name__)

    def test_looked_for(self):
        def run():
            try:
                self.text("repo/override.json")
            except FileNotFoundError:
                pass

        self.assertEqual({"repo/override.json": "no such file"}, self.seen(run))

    def test_listed(self):
        seen = self.seen(lambda: glob.glob(self.path("repo/dir/*.sql")))
        self.assertTrue(seen["repo/dir"].startswith("names:"), seen)
        with open(self.path("repo/dir/.hidden"), "w"):
            pass
        self.assertEqual(seen, self.seen(lambda: glob.glob(self.path("repo/dir/*.sql"))))
        with open(self.path("repo/dir/c.sql"), "w"):
            pass
        self.assertNotEqual(seen, self.seen(lambda: glob.glob(self.path("repo/dir/*.sql"))))

    def test_programs(self):
        self.assertEqual(["repo/script.py"], self.names(lambda: subprocess.run([sys.executable, self.path("repo/script.py")], stdout=subprocess.DEVNULL, check=True)))
        self.assertEqual(["repo/script.py"], self.names(lambda: subprocess.run([sys.executable, "script.py"], cwd=self.path("repo"), stdout=subprocess.DEVNULL, check=True)))

    def test_database(self):
        self.assertEqual(["repo/base.db"], self.names(lambda: sqlite3.connect(self.path("repo/base.db")).close()))
        self.assertEqual([], self.names(lambda: sqlite3.connect("file:x?mode=memory", uri=True).close()))

    def test_code(self):
        def imports():
            sys.path.insert(0, self.path("repo"))
            try:
                import plain  # noqa: F401
            finally:
                sys.path.remove(self.path("repo"))
                sys.modules.pop("plain", None)

        self.assertEqual(["repo/plain.py"], self.names(imports))
        fresh.loaded.clear()

        def traceback_shows_it():
            import linecache

            linecache.getline(self.path("repo/plain.py"), 1)

        self.assertEqual([], self.names(traceback_shows_it))

    def test_managers(self):
        def load_input():
            return self.text("repo/a.csv")

        self.assertEqual([], self.names(load_input))

    def test_threads(self):
        def run():
            thread = threading.Thread(target=self.text, args=("repo/a.csv",))
            thread.start()
            thread.join()

        self.assertEqual(["repo/a.csv"], self.names(run))

    def test_too_many(self):
        def run():
            for i in range(opened.Step.MOST + 3):
                try:
                    self.text("repo/none%d" % i)
                except FileNotFoundError:
                    pass

        step = self.step(run)
        self.assertEqual((opened.Step.MOST, 3), (len(step.files()), step.more))


if __name__ == "__main__":
    unittest.main()
