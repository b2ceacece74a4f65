"""One hash for every language: fixed vectors, even spread, and the fast way agrees with the plain one."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reco_contracts.hashing import HASH_SPACE, TEST_VECTORS, bucket, buckets_of, hash_id, unit_interval


@pytest.mark.parametrize(("salt", "identifier", "expected"), TEST_VECTORS)
def test_the_vectors_that_other_languages_use_hold(salt: str, identifier: str, expected: int) -> None:
    assert hash_id(salt, identifier) == expected


@given(st.text(), st.text())
def test_a_hash_fits_a_signed_bigint_and_the_unit_interval(salt: str, identifier: str) -> None:
    assert 0 <= hash_id(salt, identifier) < HASH_SPACE < 2**63
    assert 0 <= unit_interval(salt, identifier) < 1


@given(st.text(), st.lists(st.text()), st.integers(1, 10**7))
def test_many_at_once_give_the_same_buckets_as_one_by_one(salt: str, identifiers: list[str], buckets: int) -> None:
    together = buckets_of(salt, [identifier.encode() for identifier in identifiers], buckets)
    assert together.tolist() == [bucket(salt, identifier, buckets) for identifier in identifiers]


def test_buckets_fill_evenly_and_salts_are_independent() -> None:
    ids = [f"user-{number}" for number in range(20_000)]
    fill = Counter(bucket("lists", identifier, 20) for identifier in ids)
    assert len(fill) == 20
    assert max(fill.values()) - min(fill.values()) < 250  # eight standard deviations
    same = sum(bucket("lists", identifier, 20) == bucket("arms", identifier, 20) for identifier in ids)
    assert same == pytest.approx(1_000, abs=200)
