"""Fixtures of aimock (@copilotkit/aimock), as mocks.  Pure.

The first fixture that matches answers there, as the first mock does here, so that those of a file
become the mocks of one file, in order."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from ..errors import BadMock, shown
from ..jsons import sorted_compact
from ..limits import Json
from ..mocks.mock import parse_mock
from ..mocks.recordings import MockNode
from ..recording.scrubbing import Scrubber
from ..records import record
from .aimock_answers import Translated, Variant, mock_response
from .aimock_breaks import STREAM_KEYS, chaotic, delivered
from .aimock_matches import (
    ENDPOINTS,
    JsonObject,
    Telling,
    counted,
    endpoint_match,
    mock_match,
    wanted,
)
from .finds import Unusable

FIXTURE_KEYS = ("match", "response", "chaos", "metadata", *STREAM_KEYS)
EXACT_TURNS = (
    "aimock's turnIndex is exact here, as with AIMOCK_STRICT_TURN_INDEX=1; without that aimock "
    "takes the nearest turn if there is none of that number"
)
OF_STREAMS = ("pace", "chunk_size")  # keys of a response that a whole answer has no use for
IN_A_SEQUENCE = (
    "is the same for all APIs in a sequence: what one alone says (created, systemFingerprint, "
    "webSearches, reasoningSignature, redactedThinking) is left out"
)
MOST_FIXTURES = 100_000  # of a file


@record
class Fixture:
    """A fixture that can be used: where it stands, what it asks, and what it answers: `before` are
    errors that may come instead, and `number` is its place in a sequence, -1 without one."""

    place: str
    match: JsonObject
    before: Tuple[JsonObject, ...]
    variants: Tuple[Variant, ...]
    number: int = -1

    def response_to(self, match: JsonObject) -> JsonObject:
        """What it answers to requests of a variant."""
        fitting = [one for one in self.variants if one.match.items() <= match.items()]
        response = [*fitting, self.variants[-1]][0].response
        if match.get("stream") is not False:
            return response
        return {key: value for key, value in response.items() if key not in OF_STREAMS}


@record
class FixtureMocks:
    """What the fixtures of a file come to: mocks in order, what is to be told of each fixture that
    is not in them, or not all of it, and whether a turn is asked for."""

    mocks: Tuple[Json, ...]
    used: int
    unusable: Tuple[str, ...]
    notes: Tuple[str, ...]
    has_turns: bool = False


def is_fixtures(document: Json) -> bool:
    """Whether a JSON document is a file of fixtures."""
    return isinstance(document, dict) and isinstance(document.get("fixtures"), list)


def fixture_mocks(document: Mapping[str, Json]) -> FixtureMocks:
    """The mocks of a file's fixtures."""
    unusable: List[str] = []
    notes: List[str] = []
    usable: List[Fixture] = []
    for at, entry in enumerate(document["fixtures"][:MOST_FIXTURES]):
        place, telling = f"fixtures[{at}]", Telling()
        try:
            usable.append(read_fixture(place, entry, telling))
        except Unusable as error:
            unusable.append(f"{place}: {error}")
            continue
        notes += [f"{place}: {line}" for line in telling.lines]
    if len(document["fixtures"]) > MOST_FIXTURES:
        unusable.append(f"fixtures[{MOST_FIXTURES}] and all behind it: a file has too many")
    mocks: List[Json] = []
    used = 0
    for group in groups_of(usable):
        members = in_turn(group, unusable)
        made = list(mocks_of_group(members))
        problem = wrong_with(made, members[0].place) if members else ""
        if problem:
            unusable += [f"{member.place}: {problem}" for member in members]
            continue
        mocks += made
        used += len(members)
    has_turns = any("turn" in fixture.match for fixture in usable)
    return FixtureMocks(tuple(mocks), used, tuple(unusable), tuple(notes), has_turns)


def read_fixture(place: str, entry: Json, telling: Telling) -> Fixture:
    """One fixture; Unusable if no mock can be made of it."""
    wanted(entry, "fixture", "an object")
    telling.unknown("", entry, FIXTURE_KEYS)
    match = wanted(entry.get("match"), "match", "an object")
    match = {key: value for key, value in match.items() if value is not None}
    answer = mock_response(wanted(entry.get("response"), "response", "an object"), telling)
    asked = {**operation_of(match, answer), **mock_match(match, telling)}
    before, variants = chaotic(entry, delivered(entry, answer, telling), telling)
    scrubber = Scrubber()
    variants = tuple(Variant(one.match, scrubber.value(one.response)) for one in variants)
    if before and "probability" not in before[-1]:  # nothing else ever comes
        before, variants = before[:-1], (Variant({}, before[-1]),)
    if "sequenceIndex" not in match:
        return Fixture(place, asked, before, variants)
    if before:
        telling.note("chaos", "can't take the place of one answer in a sequence by chance")
    # Each mock counts for itself, so that requests of no two may fit the same answer.
    kept = [one for one in variants[:-1] if one.match.keys() <= {"stream"}]
    if len(kept) < len(variants) - 1:
        telling.note("response", IN_A_SEQUENCE)
    number = counted(match["sequenceIndex"], "match.sequenceIndex")
    return Fixture(place, asked, (), (*kept, variants[-1]), number)


def operation_of(match: JsonObject, answer: Translated) -> JsonObject:
    """What of a mock's `match` says which API a fixture is for."""
    if answer.endpoint:
        endpoint = match.get("endpoint", answer.endpoint)
        kin = {endpoint, answer.endpoint} <= {"transcription", "translation"}
        if endpoint in ENDPOINTS and endpoint != answer.endpoint and not kin:
            raise Unusable(f"match.endpoint {shown(endpoint)} has no answer of this kind")
        made = endpoint_match(match, answer.endpoint)
        if "endpoint" not in match and answer.endpoint == "transcription":
            made["api"] = ["transcriptions", "translations"]
        return made
    # Errors are for conversations and for embeddings, unless something says for which.
    if "endpoint" in match or match.keys() - {"model", "context", "sequenceIndex"}:
        return endpoint_match(match, "embedding" if "inputText" in match else "chat")
    return {"operation": ["generate", "embed"]}


def groups_of(fixtures: Sequence[Fixture]) -> Iterator[List[Fixture]]:
    """The fixtures, those together that are of one sequence, where its first one stands."""
    sequences: Dict[str, List[Fixture]] = {}
    groups: List[List[Fixture]] = []
    for fixture in fixtures:
        if fixture.number < 0:
            groups.append([fixture])
            continue
        key = sorted_compact(fixture.match)
        if key not in sequences:
            groups.append(sequences.setdefault(key, []))
        sequences[key].append(fixture)
    yield from groups


def in_turn(group: List[Fixture], unusable: List[str]) -> List[Fixture]:
    """The members of a sequence in turn; those that never come are told."""
    if group[0].number < 0:
        return group
    members: List[Fixture] = []
    for fixture in sorted(group, key=lambda one: one.number):
        if fixture.number == len(members):
            members.append(fixture)
        elif fixture.number < len(members):
            unusable.append(f"{fixture.place}: another one has its sequenceIndex, and comes first")
        else:
            unusable.append(
                f"{fixture.place}: match.sequenceIndex {fixture.number} never comes, for there is "
                f"no {len(members)}"
            )
    return members


def mocks_of_group(members: Sequence[Fixture]) -> Iterator[JsonObject]:
    """The mocks of one fixture, or of those of a sequence."""
    if not members:
        return
    match = members[0].match
    for response in (response for member in members for response in member.before):
        yield mock_with(match, {"response": response})
    is_sequence = members[0].number >= 0
    for asked in variants_of(members):
        responses = [member.response_to(asked) for member in members]
        answers: JsonObject = {"responses": responses} if len(responses) > 1 else {}
        if not answers:
            answers = {"response": responses[0]}
        if is_sequence:
            answers["times"] = len(responses)
        yield mock_with({**match, **asked}, answers)


def variants_of(members: Sequence[Fixture]) -> List[JsonObject]:
    """What requests must be, beside all else, for the variants of some fixtures; all comes last."""
    found: List[JsonObject] = []
    for one in (one for member in members for one in member.variants[:-1]):
        if one.match not in found:
            found.append(one.match)
    found.sort(key=len, reverse=True)
    general = members[0].variants[-1].match
    if members[0].number >= 0 and found:
        general = {**general, "stream": False}
    return [*found, general]


def mock_with(match: JsonObject, answers: JsonObject) -> JsonObject:
    """A mock, without a match that asks for nothing."""
    return {"match": match, **answers} if match else answers


def wrong_with(mocks: Sequence[Json], place: str) -> str:
    """What is wrong with mocks that were made of a fixture; empty if nothing is."""
    for made in mocks:
        try:
            parse_mock(MockNode.whole(made, place, no_file_at_all))
        except BadMock as error:
            return str(error).partition(": ")[2]
    return ""


def no_file_at_all(name: str) -> bytes:
    """Of a mock that names no files."""
    raise FileNotFoundError(name)
