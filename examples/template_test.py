"""A unit test of a template that fails when anybody else is in the list. Run it with pytest."""

from email.message import EmailMessage

import pytest

from headerguard import FindingsError, Guard


def receipt(customer: str, *, bcc: str | None = None) -> EmailMessage:
    """The code under test: builds the receipt; a setting may add a blind copy."""
    message = EmailMessage()
    message["From"] = "Example Shop <no-reply@shop.example>"
    message["To"] = customer
    message["Subject"] = "Your receipt"
    if bcc:
        message["Bcc"] = bcc
    message.set_content("Thank you.")
    return message


def test_receipt_goes_to_the_customer_only() -> None:
    """Right person in the list, and nobody else."""
    report = Guard().check(receipt("jane@client.example"), recipients=["jane@client.example"], blind=[])
    report.raise_for_findings()


def test_a_setting_that_adds_a_copy_is_caught() -> None:
    """What happens when somebody adds a blind copy in the settings."""
    planted = receipt("jane@client.example", bcc="copy@arxxwalls.com")
    report = Guard().check(planted, recipients=["jane@client.example"], blind=[])
    with pytest.raises(FindingsError, match=r"copy@arxxwalls\.com"):
        report.raise_for_findings()
