"""Unpacks and trains on a machine without network: python3 there.py FOLDER OUT MINUTES [MINUTES ...]

FOLDER: where the files of all parts were copied to; OUT: gets a run folder for each recipe; MINUTES: for each recipe of plan.json,
in its order; 0 leaves one out. What fails says so and costs only itself. The Python that runs it must have the packages NEEDED.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

NEEDED = ("torch", "numpy", "PIL", "rich", "matplotlib", "numba", "onnx", "onnxruntime", "safetensors")  # PIL: the package Pillow


def missing() -> list[str]:
    """Those of NEEDED that this Python does not have."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def join_pages(folder: Path, name: str, facts: dict[str, Any]) -> None:
    """Writes NAME.npz from the pages NAME-*.webp, grids of tiles from left to right and top to bottom, and NAME-labels.npz."""
    import numpy as np
    from PIL import Image

    height, width = facts["size"]
    mode = "L" if facts["colours"] == 1 else "RGB"
    tiles = []
    for number in range(facts["pages"]):
        page = np.asarray(Image.open(folder / f"{name}-{number:04}.webp").convert(mode))
        rows, columns = page.shape[0] // height, page.shape[1] // width
        grid = page.reshape(rows, height, columns, width, -1).transpose(0, 2, 4, 1, 3)
        tiles.append(grid.reshape(rows * columns, -1, height, width))
    with np.load(folder / f"{name}-labels.npz", allow_pickle=False) as known:
        images = np.concatenate(tiles)[: len(known["labels"])]
        np.savez(folder / f"{name}.npz", images=images, labels=known["labels"], class_names=known["class_names"])
    print(f"{name}: {len(images):,} images", flush=True)


def main() -> int:
    """0 where every training that was asked for ended."""
    folder, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    minutes = [float(text) for text in sys.argv[3:]]
    if len(minutes) != len(plan["recipes"]):
        print(f"there.py: expected minutes for {', '.join(plan['recipes'])}, got {len(minutes)} numbers", file=sys.stderr)
        return 2
    if missing():
        print(
            f"there.py: expected the packages {', '.join(NEEDED)}, found no {', '.join(missing())}; install them", file=sys.stderr
        )
        return 2
    site, failed = folder / "site", 0
    wheels = sorted(str(path) for path in folder.glob("*.whl"))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--upgrade", "--target", str(site)]
    subprocess.run([*install, *wheels], check=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}
    for name, facts in plan["sets"].items():
        if not (folder / f"{name}.npz").exists():
            join_pages(folder, name, facts)
    for name, given in zip(plan["recipes"], minutes, strict=True):
        if not given:
            continue
        recipe = folder / "recipes" / f"{name}.toml"
        recipe.parent.mkdir(exist_ok=True)
        recipe.write_bytes((folder / f"{name}.toml").read_bytes())
        runs = folder / "runs"  # what the recipes call the place of their teachers
        if not runs.exists():
            runs.symlink_to(out, target_is_directory=True)
        out.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "owlbit.toolchain",
            "train",
            str(recipe),
            "--out",
            str(out / name),
            "--minutes",
            str(given),
        ]
        if subprocess.run([*command, *plan["options"]], env=environment, check=False).returncode:
            print(f"there.py: {name} failed; see above", file=sys.stderr, flush=True)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
