"""Every assumption of the bounds holds here, and each trial of it can fail."""

import numpy as np
import pytest

from gradproof.errors import MachineError
from gradproof.numerics import contracts
from gradproof.numerics.contracts import CONTRACTS, LIBRARIES

NUMPY = LIBRARIES[0]

# for each contract an implementation that breaks it
BROKEN = {
    "exp_is_accurate": {"exp": lambda x: np.exp(x) * x.dtype.type(1 + 20 * np.finfo(x.dtype).eps)},
    "exp_is_a_function": {"exp": lambda x: np.exp(x) * (1 + 4e-7 * (np.arange(len(x)) % 2)).astype(x.dtype)},
    "products_are_accurate": {"product": lambda a, b: (a * (1 + 1e-3 * np.sin(np.arange(50))).astype(a.dtype)) @ b},
    "operations_round_correctly": {"divide": lambda x, y: x * (1 / y)},
    "underflow_loses_at_most_the_smallest_normal": {"multiply": lambda x, y: x * y + 4 * np.finfo(x.dtype).tiny},
    "overflow_is_infinite": {"multiply": lambda x, y: np.minimum(x * y, np.finfo(x.dtype).max)},
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
def test_the_contract_holds_on_this_machine(contract, library, dtype):
    assert contract(library, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.filterwarnings("ignore:invalid")
def test_the_contract_can_be_broken(contract, dtype):
    assert not contract(NUMPY._replace(**BROKEN[contract.__name__]), dtype)


def test_check_stops_and_names_the_contract_that_is_broken(monkeypatch):
    liar = NUMPY._replace(name="a liar", exp=lambda x: np.exp(x) * x.dtype.type(1.001))
    monkeypatch.setattr(contracts, "LIBRARIES", (liar,))
    with pytest.raises(MachineError, match="exp_is_accurate \\(a liar, float64\\)"):
        contracts.insist(np.float64)
