"""The table of words that readers stumbled over, each with a replacement (see style.md).

A rule catches its first example and passes its second one; test_language.py checks every rule.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Rule(NamedTuple):
    """A pattern of words, their replacement, the reason, and two examples: caught, and passed."""

    pattern: str
    instead: str
    why: str
    caught: str
    passes: str
    everywhere: bool = True
    """False: only in texts for users; developers may use the word."""


_BE = r"(?:is|are|was|were|be|been|being|not|and|only)"
_ADVERB = r"(?:\s(?:only|then|first|also|ever|never|always|not|said))?"

RULES = (
    # Passive verbs that hide who does it, or mean something else in plain English.
    Rule(
        rf"\b{_BE}{_ADVERB} told\b(?! (?:otherwise|to))",
        "is reported, is printed; you tell",
        "nobody tells: the tool prints or reports",
        "A capacity is told from the fifth probe on.",
        "The server binds all interfaces unless told otherwise.",
    ),
    Rule(
        rf"\b{_BE}{_ADVERB} said\b|, said first\b",
        "is reported, is printed",
        "nobody says: the tool prints or reports",
        "The built-in app is used, and that is said.",
        "Nielsen said that five readers are enough.",
    ),
    Rule(
        r"\b(?:is|are|was|were|be|been|being)(?: only| then| also| never| first)? asked\b",
        "is requested, receives a request",
        "a request is sent; a question is asked",
        "Every path is asked four times.",
        "The release script asked for a password.",
    ),
    Rule(
        r"\b(?:asks? (?:nothing|everything)|asked of|to be asked to)\b",
        "sends no request, requests",
        "a request is sent; a question is asked",
        "Nothing is asked of the server while it starts.",
        "The command asks you for a name.",
    ),
    Rule(
        r"\b(?:is|are|was|were|be|been|being)(?: ever| first| also| never| not)? seen\b|"
        r"\bwas seen\b",
        "is observed, is found, you see",
        "name the reading that shows it",
        "The app is seen to have five routes.",
        "You have seen the plan before.",
    ),
    Rule(
        r"\b(?:is|are|was|were|be|been) (?:looked|hit|knocked|paid|had) (?:at|for|upon|by)\b",
        "the tool reads, checks, searches for",
        "a verb with a subject is easier to follow",
        "The journal is looked at after each window.",
        "The tool looks for a manage.py.",
    ),
    Rule(
        r"\b(?:to be had|for want of|as it were|be it so|in company)\b",
        "available; because there is no",
        "an idiom that a dictionary does not hold",
        "A random think time is not to be had.",
        "There is no random think time.",
    ),
    # The reader is "you".
    Rule(
        r"\bone['’]s\b",
        "your",
        "the reader is you",
        "A race of one's own app has two steps.",
        "A race of your own app has two steps.",
    ),
    Rule(
        r"\b(?:when|as|how|what|where|than|time|rate|app) one (?:can|could|may|must|should|would|"
        r"has|have|looks?|wants?"
        r"|likes?|installs?|gets?|needs?|asks?|uses?|cannot|knows?|sees?|does)\b",
        "you …",
        "the reader is you",
        "The claim holds at any time one looks.",
        "Use the first if one is installed.",
    ),
    # The subject comes first, then its verb.
    Rule(
        r"^(?:What|Who|Whatever) (?!to\b|else\?)(?:[^\s?:]+ ){3,}[^?:]*[.;]$",
        "start with the subject: “Failures are …”, “The tool …”",
        "a question word as subject hides the subject",
        "What dies is started again.",
        "What should serve my app?",
    ),
    Rule(
        r"\b[Ww]hoever\b",
        "every … that, anyone who",
        "hides the subject",
        "Whoever is left is launched again.",
        "Every setup that is left is launched again.",
    ),
    Rule(
        r"\b[Ww]here (?:there|none|nothing|nobody|possible|needed|given|available|installed|"
        r"it can|it has|it does|it is none|one is)\b"
        r"|^Where (?!to\b|.*\?)[^,]*,",
        "if",
        "a condition is “if”; “where” is a place",
        "Where there is no compiler, uWSGI is left out.",
        "The folder where the files are is printed.",
    ),
    Rule(
        r"\b(?:what|which|that|as) nobody\b|\bnobody (?:else )?(?:has|uses|used|asks|asked|names|"
        r"named|reads on)\b",
        "no … uses, unused",
        "name the thing, not the nobody",
        "The command removes what nobody uses.",
        "Nobody is paged at night.",
    ),
    Rule(
        r"^(?:!\s*)?not: ",
        "state the fact",
        "a denial of a question the reader did not hear",
        "not: debug is off",
        "DEBUG is on, not off: pages are slow.",
    ),
    # Defaults, amounts and references.
    Rule(
        r"[;,(] ?(?:and )?without (?:it|either|them|one)\b|\bwithout (?:it|either|one)[,)]|"
        r"\bwithout (?:it|either)$",
        "[default: X]",
        "a default is called default",
        "The folder of the files; without it deploy.",
        "The tests need a compiler and fail without one.",
    ),
    Rule(
        r"\b(?:at most|at least|of|after|for|more than|such|by|from|in) so (?:many|much|"
        r"long)\b(?! (?:that|as))|\bso long ago\b",
        "the number, or “that many”",
        "so many as what?",
        "The command removes whatever was last used so long ago.",
        "There are so many servers that the list has two pages.",
    ),
    Rule(
        r"\b(?:is|are|was|were|than|from|to|by|as|with|of|for|and) (?:that|those) of\b",
        "repeat the noun",
        "the reader must search for the noun",
        "The cache is that of REDIS_URL.",
        "The cache is the Redis server of REDIS_URL.",
    ),
    Rule(
        r"\bfrom (?:so many|there|port \d+|[A-Z]\w+ [\d.]+) on\b",
        "starting at, since",
        "half of the preposition comes after the number",
        "The servers take the ports from there on.",
        "The servers take the ports starting at 8000.",
    ),
    Rule(
        r"\bthe (?:former|latter)\b",
        "repeat the noun",
        "the reader must count nouns",
        "The latter is slower.",
        "The second launch is slower.",
    ),
    Rule(
        r"\bby (?:a|an|the newest|the latest|this) (?:run|race)\b",
        "from the run",
        "“by” names who did it",
        "Print what to deploy by the newest race.",
        "Print what to deploy, from the latest race.",
    ),
    # The glossary: one word for one thing.
    Rule(
        r"\b(?:[Aa]nswer(?:s|ed|ing)?)\b(?! (?:to )?(?:the|a|an|this|that|your|my|our|its|one|"
        r"each) ?(?:questions?|study))",
        "response; responds",
        "glossary: a server sends a response",
        "Every answer is compared to the byte.",
        "This page answers the question of the title.",
    ),
    Rule(
        r"\b(?:[Rr]ight (?:answers?|responses?|body|bodies|one)|(?:is|are|was|were|be) right|"
        r"[Rr]ightly)\b",
        "correct, correctly",
        "glossary: a response is correct",
        "The right response is learnt first.",
        "The chart stands on the right side.",
    ),
    Rule(
        r"\b(?:[Cc]ertif(?:y|ies|ied|ying)|[Cc]ertification)\b",
        "validate, validated",
        "glossary: a rate is validated by a test of its own",
        "The certified rate is lower than the capacity.",
        "The certificate of the server has expired.",
    ),
    Rule(
        r"\b(?:more|further|randomi[sz]ed|each|every|per|first|\d+|fewer|"
        r"blocks?, the) blocks?\b(?! of (?:code|text|memory))",
        "round, slice; or minutes",
        "decision 17: a race runs in rounds of slices",
        "It takes about 341 more blocks.",
        "The call blocks the event loop.",
    ),
    Rule(
        r"\b[Aa]rms?\b",
        "server setup",
        "glossary: arm is a word of the code",
        "The arm is not installable.",
        "An alarm is sent.",
        everywhere=False,
    ),
    Rule(
        r"\b(?:heats?\b(?! map)|(?:a|an|the|this|each|every|new|next|"
        r"first) generations?\b(?! of (?:load|Python)))",
        "launch; setups that run together",
        "glossary: heat and generation are words of the code",
        "Each generation has its own launches.",
        "The generation of load takes one core.",
        everywhere=False,
    ),
    Rule(
        r"\bfamily-wise\b",
        "the chance that any verdict is wrong",
        "a term of statistics that few users know",
        "The family-wise error of the claims is 5 %.",
        "The chance that any verdict is wrong is 5 %.",
        everywhere=False,
    ),
    Rule(
        r"\b(?:at|near|below) saturation\b",
        "under full load",
        "glossary: the ceiling under full load",
        "Time at saturation is shown, too.",
        "The queue saturates one core.",
        everywhere=False,
    ),
    Rule(
        r"\b(?:hold|holds|held|keep|keeps|kept|holding|keeping) (?:the|an|this|its|that|your|"
        r"up to its) (?:objective|SLO|deadline|word)\b",
        "meet the objective",
        "an objective is met",
        "It is the cheapest setup that holds the objective.",
        "It is the cheapest setup that meets the objective.",
    ),
    # Words of an older English.
    Rule(
        r"\b(?:hence|whilst|thereof|therein|wherein|whereby|thereby|hereby|lest|whence|thence|"
        r"beforehand|of old|anew)\b",
        "so, while, in it, by which, before, again",
        "an old word that a dictionary for learners marks as formal",
        "The setups are launched anew.",
        "The setups are launched again.",
    ),
    Rule(
        r"\bgiv(?:e|es|en|ing) way\b",
        "yields",
        "an idiom; the field says yield",
        "The driver gives way under gevent.",
        "The driver yields under gevent.",
    ),
    Rule(
        r"\b(?:is|are|be|too|starting is) dear\b",
        "expensive, slow",
        "an idiom",
        "A launch is dear for this app.",
        "A launch is slow for this app.",
    ),
)

LONGEST_SENTENCE = 35
"""Words: past about 30 readers lose the start of a sentence (GOV.UK's style guide asks for 25)."""
MOST_SEMICOLONS = 2  # more belong into a list

PROSELINT = (
    "archaism",
    "cliches",
    "hedging",
    "lexical_illusions",
    "malapropisms",
    "misc.many_a",
    "misc.phrasal_adjectives.examples",
    "misc.pretension",
    "misc.whence",
    "mixed_metaphors",
    "mondegreens",
    "needless_variants",
    "nonwords",
    "oxymorons",
    "redundancy",
    "uncomparables",
    "weasel_words",
)
"""The checks of proselint for plain words, without quotes, accents and "waitress"."""

COMPILED = tuple((rule, re.compile(rule.pattern, re.IGNORECASE)) for rule in RULES)
