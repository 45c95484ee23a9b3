"""The tool author's testing kit: call a tool as the loop would, see it as a model would, and run the conformance suite.

It needs no pytest and no server. The suite in ten lines of pytest:

    @pytest.mark.parametrize("subject", [Subject(weather, {"city": "Oslo"})], ids=str)
    @pytest.mark.parametrize("check", CHECKS, ids=str)
    async def test_the_tool_conforms(check, subject):
        assert await check.run(subject) == ()
"""

from toolyard_sdk.testing.calling import call
from toolyard_sdk.testing.checks import CHECKS, findings
from toolyard_sdk.testing.discovery import tools_of
from toolyard_sdk.testing.fakes import FixedClock, Recorder
from toolyard_sdk.testing.findings import Check, Finding, Subject
from toolyard_sdk.testing.network import RecordedEgress, Sent
from toolyard_sdk.testing.presenting import Presentation, presentation
from toolyard_sdk.testing.schemas import schema_problems
from toolyard_sdk.testing.values import value_problems

__all__ = [
    "CHECKS",
    "Check",
    "Finding",
    "FixedClock",
    "Presentation",
    "RecordedEgress",
    "Recorder",
    "Sent",
    "Subject",
    "call",
    "findings",
    "presentation",
    "schema_problems",
    "tools_of",
    "value_problems",
]
