"""Check a message just before the copy goes out, and hold back what is flagged."""

from headerguard import Envelope, Guard, Message, Severity, render

RECEIPT = (
    "From: Example Shop <no-reply@shop.example>\r\n"
    "To: {customer}\r\n"
    "Bcc: {copy}\r\n"
    "Subject: Your receipt\r\n"
    "Date: Sun, 07 Aug 2022 10:00:00 +0000\r\n"
    "\r\n"
    "Thank you.\r\n"
)


def copies(count: int = 30) -> list[Message]:
    """What the stream did so far: one customer each, always the same archive."""
    return [
        Message.from_bytes(RECEIPT.format(customer=f"c{i}@client-{i}.example", copy="audit@shop.example").encode())
        for i in range(count)
    ]


def main() -> int:
    """Learn the past, then check the message that is about to go out."""
    guard = Guard()
    guard.learn(copies())
    octets = RECEIPT.format(customer="jane@client.example", copy="copy@arxxwalls.com").encode()
    envelope = Envelope("no-reply@shop.example", ("jane@client.example", "copy@arxxwalls.com"), complete=True)
    report = guard.check(octets, envelope=envelope)
    if report.worst is not None and report.worst >= Severity.HIGH:
        print(render(report, "text"))
        return 1  # here: put the message on hold
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
