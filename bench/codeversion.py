"""What the code versions of Python assets cost: CPU milliseconds, of this process alone, beside what was promised.

    python3 bench/codeversion.py [modules [functions]]

It generates a package of 50 modules of 20 functions each, half of them assets, which call each other across modules, and measures
the first answer, the first with the cache on disk, and an answer after an edit of one function, the minimum and the median of 15:
another literal, another call, which changes what reaches what, and another import, after which all names are looked up again."""

import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "loader", "location", "python", "lib"))

from assetdev_bridge import codeversion  # noqa: E402

FUNCTION = '''
{decorator}def {kind}_{module}_{number}(frame, n=LIMIT):
    """What a function of this module says of itself."""
    rows = []
    for index, row in enumerate(frame):
        value = row["amount"] * {number} + n  # a comment
        if value > LIMIT and index % 2 == 0:
            rows.append({{"index": index, "value": value, "name": f"{{row['name']}}-{{index}}"}})
        elif row.get("flag"):
            rows.append({{**row, "value": TABLE.get("x", 0)}})
    result = pd.DataFrame(rows)
    total = sum(r["value"] for r in rows if r["value"] is not None)
    if total < 0:
        raise ValueError("negative total %d" % total)
    {call}
    return result.assign(total=total)
'''


def generate(folder, modules, functions):
    """Writes the package, and returns its assets."""
    assets = []
    os.makedirs(os.path.join(folder, "pkg"))
    with open(os.path.join(folder, "pkg", "__init__.py"), "w") as f:
        f.writelines("from . import m%d\n" % i for i in range(modules))
    for i in range(modules):
        lower, other = i // 2, (i * 7) % i if i else 0
        text = "import pandas as pd\nfrom dagster import asset\n"
        if i:
            text += "from .m%d import helper_%d_0, LIMIT as LOWER\nfrom . import m%d\n" % (lower, lower, other)
        text += 'LIMIT = %d\nTABLE = {}\nTABLE["x"] = %d\n' % (i, i)
        for j in range(functions):
            asset, half = j >= functions // 2, functions // 2
            call = "pass"
            if j and (j % 3 or not i):
                call = "rows = helper_%d_%d(rows, %d)" % (i, (j * 3) % half, j)
            elif j:
                call = "rows = helper_%d_0(rows) + m%d.helper_%d_%d(rows)" % (lower, other, other, j // 2)
            text += FUNCTION.format(
                decorator='@asset(group_name="g%d")\n' % i if asset else "", kind="asset" if asset else "helper", module=i, number=j, call=call
            )
            if asset:
                assets.append({"key": "asset_%d_%d" % (i, j), "module": "pkg.m%d" % i, "qualname": "asset_%d_%d" % (i, j)})
        with open(os.path.join(folder, "pkg", "m%d.py" % i), "w") as f:
            f.write(text)
    return assets


def main():
    modules, functions = (int(a) for a in (sys.argv[1:] + ["50", "20"][len(sys.argv) - 1 :])[:2])
    with tempfile.TemporaryDirectory() as folder:
        assets, cache = generate(folder, modules, functions), os.path.join(folder, "cache")
        service, known = codeversion.Service(), {}

        def ask(operation, **more):
            answer = json.loads(json.dumps(service.handle(dict(more, op=operation))))
            assert "error" not in answer, answer
            return answer

        def versions(update=()):
            before = time.process_time()
            answer = ask("versions", assets=assets, entry={"module": "pkg"}, known=known, update=list(update))
            spent = (time.process_time() - before) * 1000
            changed = [k for k, a in answer["versions"].items() if "unchanged" not in a]
            known.update((k, answer["versions"][k]["version"]) for k in changed)
            return spent, len(changed)

        figures = []
        for name in ("first answer", "first answer, cache on disk"):
            known.clear()
            ask("open", roots=[folder], sys_path=[folder], cache_dir=cache, env={})
            figures.append((name, [versions()[0]], None))
        edits = (
            ("edit of a literal", "* 3 + n", "* 3 + n + %d"),
            ("edit of a call", "* 4 + n", "* 4 + n + helper_0_%d([])"),
            ("edit of an import", "import pandas as pd", "import pandas as pd\nfrom .m1 import helper_1_%d as more"),
        )
        for name, old, new in edits:
            spent = []
            for k in range(15):
                path = os.path.join(folder, "pkg", "m%d.py" % (modules // 4 + k))
                with open(path) as f:
                    text = f.read()
                if name == "edit of a call":  # the name that it calls is there before
                    text = text.replace("from dagster", "from .m0 import *\nfrom dagster", 1)
                    with open(path, "w") as f:
                        f.write(text)
                    versions([path])
                with open(path, "w") as f:
                    f.write(text.replace(old, new % (k % 5), 1))
                took, changed = versions([path])
                assert changed, name
                spent.append(took)
            figures.append((name, spent, 50))
        for name, spent, anchor in figures:
            spent.sort()
            print(
                "%d functions in %d modules, %s: %.1f ms CPU, median %.1f%s"
                % (modules * functions, modules, name, spent[0], spent[len(spent) // 2], ", promised %d" % anchor if anchor else "")
            )


if __name__ == "__main__":
    main()
