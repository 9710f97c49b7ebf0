"""A study goes on where it was stopped, however that was, and is that of one space."""

from __future__ import annotations

from pathlib import Path

import pytest

from owlbit.export.errors import OwlbitError
from owlbit.toolchain.search.best import best_recipe
from owlbit.toolchain.search.candidates import Judge
from owlbit.toolchain.search.journal import JOURNAL
from owlbit.toolchain.search.measures import counts, growths, overhead, unfit_reasons
from owlbit.toolchain.search.records import FAILED, FINISHED, PRUNED, REPEATED, RUNNING, UNFIT, Outcome, Trial
from owlbit.toolchain.search.results import write_results
from owlbit.toolchain.search.space_file import SearchSpace, read_space
from owlbit.toolchain.search.study import Study, locked, read_trials
from search_cases import SPACE, space_file


def asked(study: Study, space: SearchSpace) -> Trial:
    """The next trial that is to be trained."""
    judge = Judge(space, lambda data: 2)
    return next(trial for _ in range(200) if (trial := study.ask(judge)[1]).kind == RUNNING)


def test_a_killed_search_loses_nothing_that_had_ended(tmp_path: Path) -> None:
    space = read_space(space_file(tmp_path))
    study = Study(tmp_path, space, "tpe", 0)
    first, second, third, fourth = (asked(study, space) for _ in range(4))
    study.tell(first, Outcome(FINISHED, 0.75, (0.5, 0.75), 3.0))
    study.tell(second, Outcome(PRUNED, None, (0.25,), 1.0, "below"))
    study.tell(third, Outcome(FAILED, note="the loss is not a number"))
    told = list(study.trials)
    # a kill in the middle of a write leaves a line without its end
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(b'{"op_code":9,"worker_id"')
    again = Study(tmp_path, space, "tpe", 0)
    assert [trial.kind for trial in again.trials] == [trial.kind for trial in told]
    assert again.trials[first.number].outcome == Outcome(FINISHED, 0.75, (0.5, 0.75), 3.0)
    assert [trial.number for trial in again.running()] == [fourth.number]
    assert again.running()[0].tables == fourth.tables
    assert again.counted() == 4
    again.tell(again.running()[0], Outcome(FINISHED, 0.5, (0.5, 0.5), 2.0))
    assert Study(tmp_path, space, "tpe", 0).running() == []
    new = asked(again, space)
    assert new.identity not in {trial.identity for trial in told}


def test_what_does_not_fit_is_told_and_not_trained(tmp_path: Path) -> None:
    space = read_space(space_file(tmp_path, SPACE.replace("4000", "1000")))
    study, judge = Study(tmp_path, space, "random", 3), Judge(space, lambda data: 2)
    trials = [study.ask(judge)[1] for _ in range(60)]
    kinds = {kind: sum(trial.kind == kind for trial in trials) for kind in (UNFIT, REPEATED, RUNNING)}
    assert kinds[UNFIT] > 5 and kinds[RUNNING] > 5 and sum(kinds.values()) == 60
    assert len({trial.identity for trial in trials if trial.kind == RUNNING}) == kinds[RUNNING]
    assert ("not trained", kinds[UNFIT]) in counts(trials)
    reasons = dict(unfit_reasons(trials))
    assert sum(reasons.values()) == kinds[UNFIT] and {"bits", "layers[1].groups"} <= set(reasons)
    assert all(trial.figures["bits"] <= 1000 for trial in trials if trial.kind == RUNNING)


@pytest.mark.parametrize("sampler", ["tpe", "nsga", "random"])
def test_samplers_take_every_kind_of_ending(sampler: str, tmp_path: Path) -> None:
    """More trials than the samplers draw at random first, in a study that is opened again in between."""
    space = read_space(space_file(tmp_path))
    for count in (15, 25):
        study = Study(tmp_path, space, sampler, 0)
        while study.counted() < count:
            trial = asked(study, space)
            accuracy = 0.5 + trial.figures["bits"] / 10_000
            ended = (Outcome(FINISHED, accuracy, (0.5, accuracy)), Outcome(PRUNED, None, (0.5,)), Outcome(FAILED, note="no"))
            study.tell(trial, ended[min(2, trial.number % 7)] if trial.number % 7 in (1, 2) else ended[0])
    finished = [trial for trial in study.trials if trial.kind == FINISHED]
    assert study.counted() == 25 and len({trial.identity for trial in finished}) == len(finished) > 10


def test_a_study_of_another_space_is_refused(tmp_path: Path) -> None:
    Study(tmp_path, read_space(space_file(tmp_path)), "tpe", 0)
    more = read_space(space_file(tmp_path, SPACE.replace("trials = 2", "trials = 9\nseeds = [1]")))
    Study(tmp_path, more, "tpe", 1)  # more of the same
    for old, new, key in (
        ("bits = 4000", "bits = 5000", "constraints"),
        ("[2, 3]", "[2, 4]", "input"),
        ("epochs = 2", "epochs = 3", "training"),
    ):
        with pytest.raises(OwlbitError, match=f"found one of another, which differs in {key}; choose another --out"):
            Study(tmp_path, read_space(space_file(tmp_path, SPACE.replace(old, new, 1))), "tpe", 0)


@pytest.mark.parametrize("content", [b"no journal\n", b'{"op_code":0}\n', b'{"op_code":0,"worker_id":"a"}\n', b"[]\n"])
def test_a_damaged_journal_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    space = read_space(space_file(tmp_path))
    (tmp_path / JOURNAL).write_bytes(content)
    with pytest.raises(OwlbitError, match=r"study\.journal: expected the journal of a search, could not read it"):
        Study(tmp_path, space, "tpe", 0)
    with pytest.raises(OwlbitError, match=r"study\.journal: expected the journal of a search, could not read it"):
        read_trials(tmp_path)
    assert (tmp_path / JOURNAL).read_bytes() == content


def test_only_one_search_at_a_time(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = f"from pathlib import Path; from owlbit.toolchain.search.study import locked\nwith locked(Path({str(tmp_path)!r})): pass"
    with locked(tmp_path):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode and "expected a folder in which no search runs, found one" in done.stderr
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_tables_plot_page_and_the_best_recipe(tmp_path: Path) -> None:
    space = read_space(
        space_file(tmp_path, SPACE.replace("finals = 0", "baseline = true") + "[final]\ntraining = { epochs = 7 }\n")
    )
    found = []
    (tmp_path / "out").mkdir()
    for number, key in enumerate(space.search.studies()):
        study = Study(tmp_path / "out", space, *key)
        for accuracy in (0.6, 0.7 + 0.1 * number):
            study.tell(asked(study, space), Outcome(FINISHED, accuracy, (0.5, accuracy), 4.0))
        found += study.trials
    write_results(tmp_path / "out", space, found)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {"trials.csv", "front.csv", "volumes.csv", "pareto.png", "search.html", "front"}
    page = (tmp_path / "out" / "search.html").read_text()
    assert "http" not in page.replace("http://www.w3.org", "") and "Pareto front" in page
    assert 0 < overhead(found).share < 0.5
    assert [len(each.volumes) for each in growths(found, ("bits",))] == [2, 2]
    best = max((trial for trial in found if trial.kind == FINISHED), key=lambda trial: trial.accuracy)
    text = best_recipe(tmp_path / "out", {"bits": best.figures["bits"], "fps": 1})
    assert f"trial {best.name}: validation accuracy 80.00% after 2 epochs" in " ".join(text.replace("# ", "").split())
    (tmp_path / "best.toml").write_text(text)
    from owlbit.toolchain.recipes.recipe import load_recipe

    assert load_recipe(tmp_path / "best.toml").training.epochs == 7
    with pytest.raises(OwlbitError, match=r"expected a trial with bits <= 1, found none among 4; the closest, .*, has bits"):
        best_recipe(tmp_path / "out", {"bits": 1})
    with pytest.raises(OwlbitError, match=r"expected a limit on .*, got one on luts"):
        best_recipe(tmp_path / "out", {"luts": 1})
    with pytest.raises(OwlbitError, match=r"expected a folder that `owlbit search` made, found no study\.journal in it"):
        best_recipe(tmp_path, {})
