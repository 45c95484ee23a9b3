"""BM25 as anybody would write it, to compare the search with; knows no fields, no steps and no sources.

Score of a text for a request: the sum over the request's words of `log(1 + (N - n + 0.5) / (n + 0.5)) * f * (k1 + 1) /
(f + k1 * (1 - b + b * length / mean length))`, f being how often the text says the word, n how many of N texts say it
(Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond").
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from tests.registry.search.recall import Listed, Scores

K1 = 1.5
B = 0.75

_WORD = re.compile(r"[a-z0-9]+")

Terms = Callable[[str], list[str]]
"""Takes a text apart."""


def plain(tools: Sequence[Listed]) -> Scores:
    """Return BM25 over names and descriptions: words as they are, one of the request as often as it is said."""
    texts = {_key(tool): f"{tool.spec.name} {tool.spec.description}" for tool in tools}
    return bm25(texts, words, words)


def stemmed(tools: Sequence[Listed]) -> Scores:
    """Return BM25 over the server's name and description too: Porter's stems, each word of the request once."""
    from snowballstemmer import stemmer  # type: ignore[import-untyped]  # noqa: PLC0415 - it ships no types; only this needs it

    stem = stemmer("porter").stemWord

    def stems(text: str) -> list[str]:
        return [stem(word) for word in words(text)]

    texts = {_key(tool): f"{tool.source} {tool.about} {tool.spec.name} {tool.spec.description}" for tool in tools}
    return bm25(texts, stems, lambda text: sorted(set(stems(text))))


def words(text: str) -> list[str]:
    """Return the words of a text: letters and digits, in lower case."""
    return _WORD.findall(text.lower())


def bm25(texts: Mapping[str, str], of_text: Terms, of_request: Terms) -> Scores:
    """Return what scores texts for a request, by key; who shares no word with it has no score."""
    counts = {key: Counter(of_text(text)) for key, text in texts.items()}
    lengths = {key: count.total() for key, count in counts.items()}
    mean = fmean(lengths.values())
    having = Counter(term for count in counts.values() for term in count)

    def scores(request: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for term in of_request(request):
            rarity = math.log(1 + (len(counts) - having[term] + 0.5) / (having[term] + 0.5))
            for key, count in counts.items():
                if often := count[term]:
                    worth = rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * lengths[key] / mean))
                    found[key] = found.get(key, 0.0) + worth
        return found

    return scores


def _key(tool: Listed) -> str:
    return f"{tool.source}\n{tool.spec.name}"
