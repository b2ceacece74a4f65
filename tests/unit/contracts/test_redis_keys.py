"""Keys: no two things share one, no cluster hash tags, and every subject has one bucket."""

from hypothesis import given
from hypothesis import strategies as st

from reco_contracts.redis_keys import RedisKeys, list_bucket, list_buckets, popular_subject

_NAME = st.from_regex(r"[a-z0-9_-]{1,12}", fullmatch=True)


@given(st.lists(st.tuples(_NAME, _NAME, _NAME, st.integers(0, 10**6)), unique=True, max_size=20))
def test_each_bucket_has_a_key_of_its_own(parts: list[tuple[str, str, str, int]]) -> None:
    keys = RedisKeys("shop")
    made = {keys.lists(*part) for part in parts} | {keys.current(), keys.generations(), keys.catalogue("g", 0)}
    assert len(made) == len(parts) + 3
    assert all(key.startswith("shop:") and "{" not in key for key in made)


def test_namespaces_do_not_meet() -> None:
    shop, shop_b = RedisKeys("shop"), RedisKeys("shop_b")
    assert shop.current() != shop_b.current()
    assert not shop_b.lists("g", "home", "default", 1).startswith("shop:")


@given(st.lists(st.tuples(st.integers(1, 365), st.text(max_size=10)), unique=True, max_size=20))
def test_each_popular_list_has_a_name_of_its_own(parts: list[tuple[int, str]]) -> None:
    assert len({popular_subject(*part) for part in parts}) == len(parts)


@given(st.lists(st.text(min_size=1)), st.integers(1, 100_000))
def test_publisher_and_reader_agree_on_the_bucket(subjects: list[str], buckets: int) -> None:
    published = list_buckets([subject.encode() for subject in subjects], buckets).tolist()
    assert published == [list_bucket(subject, buckets) for subject in subjects]
    assert all(0 <= bucket < buckets for bucket in published)
