"""Addresses of the store: three schemes, logins from settings before those in the URL, nothing secret shown."""

import ssl

from reco_contracts.serving_settings import RedisSection
from serving_api.store_address import parse_address


def test_a_plain_address_has_defaults() -> None:
    address = parse_address(RedisSection(url="redis://cache"))
    assert (address.host, address.port, address.tls, address.hello) == ("cache", 6379, None, ())


def test_a_login_and_a_database_open_the_connection() -> None:
    address = parse_address(RedisSection(url="redis://ann:se%40cret@cache:7000/2"))
    assert address.hello == (("AUTH", "ann", "se@cret"), ("SELECT", "2"))
    assert "cret" not in repr(address)


def test_the_settings_login_wins_over_the_urls() -> None:
    address = parse_address(RedisSection(url="redis://:old@cache", password="new"))
    assert address.hello == (("AUTH", "new"),)


def test_tls_checks_the_certificate_unless_told_otherwise() -> None:
    strict = parse_address(RedisSection(url="rediss://cache")).tls
    lax = parse_address(RedisSection(url="rediss://cache?ssl_cert_reqs=none")).tls
    assert strict is not None
    assert lax is not None
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (lax.verify_mode, lax.check_hostname) == (ssl.CERT_NONE, False)


def test_a_unix_socket_has_a_path_and_a_database() -> None:
    address = parse_address(RedisSection(url="unix:///run/store.sock?db=1"))
    assert (address.socket_path, address.hello) == ("/run/store.sock", (("SELECT", "1"),))
