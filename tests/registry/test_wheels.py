"""A wheel is read, never run, and kept whole or not at all."""

import stat
import zipfile
from pathlib import Path

import pytest
from toolyard_registry import wheels
from toolyard_registry.wheels import WheelRefused, WheelStore, inspect_wheel

from tests.registry.wheels import ENTRY, contents, file_name, record, zipped

FILE = file_name("acme-weather", "0.1.0")
INFO = "acme_weather-0.1.0.dist-info"


def test_a_wheel_says_what_it_is_without_being_imported() -> None:
    wheel = inspect_wheel(zipped(contents("acme-weather", "0.1.0", body="raise SystemExit")), FILE)
    assert (wheel.name, wheel.version, wheel.plugins) == ("acme-weather", "0.1.0", {"weather": "weather"})


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("weather/more.py", b"", "is not in its RECORD"),
        ("weather/__init__.py", b"changed", "is not what its RECORD says"),
        ("../../etc/passwd", b"", "leads out of it"),
        ("/etc/passwd", b"", "leads out of it"),
        ("C:\\evil.py", b"", "leads out of it"),
        (f"{INFO}/METADATA", b"Name: other\nVersion: 0.1.0\n", "its METADATA says other 0.1.0"),
        ("second-1.0.dist-info/METADATA", b"", "has 2 folders"),
        (f"{INFO}/entry_points.txt", b"[console_scripts]\nx = y\n", "is not what its RECORD says"),
    ],
)
def test_a_wheel_in_which_something_does_not_fit_is_refused(path: str, content: bytes, words: str) -> None:
    files = {**contents("acme-weather", "0.1.0"), path: content}
    with pytest.raises(WheelRefused, match=words):
        inspect_wheel(zipped(files), FILE)


def test_a_wheel_without_a_plugin_is_refused_with_what_to_write() -> None:
    files = contents("acme-weather", "0.1.0", entry="[console_scripts]\nx = y\n")
    with pytest.raises(WheelRefused, match=r"project\.entry-points\.toolyard"):
        inspect_wheel(zipped(files), FILE)


def test_a_wheel_whose_record_names_a_weak_hash_is_refused() -> None:
    files = contents("acme-weather", "0.1.0")
    files[f"{INFO}/RECORD"] = files[f"{INFO}/RECORD"].replace(b"sha256=", b"md5=")
    with pytest.raises(WheelRefused, match=r"no hash of .* that is safe"):
        inspect_wheel(zipped(files), FILE)


@pytest.mark.parametrize("content", [b"", b"no zip at all", zipped(contents("acme-weather", "0.1.0"))[:-40]])
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    with pytest.raises(WheelRefused, match="no zip that can be read"):
        inspect_wheel(content, FILE)


def test_every_cut_of_a_wheel_is_refused_or_read_and_raises_nothing_else() -> None:
    whole = zipped(contents("acme-weather", "0.1.0"))
    for end in range(0, len(whole), 7):
        with pytest.raises(WheelRefused):
            inspect_wheel(whole[:end], FILE)


def test_a_wheel_that_would_unpack_into_too_much_is_refused_before_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "MOST_UNPACKED", 1000)
    files = {**contents("acme-weather", "0.1.0"), "weather/zeros": bytes(2000)}
    with pytest.raises(WheelRefused, match="more than 1000 bytes"):
        inspect_wheel(zipped(files), FILE)


@pytest.mark.parametrize("file", ["weather.zip", "../acme-0.1.0-py3-none-any.whl", "a-b.whl", ""])
def test_what_is_no_name_of_a_wheel_is_refused(file: str) -> None:
    with pytest.raises(WheelRefused, match="no name of a wheel"):
        inspect_wheel(zipped(contents("acme-weather", "0.1.0")), file)


def test_a_file_twice_in_a_wheel_is_refused(tmp_path: Path) -> None:
    files = contents("acme-weather", "0.1.0")
    path = tmp_path / FILE
    path.write_bytes(zipped(files))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("weather/__init__.py", "other")
    with pytest.raises(WheelRefused, match="twice"):
        inspect_wheel(path.read_bytes(), FILE)


def test_a_wheel_is_kept_under_its_hash_for_this_user_only_and_never_written_again(tmp_path: Path) -> None:
    store, sha256 = WheelStore(tmp_path / "wheels"), "ab" * 32
    path = store.put(sha256, FILE, b"one")
    assert path == tmp_path / "wheels" / sha256 / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert store.put(sha256, FILE, b"two").read_bytes() == b"one"
    assert [each.name for each in path.parent.iterdir()] == [FILE]


def test_a_wheel_store_takes_no_path_for_a_hash(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no wheel"):
        WheelStore(tmp_path).put("../x", FILE, b"")


def test_the_record_of_these_tests_is_that_of_the_standard() -> None:
    assert b"RECORD,," in record({"a": b""}, "x")
    assert ENTRY.startswith("[toolyard]")
