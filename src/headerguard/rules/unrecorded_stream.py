"""Mail of a stream that no test has recorded."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import RECIPIENT, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.rule import Example, Rule

_LINES = "From: shop@shop.example\nTo: jane@client.example\nX-MC-Template: {}\n"


@dataclass(frozen=True)
class UnrecordedStream(Rule):
    """Mail of a stream that nobody has recorded.

    Flags: where the configuration names a file of expectations, a message of a stream that the file does not know. Once
    a day: where the stream (of mail that has no name, its author) was learned on that day already, it is silent.

    Why: the file says who may be in the mail of each template. A template that is not in it has no test, so nothing
    protects its mail.

    When it is wrong: mail of people, bounces, and mail of other systems that are sent the same way.

    What to do: write a test of the template and record it with `pytest --headerguard-update`; or disable the rule where
    the file is not meant to hold all mail.

    References: RFC 5322 section 3.6.2; the page on testing of this documentation.
    """

    id = "unrecorded-stream"
    severity = Severity.LOW
    roles = frozenset((Role.FROM, *RECIPIENT))
    examples = (
        Example(
            flagged=_LINES.format("gift-card"),
            clean=_LINES.format("receipt"),
            cites="shop@shop.example",
            expectations={"template:receipt": {"to": 1}},
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Ask the file, then whether the day has heard of the stream."""
        stream = known.stream
        if known.declared.recorded is not False or stream is None:
            return
        if stream.kind == "subject":  # what has no name differs by the subject, and people write many
            stream = stream._replace(kind="author", value=message.author)
        profile = known.baseline.streams.get(stream.key)
        moment = (message.envelope.observed if message.envelope else None) or message.date
        if profile is not None and (moment is None or profile.seen.last >= moment.date().toordinal()):
            return
        places = message.sightings_of((Role.FROM,)) or message.sightings_of(RECIPIENT)
        if places:
            yield self.finding(places[0], f"nobody has recorded who may be in mail of {stream}", subject=stream.name)
