"""A model from a local directory: what it reads, what it refuses, and what its id holds."""

import math
from array import array
from pathlib import Path

import pytest
from toolyard_memory.embedders.onnx import OnnxEmbedder
from toolyard_sdk.errors import ConfigError, EmbedderError

from tests.memory.embedders.small_model import TABLE, write_model

HALF = math.sqrt(0.5)
MEAN = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}


async def vectors(directory: Path, *texts: str, query: bool = False) -> list[list[float]]:
    embedder = OnnxEmbedder(directory)
    try:
        return [array("f", vector).tolist() for vector in await embedder.embed(texts, query=query)]
    finally:
        await embedder.close()


async def test_the_mean_of_the_words_is_taken_and_fillers_do_not_count(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m")
    alone, with_longer, _ = await vectors(model, "red blue", "cat", "dog dog dog dog dog dog")
    assert alone == pytest.approx([HALF, HALF, 0, 0])
    assert with_longer == pytest.approx([0, 0, 1, 0])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("mean_tokens", [HALF, 0, HALF, 0]), ("cls_token", [1, 0, 0, 0]), ("lasttoken", [0, 0, 1, 0])],
)
async def test_pooling_is_what_the_model_says(tmp_path: Path, mode: str, expected: list[float]) -> None:
    model = write_model(tmp_path / "m", Pooling__config={f"pooling_mode_{mode}": True})
    found = await vectors(model, "red cat", "red red red red")
    assert found[0] == pytest.approx(expected, abs=1e-6)


async def test_a_pooling_that_is_not_known_is_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m", Pooling__config={"pooling_mode_weightedmean_tokens": True})
    with pytest.raises(ConfigError, match="pooling_mode_mean_tokens"):
        OnnxEmbedder(model)


async def test_a_long_text_is_cut_where_the_model_says(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m", sentence_bert_config={"max_seq_length": 2})
    assert (await vectors(model, "red red dog dog dog"))[0] == pytest.approx([1, 0, 0, 0])


async def test_a_question_begins_as_the_model_says(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m", config_sentence_transformers={"prompts": {"query": "query: "}})
    assert (await vectors(model, "cat"))[0] == pytest.approx([0, 0, 1, 0])
    assert (await vectors(model, "cat", query=True))[0] == pytest.approx([0, 0, HALF, -HALF])


async def test_many_texts_of_many_lengths_come_back_in_order(tmp_path: Path) -> None:
    texts = [" ".join(["red"] * (n % 9 + 1) + (["dog"] if n % 2 else [])) for n in range(150)]
    model = write_model(tmp_path / "m")
    together = await vectors(model, *texts)
    for n in (0, 1, 8, 31, 32, 33, 149):
        assert together[n] == pytest.approx((await vectors(model, texts[n]))[0], abs=1e-6)


async def test_the_id_changes_with_whatever_changes_a_vector(tmp_path: Path) -> None:
    directories = (
        write_model(tmp_path / "a"),
        write_model(tmp_path / "b", [*TABLE[:-1], [1.0, 1.0, 1.0, 1.0]]),
        write_model(tmp_path / "c", Pooling__config={"pooling_mode_cls_token": True}),
        write_model(tmp_path / "d", config_sentence_transformers={"prompts": {"document": "query: "}}),
    )
    ids = [OnnxEmbedder(directory).id for directory in directories]
    assert len(set(ids)) == 4
    assert all(id_.startswith("onnx:") for id_ in ids)
    again = OnnxEmbedder(write_model(tmp_path / "elsewhere"))
    assert again.id == ids[0]


async def test_a_directory_that_lacks_files_is_told_which_and_how_they_are_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such directory"):
        OnnxEmbedder(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"model\.onnx .* and tokenizer\.json here, as `optimum-cli export onnx"):
        OnnxEmbedder(tmp_path)
    write_model(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ConfigError, match=r"needs tokenizer\.json here"):
        OnnxEmbedder(tmp_path)


async def test_a_file_that_is_no_model_is_named_when_it_is_first_asked(tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(EmbedderError, match=r"model\.onnx: this is no model"):
        await vectors(tmp_path, "red")
    write_model(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(EmbedderError, match=r"tokenizer\.json: this is no tokenizer"):
        await vectors(tmp_path, "red")


async def test_a_model_whose_numbers_are_none_gives_an_error_and_no_vector(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="NaN"):
        await vectors(write_model(tmp_path, [[math.nan] * 4] * len(TABLE)), "red")


async def test_a_closed_embedder_says_so(tmp_path: Path) -> None:
    embedder = OnnxEmbedder(write_model(tmp_path))
    await embedder.close()
    with pytest.raises(EmbedderError):
        await embedder.embed(["red"])
