"""Attention matching: the loss is the paper's formula, counts images equally, and refuses maps that cannot be compared."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from owlbit.models.attention import attention_loss, attention_map


def by_hand(student: list[NDArray[np.float64]], teacher: list[NDArray[np.float64]]) -> float:
    """sum_j || Qs_j / ||Qs_j|| - Qt_j / ||Qt_j|| ||, image by image and pixel by pixel, then the mean over images."""
    images = []
    for number in range(len(student[0])):
        loss = 0.0
        for mine, its in zip(student, teacher, strict=True):
            rows = []
            for maps in (mine[number], its[number]):
                energy = np.array([sum(maps[c, y, x] ** 2 for c in range(len(maps))) for y, x in np.ndindex(maps.shape[1:])])
                rows.append(energy / np.sqrt((energy**2).sum()))
            loss += float(np.sqrt(((rows[0] - rows[1]) ** 2).sum()))
        images.append(loss)
    return float(np.mean(images))


def test_loss_is_the_formula_written_by_hand() -> None:
    rng = np.random.default_rng(0)
    shapes = [(3, 4, 5, 6), (3, 2, 3, 3), (3, 8, 1, 2)]
    student = [rng.normal(size=shape) for shape in shapes]
    teacher = [rng.normal(size=(shape[0], 7, *shape[2:])) for shape in shapes]
    loss = attention_loss([torch.from_numpy(maps) for maps in student], [torch.from_numpy(maps) for maps in teacher])
    np.testing.assert_allclose(float(loss), by_hand(student, teacher), rtol=1e-12)


def test_scale_and_sign_do_not_matter_place_does() -> None:
    maps = torch.rand(2, 3, 4, 4)
    assert float(attention_loss([maps], [-5 * maps])) < 1e-6
    assert float(attention_loss([maps], [maps.flip(3)])) > 0.1
    np.testing.assert_allclose(attention_map(maps).norm(dim=1), 1, rtol=1e-6)


def test_gradient_reaches_the_student_alone_and_is_finite_where_maps_agree_or_vanish() -> None:
    student, teacher = torch.rand(2, 3, 4, 4, requires_grad=True), torch.rand(2, 3, 4, 4, requires_grad=True)
    torch.autograd.backward(attention_loss([student, 0 * student, student], [teacher, teacher, student]))
    assert student.grad is not None and bool(student.grad.isfinite().all()) and float(student.grad.abs().max()) > 0
    assert teacher.grad is None


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (([(2, 3, 4, 4)], []), r"as many transfer points of student and teacher, at least 1, got 1 and 0"),
        (([], []), r"at least 1, got 0 and 0"),
        (
            ([(2, 3, 4, 4), (2, 3, 4, 4)], [(2, 9, 4, 4), (2, 3, 2, 2)]),
            r"transfer point 1: expected maps .* same N, H and W, got \[2, 3, 4, 4\] of the student and \[2, 3, 2, 2\] of the",
        ),
        (([(2, 3, 4, 4)], [(1, 3, 4, 4)]), r"transfer point 0: .* got \[2, 3, 4, 4\] of the student and \[1, 3, 4, 4\]"),
        (([(2, 3)], [(2, 3)]), r"transfer point 0: expected maps \[N, C, H, W\]"),
    ],
)
def test_maps_that_cannot_be_compared_are_named(shapes: tuple[list[tuple[int, ...]], ...], message: str) -> None:
    student, teacher = ([torch.ones(shape) for shape in side] for side in shapes)
    with pytest.raises(ValueError, match=message):
        attention_loss(student, teacher)
