"""The JSON Schema of a recipe and the tables of keys in the docs are those of the types; the schema takes what the reader takes."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.boards.any_board import all_boards
from owlbit.toolchain.cli.app import app
from owlbit.toolchain.cli.schema import rewrite_docs
from owlbit.toolchain.recipes.key_tables import TABLES, rewrite_tables
from owlbit.toolchain.recipes.recipe import load_recipe
from owlbit.toolchain.recipes.schema import SCHEMA, recipe_schema, schema_text
from owlbit.toolchain.search.key_tables import space_tables

ROOT = Path(__file__).resolve().parents[3]
RECIPES = sorted([*(ROOT / "models" / "recipes").glob("*.toml"), *(ROOT / "models" / "zoo").glob("*/recipe.toml")])
REWRITE = "`owlbit schema --out models/recipes/recipe.schema.json --docs docs` rewrites it"
GOOD = 'name = "a"\n[data]\nsource = "digits"\nsize = [16, 16]\n[input]\nthresholds = 4\n[[layers]]\nkind = "conv"\nfilters = 16\n'


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def test_the_committed_schema_is_that_of_the_types() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), REWRITE


def test_the_tables_in_the_docs_are_those_of_the_types(tmp_path: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        (tmp_path / page.name).write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    assert rewrite_docs(tmp_path) == [], REWRITE
    marked = re.findall(
        r"<!-- keys: ([\w-]+) -->\n\| ", "".join(page.read_text(encoding="utf-8") for page in tmp_path.glob("*.md"))
    )
    boards = [f"wiring-{board.name}" for board in all_boards()]
    assert sorted(marked) == sorted([*TABLES, *space_tables(), "sensor", "wake", "energy", "measured", *boards])


def test_an_old_table_is_seen_and_rewritten(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- keys: linear -->\nold\n<!-- end of keys -->\nafter\n")
    result = CliRunner().invoke(app, ["schema", "--out", str(tmp_path / "s.json"), "--docs", str(tmp_path)])
    assert result.exit_code == 0 and "page.md" in result.output and (tmp_path / "s.json").read_text() == schema_text()
    row = "| `features` | integer, 1 to 65536 | required | outputs |\n"
    head = "| key | value | default | what it says |\n|---|---|---|---|\n"
    assert page.read_text() == f"before\n<!-- keys: linear -->\n{head}{row}<!-- end of keys -->\nafter\n"
    with pytest.raises(OwlbitError, match=r'a\.md: .* expected one of x, got "y"'):
        rewrite_tables("<!-- keys: y -->\n<!-- end of keys -->", {"x": ""}, Path("a.md"))


def test_the_command_prints_the_schema() -> None:
    result = CliRunner().invoke(app, ["schema"])
    assert result.exit_code == 0 and json.loads(result.output) == recipe_schema()


def test_every_key_says_what_it_means() -> None:
    schema = recipe_schema()
    for name, table in schema["$defs"].items():
        assert table["additionalProperties"] is False, name
        for key, value in table["properties"].items():
            assert key == "kind" or value["description"], f"{name}.{key}"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(ROOT / "models")))
def test_the_recipes_that_come_along_keep_to_the_schema(validator: Any, path: Path) -> None:
    validator.validate(tomllib.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("filters", "filtres"),
        ("[input]", "[inputs]"),
        ("filters = 16", "filters = 0"),
        ("filters = 16", 'filters = "16"'),
        ("filters = 16", 'filters = 16\nskip = "and"'),
        ("thresholds = 4", "shared = true"),
        ('source = "digits"', ""),
        ('source = "digits"', 'source = "digit"'),
        ("[16, 16]", "[16]"),
        ("[16, 16]", "[16, 2000]"),
        ('kind = "conv"', 'kind = "dense"'),
        ('kind = "conv"', ""),
        ("[data]", "distillation = false\n[data]"),
        ("[[layers]]", '[network]\nkind = "xnor"\nstem = "cifar"\n[[layers]]'),
        ("[[layers]]", "[distillation]\nweight = 0.5\n[[layers]]"),
    ],
)
def test_what_the_schema_refuses_the_reader_refuses_too(validator: Any, tmp_path: Path, old: str, new: str) -> None:
    assert validator.is_valid(tomllib.loads(GOOD))
    text = GOOD.replace(old, new, 1)
    assert text != GOOD and not validator.is_valid(tomllib.loads(text))
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(OwlbitError):
        load_recipe(tmp_path / "recipe.toml")


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("[training]\nepochs = 3\n", True),
        ('[data]\nlight = "dark"\n[network]\nwidth = 0.5\n', True),
        ("layers = false\ndistillation = false\n[distillation_]\n", False),
        ("layers = false\ndistillation = false\n", True),
        ("[data]\nlight = 3\n", False),
        ("[[layers]]\nfilters = 3\n", False),
    ],
)
def test_a_recipe_that_extends_another_may_leave_keys_out(validator: Any, text: str, good: bool) -> None:
    assert validator.is_valid(tomllib.loads('extends = "a.toml"\n' + text)) == good
