"""A wheel is read, never run, and kept whole or not at all."""

import contextlib
import io
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from toolyard_registry.published import wheels
from toolyard_registry.published.wheels import WheelRefused, WheelStore, inspect_wheel

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


@pytest.mark.parametrize("folder", ["../../outside/", "/outside/"])
def test_a_wheel_with_a_folder_that_leads_out_of_it_is_refused(folder: str) -> None:
    with pytest.raises(WheelRefused, match="leads out of it"):
        inspect_wheel(zipped({**contents("acme-weather", "0.1.0"), folder: b""}), FILE)


def test_a_wheel_with_a_link_is_refused() -> None:
    files = contents("acme-weather", "0.1.0")
    files["weather/link"] = b"/etc/passwd"
    files[f"{INFO}/RECORD"] = record({path: each for path, each in files.items() if not path.endswith("RECORD")}, INFO)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (stat.S_IFLNK if path == "weather/link" else stat.S_IFREG) << 16
            archive.writestr(entry, content)
    with pytest.raises(WheelRefused, match=r"'weather/link', a link"):
        inspect_wheel(buffer.getvalue(), FILE)


@pytest.mark.parametrize("name", ["--http", "tools/refunds.py", "a b", "w\u0435ather", "x" * 65])
def test_an_entry_point_whose_name_can_be_no_plugin_is_refused(name: str) -> None:
    with pytest.raises(WheelRefused, match="can be no plugin"):
        inspect_wheel(zipped(contents("acme-weather", "0.1.0", entry=f"[toolyard]\n{name} = weather\n")), FILE)


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


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_every_wrong_byte_in_a_wheel_is_refused_or_without_effect_and_raises_nothing_else(how: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for path, content in contents("acme-weather", "0.1.0").items():
            archive.writestr(path, content)
    for place in range(len(buffer.getvalue())):
        for wrong in (0x00, 0xFF):
            damaged = bytearray(buffer.getvalue())
            damaged[place] = wrong
            with contextlib.suppress(WheelRefused):
                inspect_wheel(bytes(damaged), FILE)


def test_a_wheel_that_is_packed_in_an_unusual_way_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("weather/__init__.py", b"")
    with pytest.raises(WheelRefused, match="use deflate"):
        inspect_wheel(buffer.getvalue(), FILE)


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        (f"{INFO}/METADATA", b"X: y\n" * 300_000, "METADATA has 1500000 bytes; at most"),
        (f"{INFO}/entry_points.txt", b"a = b\n" * 300_000, "entry_points.txt has 1800000 bytes"),
        (f"{INFO}/RECORD", b"a,sha256=x,1\n" * 700_000, "RECORD has 9100000 bytes"),
        (f"{INFO}/RECORD", b'"' + b"a" * 200_000 + b'",sha256=x,1\n', "field larger than"),
    ],
)
def test_what_a_wheel_says_of_itself_is_read_only_so_far(path: str, content: bytes, words: str) -> None:
    files = {**contents("acme-weather", "0.1.0"), path: content}
    if not path.endswith("RECORD"):
        del files[f"{INFO}/RECORD"]
        files[f"{INFO}/RECORD"] = record(files, INFO)
    with pytest.raises(WheelRefused, match=words):
        inspect_wheel(zipped(files), FILE)


def test_a_wheel_of_too_many_files_is_refused_before_its_directory_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "MOST_FILES", 3)
    with pytest.raises(WheelRefused, match="more than 3 files"):
        inspect_wheel(zipped(contents("acme-weather", "0.1.0")), FILE)


def test_a_wheel_that_would_unpack_into_too_much_is_refused_before_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "MOST_UNPACKED", 1000)
    files = {**contents("acme-weather", "0.1.0"), "weather/zeros": bytes(2000)}
    with pytest.raises(WheelRefused, match="more than 1000 bytes"):
        inspect_wheel(zipped(files), FILE)


@pytest.mark.parametrize("file", ["weather.zip", "../acme-0.1.0-py3-none-any.whl", "a-b.whl", ""])
def test_what_is_no_name_of_a_wheel_is_refused(file: str) -> None:
    with pytest.raises(WheelRefused, match="no name of a wheel"):
        inspect_wheel(zipped(contents("acme-weather", "0.1.0")), file)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(WheelRefused, match="file name has 326 characters; at most 200"):
        inspect_wheel(b"", f"acme_weather-0.1.0-py3-none-{'a' * 294}.whl")


def test_a_wheel_that_comes_many_times_at_once_is_kept_once(tmp_path: Path) -> None:
    store, content, sha256 = WheelStore(tmp_path), b"x" * 100_000, "0" * 64
    with ThreadPoolExecutor(16) as threads:
        kept = [threads.submit(store.put, sha256, FILE, content) for _ in range(64)]
        assert {each.result(timeout=30) for each in kept} == {tmp_path / sha256 / FILE}
    assert [path.name for path in (tmp_path / sha256).iterdir()] == [FILE]
    assert stat.S_IMODE((tmp_path / sha256 / FILE).stat().st_mode) == 0o600


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
