"""The cost tables of published networks follow from their operations, to the digits that are printed."""

from __future__ import annotations

import pytest

from owlbit.models.costs.operations import Tally, size, total
from owlbit.models.costs.published import VARIANTS, cnv_costs, resnet18_costs

# Martinez et al. (2020), Table 1: BOPs, FLOPs.
PRINTED = {
    "float": ("0", "1.826e+09"),
    "bnn": ("1.695e+09", "1.314e+08"),
    "xnor": ("1.695e+09", "1.333e+08"),
    "double_skip": ("1.695e+09", "1.351e+08"),
    "bireal": ("1.676e+09", "1.544e+08"),
    "real_to_binary": ("1.676e+09", "1.564e+08"),
}


@pytest.mark.parametrize("name", PRINTED)
def test_real_to_binary_table_1(name: str) -> None:
    whole = total(resnet18_costs(VARIANTS[name]))
    bops, flops = PRINTED[name]
    assert f"{whole.flops:.3e}" == flops
    # The paper cuts BOPs to four digits: 1,695,547,392 is nearer to 1.696e9 than to the 1.695e9 that is printed.
    assert whole.bops // 10**6 * 10**6 == int(float(bops))


def test_exact_counts_of_the_table() -> None:
    counted = {name: (total(rows).bops, total(rows).flops) for name in VARIANTS if (rows := resnet18_costs(VARIANTS[name]))}
    assert counted == {
        "float": (0, 1_826_215_936),
        "bnn": (1_695_547_392, 131_421_184),
        "xnor": (1_695_547_392, 133_277_696),
        "double_skip": (1_695_547_392, 135_134_208),
        "bireal": (1_676_279_808, 154_401_792),
        "real_to_binary": (1_676_279_808, 156_377_088),
    }


def test_float_resnet18_has_its_known_size() -> None:
    whole = total(resnet18_costs(VARIANTS["float"]))
    assert whole.parameter_bits == 11_689_512 * 32  # as torchvision's resnet18; Bi-Real Net's paper prints 374.1 Mbit
    convolutions = [row for row in resnet18_costs(VARIANTS["float"]) if row.weights]
    assert sum(row.flops for row in convolutions) == 1_814_073_344


def test_cnv_1w1a() -> None:
    whole = total(cnv_costs())
    assert (whole.weights, whole.bops, whole.flops) == (1_542_848, 57_906_176, 1_555_200)
    assert whole.parameter_bits == 1_542_848


def test_operations_counted_by_hand() -> None:
    tally = Tally()
    shape = tally.conv("a", (4, 7, 9), 6, 3, stride=2, padding=1, groups=2, binary=True, bias=True)
    assert shape == (6, 4, 5)
    assert tally.conv("b", shape, 2, 1, binary=False) == (2, 4, 5)
    assert tally.each("c", shape, 3, parameters=2, bits=1) == shape
    assert tally.pool("d", shape, 2, 2, flops=4) == (6, 2, 2)
    assert tally.linear("e", (6, 2, 2), 5, binary=True) == (5, 1, 1)
    rows = tally.rows
    assert [row.bops for row in rows] == [108 * 20, 0, 0, 0, 120]
    assert [row.flops for row in rows] == [0, 12 * 20, 3 * 120, 4 * 24, 0]
    assert [row.weights for row in rows] == [108, 12, 0, 0, 120]
    assert [row.parameter_bits for row in rows] == [108 + 6 * 32, 12 * 32, 6 * 2 * 32, 0, 120]
    assert [row.feature_bits for row in rows] == [120 * 32, 40 * 32, 120, 24 * 32, 5 * 32]
    whole = total(rows)
    assert (whole.bops, whole.flops, whole.weights, whole.output_shape) == (2280, 696, 240, (5, 1, 1))
    assert whole.feature_bits == sum(row.feature_bits for row in rows)
    assert size((2, 3, 4)) == 24


@pytest.mark.parametrize(("filters", "kernel", "groups"), [(6, 3, 4), (5, 3, 2), (4, 9, 1)])
def test_what_cannot_be_is_refused(filters: int, kernel: int, groups: int) -> None:
    with pytest.raises(ValueError, match="a: expected groups that divide and an output map"):
        Tally().conv("a", (6, 8, 8), filters, kernel, groups=groups, binary=True)
