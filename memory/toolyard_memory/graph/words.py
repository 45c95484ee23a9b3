"""Words as the graph compares them: what carries no meaning is known, the rest is cut to its stem; knows no grammar.

The stem is cruder than Porter's (as is meant: it never leaves memory, and what is stemmed too far only joins more).
"""

import unicodedata
from typing import Final

VOWELS: Final = frozenset("aeiouy")

SHORTEST: Final = 3
"""Letters that a word of the Latin alphabet must have to say something."""

_ENGLISH: Final = """
a able about above across actually after again against ago agree all almost alone along already alright also although
always am amazing an and another any anybody anymore anyone anything anyway anywhere apart are aren't around as ask
asked asking at away awesome awful back bad be beautiful became because become been before began begin behind being
believe below beside besides best better between beyond big bit both bring brings brought but by bye call called came
can can't cannot certain certainly cheers clear close come comes coming completely congrats congratulations cool could
couldn't couple course cuz dear definitely did didn't different do does doesn't doing don't done down due during each
early easy either else end enjoy enough especially etc even ever every everybody everyone everything everywhere exactly
excited exciting fact fantastic far feel feeling feels felt few finally find fine first follow for forward found from
full fun further gave get gets getting give given gives giving glad go goes going gone gonna good got gotta great had
hadn't happen happened happening happens happy hard has hasn't have haven't having he he's hear heard hello help helped
her here here's hers herself hey hi him himself his hmm hold hope hopefully hoping how how's however huge i i'd i'll
i'm i've idea if imagine important in incredible indeed inside instead into is isn't it it'd it'll it's its itself just
keep keeping kept kind kinda knew know known knows large last late lately later least left less let let's like liked
likely little lol long look looked looking looks lot lots love loved lovely made main make makes making many matter may
maybe me mean means meant meanwhile might mine moment more most mostly much must my myself near nearly need needed needs
neither never new next nice no nobody none nope nor not nothing now nowhere of off often oh ok okay old on once one ones
only onto open or other others otherwise our ours ourselves out outside over own part past perhaps person plan please
plus possible pretty probably put quick quickly quite rather ready real really recent recently remember right said same
saw say saying says second see seem seemed seems seen sense several shall she she's should shouldn't show since small so
some somebody somehow someone something sometimes somewhere soon sorry sort sound sounds special start started still
stuff such super sure take taken takes taking talk talking tell telling than thank thanks that that's the their theirs
them themselves then there there's these they they'll they're they've thing things think thinking this those though
thought through thus till time times to today together told tomorrow tonight too took total totally toward towards tried
true truly try trying turn two u ugh under unless until unto up upon ur us use used user uses using usually various very
via wait wanna want wanted wants was wasn't way ways we we'd we'll we're we've well went were weren't what what's
whatever when whenever where wherever whether which while who who's whoever whole whom whose why will with within
without won't wonder wonderful work worked works worth would wouldn't wow yay yeah year years yep yes yesterday yet you
you'd you'll you're you've your yours yourself yourselves
"""

_OTHERS: Final = """
aber als am auch auf aus bei bin bis bist da das dass dein dem den der des dich die dir doch du ein eine einem einen
einer er es für hab habe haben hat hatte ich ihm ihn ihr im ist ja kann kein keine mein meine mich mir mit nach nein
nicht noch nur oder schon sehr sein seine sich sie sind und uns unser vom von vor war waren was wenn wer wie wir wird
wo zu zum zur über
au aux avec ce ces cette dans de des du elle en est et était il ils j'ai je la le les leur lui ma mais mes moi mon ne
nous on ont ou où par pas plus pour qu'il que qui sa sans ses son sont sur ta te tes toi ton tu un une vous à été être
al con cuando como del donde el ella ellos era eres es esta este estoy está fue ha hay he la las lo los me mi mis muy
más no nos o para pero por porque que quien se si sin sobre soy su sus también te tiene tu un una uno y ya yo
che chi ci cosa così della delle di dei e gli ho il io lei loro lui ma mio nel nella non per più quando questo sei
sono suo tra è
ao com da das do dos ela ele em eu isso mas meu minha na nas no nos não ou os pelo por quem sem seu sua são tem uma
você
"""

EMPTY: Final = frozenset(_ENGLISH.split()) | frozenset(_OTHERS.split())
"""Words that tell no two texts apart, folded: of English, and the commonest of five more languages."""


def fold(text: str) -> str:
    """Return a text as it is compared: NFKC, without case, with one kind of apostrophe."""
    return unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")


def _stands(root: str) -> bool:
    """Tell whether what is left of a word could still be one."""
    return len(root) >= SHORTEST and not VOWELS.isdisjoint(root)


def stem(word: str) -> str:
    """Return what a folded word has in common with its other forms: paint of painted, adopt of adoption."""
    if len(word) <= SHORTEST or not word.isascii():
        return word
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-3] + "y" if word.endswith("ies") and len(word) > SHORTEST + 1 else word[:-1]
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and _stands(root):
            word = root[:-1] if root[-1] == root[-2] and root[-1] not in "lsz" else root
            break
    for ending in ("ness", "ment", "ly", "ion"):
        root = word.removesuffix(ending)
        if root != word and len(root) > SHORTEST and (ending != "ion" or root[-1] in "st"):
            word = root
            break
    root = word.removesuffix("e")
    if _stands(root):
        word = root
    return word[:-1] + "i" if len(word) > SHORTEST and word[-1] == "y" and word[-2] not in VOWELS else word


def canonical(text: str) -> str:
    """Return the name under which a text is known in the graph: folded, each word stemmed, one space between."""
    return " ".join(stem(word.removesuffix("'s")) for word in fold(text).split())
