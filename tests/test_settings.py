"""The one table of settings: where values come from, which are refused, and that every row is documented."""

from __future__ import annotations

import os
import stat
from dataclasses import fields
from pathlib import Path

import pytest

from proctor.modules.privacy.clocks import DUTY_DAYS_MAX
from proctor.settings import (
    CASE_DAYS_MAX,
    KEEP_MS_MAX,
    TRACES_DAYS_MAX,
    UNIX_PATH_BYTES_MAX,
    Settings,
    environ,
    load,
)

ROOT = Path(__file__).resolve().parents[1]


def test_a_flag_beats_the_environment_and_the_environment_beats_the_default() -> None:
    env = {"ZHENXUE_PORT": "9000", "ZHENXUE_DEMO": "no", "ZHENXUE_MATCH_ACCEPT": "0.5"}
    found = load(env, port=9100, gateways=None)
    assert (found.port, found.demo, found.match_accept, found.gateways) == (9100, False, 0.5, 2)
    assert load({}).ws_port == 8081 and load({}, gateway_port=7000).ws_port == 7000


def test_a_child_reads_exactly_what_its_supervisor_was_given() -> None:
    given = load({}, port=9100, demo=False, policy='{"beat_ms":1000}', tls_cert="a", tls_key="b")
    assert load(environ(given)) == given


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"ZHENXUE_PORT": "http"}, "port"),
        ({"ZHENXUE_DEMO": "perhaps"}, "demo"),
        ({"ZHENXUE_PORT": "0"}, "port"),
        ({"ZHENXUE_PORT": "65535"}, "--gateway-port"),
        ({"ZHENXUE_GATEWAY_PORT": "8080"}, "two ports"),
        ({"ZHENXUE_GATEWAYS": "0"}, "gateways"),
        ({"ZHENXUE_HELLO_MS": "-1"}, "hello_ms"),
        ({"ZHENXUE_SNAPSHOT_EVERY_MS": "2501"}, "snapshots"),
        ({"ZHENXUE_FRAME_BYTES_MAX": "4096"}, "buffer"),
        ({"ZHENXUE_FACE_BACKEND": "magic"}, "face_backend"),
        ({"ZHENXUE_TLS_CERT": "a.pem"}, "key"),
        ({"ZHENXUE_REDIS_URL": "http://x"}, "redis://"),
        ({"ZHENXUE_REDIS_URL": "redis://a:1,b:2"}, "redis-cluster://"),
        ({"ZHENXUE_REDIS_URL": "redis-cluster://u:topsecret@a:1,b:two"}, "redis_url"),
        ({"ZHENXUE_TRUSTED_PROXIES": "127.0.0.1, nginx"}, "trusted_proxies"),
        ({"ZHENXUE_LOG_BYTES_MAX": "9999"}, "log_bytes_max"),
        ({"ZHENXUE_DATABASE_URL": "oracle://u:topsecret@x/y"}, "postgresql://"),
        ({"ZHENXUE_EVIDENCE_KEEP_MS": "3600001"}, "evidence_keep_ms: one hour"),
        ({"ZHENXUE_TRACES_DAYS": "181"}, "traces_days: 180 at most"),
        ({"ZHENXUE_EVIDENCE_CASE_DAYS": "731"}, "evidence_case_days: 730 at most"),
        ({"ZHENXUE_POLICY": "{"}, "policy"),
        ({"ZHENXUE_POLICY": '{"beat_ms": "ten"}'}, "beat_ms"),
        ({"ZHENXUE_POLICY": '{"beat_ms": 20000}'}, "contradict"),
        ({"ZHENXUE_POLICY": '{"beats": 1}'}, "beats is no rule"),
    ],
)
def test_what_does_not_fit_is_one_sentence_without_secrets(given: dict[str, str], word: str) -> None:
    with pytest.raises(ValueError, match=word) as wrong:
        load(given)
    assert "topsecret" not in str(wrong.value) and "\n" not in str(wrong.value)


def test_learners_agree_to_the_times_that_no_setting_can_exceed() -> None:
    """Who writes another time into the notice changes the bound, and the other way round."""
    hours, days = KEEP_MS_MAX / 3_600_000, TRACES_DAYS_MAX
    parts = ROOT / "web" / "templates" / "_parts"
    chinese = (parts / "notice_face_check.zh.html").read_text("utf-8")
    assert f"核验照片用完即删，最长保留 {hours:g} 小时" in chinese and f"防重放记录最长保留 {days} 天" in chinese
    english = (parts / "notice_face_check.en.html").read_text("utf-8")
    assert hours == 1 and "after one hour at the latest" in english and f"kept for {days} days at most" in english
    assert CASE_DAYS_MAX == DUTY_DAYS_MAX


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_operators_write_the_database_address_as_everybody_does(scheme: str) -> None:
    assert load({}, database_url=f"{scheme}://u:p@h:5433/n").sqlalchemy_url == "postgresql+asyncpg://u:p@h:5433/n"


def test_a_cluster_is_named_by_some_of_its_servers() -> None:
    for url in ("redis-cluster://a:7001,b,c:7003", "rediss-cluster://u:p@a:7001,b:7002?ssl_check_hostname=no"):
        assert load({}, redis_url=url).redis == url


def test_a_deep_data_folder_gets_its_socket_elsewhere_and_always_the_same(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    found = load({}, data=str(deep)).valkey_socket
    assert len(os.fsencode(found)) <= UNIX_PATH_BYTES_MAX
    assert found == load({}, data=str(deep)).valkey_socket != load({}, data=f"{deep}2").valkey_socket
    assert load({}, data=str(tmp_path)).valkey_socket == tmp_path / "valkey.sock"


def test_the_page_of_settings_is_the_table() -> None:
    """`docs/settings.md` is written by `scripts/settings_table.py`."""
    from scripts.settings_table import page

    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == page()
    assert all(f"`{item.name}`" in page() and item.metadata["help"] in page() for item in fields(Settings))


def test_scripts_can_be_run() -> None:
    for name in ("run", "test", "check", "rebuild"):
        assert (ROOT / "scripts" / name).stat().st_mode & stat.S_IXUSR
