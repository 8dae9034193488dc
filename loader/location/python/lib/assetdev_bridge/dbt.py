"""Assets of dbt: which files are the code of a model, and which dbt writes.

dagster-dbt gives each asset the manifest, which dbt makes of the project's files. A manifest names its own time, so it is another whenever it
is made: what counts is what it was made of. By duck typing, since dagster-dbt is the project's own and of any version.
"""

import os

from . import opened
from .opened import WRITTEN

METADATA = ("dagster_dbt/manifest", "dagster_dbt/project", "dagster_dbt/dagster_dbt_translator")
ALWAYS = ("dbt_project.yml", "profiles.yml", "packages.yml", "dependencies.yml", "package-lock.yml")


class Dbt:
    """What the assets of a location say of their dbt projects."""

    def __init__(self):
        self.made = set()  # folders whose files dbt writes, with a separator at the end
        self.files = set()  # that are the code of some model, and those of the project
        self._macros = {}  # manifest, macro -> files of the project

    def code(self, spec):
        """Returns the file that people edit and all files that are the code of the asset, absolute; "", [] when it is none of dbt or nothing is known."""
        metadata = spec.metadata or {}
        manifest = getattr(metadata.get("dagster_dbt/manifest"), "manifest", None)
        project = metadata.get("dagster_dbt/project")
        directory = getattr(project, "project_dir", None)
        if not isinstance(manifest, dict) or not directory:
            return "", []
        root = os.path.realpath(directory)
        profiles = os.path.realpath(getattr(project, "profiles_dir", None) or root)
        if root in _copies:
            self.made.add(os.path.join(root, ""))
            profiles = _copies[root] if profiles == root else profiles
            root = _copies[root]
        for name in {str(getattr(project, "target_path", None) or "target"), *WRITTEN}:
            self.made.add(os.path.join(root, name, ""))
        node = (manifest.get("nodes") or {}).get(metadata.get("dagster_dbt/unique_id")) or {}
        own = (manifest.get("metadata") or {}).get("project_name")
        file = place(root, node, own)
        if not file:
            return "", []
        found = {file}
        patch = (node.get("patch_path") or "").partition("://")
        if patch[0] == own and patch[2]:
            found.add(os.path.join(root, patch[2]))
        for macro in (node.get("depends_on") or {}).get("macros") or ():
            found |= self.macro(manifest, root, own, macro)
        found |= {os.path.join(f, name) for f in {root, profiles} for name in ALWAYS}
        found = sorted(f for f in found if os.path.isfile(f))
        self.files.update(found)
        return file, found

    def macro(self, manifest, root, own, first):
        """Returns the files of a macro and of all that it calls, of the project itself: packages count by the lock file."""
        known = self._macros.get((id(manifest), first))
        if known is not None:
            return known
        found, seen, todo = set(), set(), [first]
        while todo:
            name = todo.pop()
            macro = (manifest.get("macros") or {}).get(name)
            if name in seen or macro is None:
                continue
            seen.add(name)
            file = place(root, macro, own)
            if file:
                found.add(file)
                todo += (macro.get("depends_on") or {}).get("macros") or ()
        self._macros[id(manifest), first] = found
        return found

    def reads(self, files):
        """Returns the files that count of those that were read for the definitions: not what dbt writes, and what that was made of."""
        return sorted({f for f in files if not os.path.realpath(f).startswith(tuple(self.made))} | self.files) if self.made else files


def place(root, node, own):
    path = node.get("original_file_path")
    if not path or node.get("package_name") != own:
        return ""
    file = os.path.join(root, path)
    return file if os.path.isfile(file) else ""


def prepared(step):
    """dagster-dbt parses the whole project whenever definitions are loaded for development, and some of its components copy it before: seconds.
    A description does so when a file of the project is newer than what was made of it; a step never does, since it was described before. The
    same holds for other components that keep what they fetched: only a description fetches again, as in Dagster, where runs do not."""
    try:
        from dagster_dbt.dbt_project import DagsterDbtProjectPreparer as Preparer

        Preparer.prepare = _unless_made(Preparer.prepare, step)
    except (ImportError, AttributeError):
        pass
    try:
        from dagster_dbt.dbt_project_manager import DbtProjectArgsManager as Manager

        Manager.get_project, Manager.prepare = _remembered(Manager.get_project), _unless_copied(Manager.prepare)
    except (ImportError, AttributeError):
        pass
    if step:
        try:
            from dagster.components.component import state_backed_component

            state_backed_component.using_dagster_dev  # noqa: B018
            state_backed_component.using_dagster_dev = lambda: False
        except (ImportError, AttributeError):
            pass


_copies = {}  # folder of a copy of a project -> the project's own


def _remembered(original):
    def get_project(self, state_path=None):
        project = original(self, state_path)
        _copies[os.path.realpath(project.project_dir)] = os.path.realpath(self.args.project_dir)
        return project

    return get_project


def _unless_copied(original):
    def prepare(self, state_path):
        copy = os.path.join(self._local_project_dir(state_path), "dbt_project.yml")
        if not (os.path.isfile(copy) and os.path.isfile(state_path) and newest(self.args.project_dir) < os.stat(state_path).st_mtime):
            original(self, state_path)

    return prepare


def _unless_made(original, step):
    def prepare(self, project):
        manifest = project.manifest_path
        opened.made.add(os.path.join(os.path.realpath(os.path.dirname(manifest)), ""))
        if not os.path.isfile(manifest) or getattr(project, "has_uninstalled_deps", False) or not step and newest(project.project_dir) >= os.stat(manifest).st_mtime:
            return original(self, project)
        try:
            from filelock import FileLock

            with FileLock(manifest.with_suffix(".concurrent-update-lock"), timeout=60):
                return None  # who writes it has ended
        except (ImportError, OSError):
            return None

    return prepare


def newest(directory):
    """Returns the newest modification time of the files of a project and of its folders: of what dbt does not write."""
    found = 0.0
    for folder, folders, files in os.walk(directory):
        if folder != str(directory):  # there dbt makes folders of its own
            try:
                found = max(found, os.stat(folder).st_mtime)
            except OSError:
                pass
        folders[:] = [f for f in folders if f not in WRITTEN and not f.startswith(".")]
        for path in (os.path.join(folder, f) for f in files if not f.startswith(".")):
            try:
                found = max(found, os.stat(path).st_mtime)
            except OSError:
                pass
    return found
