"""API keys: a key opens what it was made for, nothing that is like it does, and its text is kept nowhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reco_contracts.api_keys import (
    ApiKey,
    KeyAccess,
    decode_keys,
    encode_key,
    find_key,
    make_key,
    parse_key_line,
)
from reco_contracts.errors import ConfigError, ContractError
from reco_contracts.settings import load_settings

SHOP = make_key("shop", (KeyAccess.READ, KeyAccess.WRITE), 5.0, "2024-05-01T00:00:00+00:00")
KNOWN = {"shop": SHOP.stored}


def test_a_key_is_found_by_its_text_and_by_nothing_else() -> None:
    assert find_key(KNOWN, SHOP.text) == SHOP.stored
    secret = SHOP.text.partition(".")[2]
    for wrong in ("", "shop", "shop.", secret, f"mail.{secret}", SHOP.text + "x", SHOP.text[:-1], SHOP.stored.digest):
        assert find_key(KNOWN, wrong) is None, wrong


@given(st.text(max_size=300))
def test_no_text_opens(text: str) -> None:
    assert find_key(KNOWN, text) is None


def test_what_is_stored_does_not_hold_the_key() -> None:
    secret = SHOP.text.partition(".")[2]
    assert secret not in repr(SHOP.stored)
    assert secret.encode() not in encode_key(SHOP.stored)
    assert make_key("shop", (KeyAccess.READ,)).text != SHOP.text


def test_a_stored_key_comes_back_and_an_absent_hash_is_not_an_empty_one() -> None:
    assert decode_keys({b"*": b"1", b"shop": encode_key(SHOP.stored)}) == KNOWN
    assert decode_keys({b"*": b"1"}) == {}
    assert decode_keys({}) is None
    with pytest.raises(ContractError, match="reco keys add"):
        decode_keys({b"shop": b"not JSON"})


def test_a_key_opens_what_it_was_made_for_and_admin_opens_all() -> None:
    assert [SHOP.stored.opens(access) for access in ("read", "write", "admin")] == [True, True, False]
    assert all(make_key("root", (KeyAccess.ADMIN,)).stored.opens(access) for access in KeyAccess)


def test_a_line_of_the_settings_is_the_key_without_its_time() -> None:
    read = parse_key_line(SHOP.stored.line)
    assert read == ApiKey(name="shop", digest=SHOP.stored.digest, access=SHOP.stored.access)
    assert load_settings(doors={"keys": [SHOP.stored.line]}).doors.keys == (SHOP.stored.line,)


@pytest.mark.parametrize("name", ["", "Shop", "a.b", "*", "a b", "x" * 41, "-a", "\u0661"])
def test_a_name_is_plain(name: str) -> None:
    with pytest.raises(ContractError, match="a key's name"):
        make_key(name, (KeyAccess.READ,))


@pytest.mark.parametrize("line", ["shop.secret", "shop read", "shop all " + "0" * 64, "shop read " + "0" * 63])
def test_a_wrong_line_in_the_settings_is_refused_without_being_shown(line: str) -> None:
    with pytest.raises(ConfigError, match=r"doors\.keys") as caught:
        load_settings(doors={"keys": [line]})
    assert "secret" not in str(caught.value)
