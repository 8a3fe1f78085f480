"""A rule of one's own. As a plugin: an entry point in the group "headerguard.rules", enabled in headerguard.toml."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard import Example, Finding, Guard, Known, Message, Role, Rule, Severity, check_examples


@dataclass(frozen=True)
class OrderCopyOutsideRegion(Rule):
    """A copy of an order leaves the region it was placed in.

    Flags: a hidden recipient whose domain is not under one of the suffixes.
    Why: the order holds personal data that must stay in the region.
    When it is wrong: the partner uses a domain of another region.
    What to do: add the suffix, or find who added the copy.
    References: the data protection agreement.
    """

    id = "acme.order-copy-outside-region"
    severity = Severity.MEDIUM
    roles = frozenset((Role.BCC, Role.ENVELOPE, Role.CONTROL))
    examples = (
        Example(
            flagged="To: jane@client.fr\nBcc: copies@partner.example\n",
            clean="To: jane@client.fr\nBcc: copies@partner.fr\n",
            cites="copies@partner.example",
        ),
    )
    suffixes: tuple[str, ...] = (".fr", ".de")

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Look at the hidden recipients."""
        for recipient in message.recipients:
            if recipient.hidden and not recipient.address.domain.endswith(self.suffixes):
                yield self.finding(recipient, f"order copied to {recipient.address}")


def main() -> int:
    """Test the rule by its examples, then run it beside nothing else."""
    problems = check_examples(OrderCopyOutsideRegion)
    print("\n".join(problems) or "the examples hold")
    guard = Guard(rules=[OrderCopyOutsideRegion(suffixes=(".fr",))])
    report = guard.check(b"To: jane@client.fr\r\nBcc: copies@partner.de\r\n\r\n")
    print(report.findings[0].summary)
    return len(problems)


if __name__ == "__main__":
    raise SystemExit(main())
