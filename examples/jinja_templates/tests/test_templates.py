"""Every template sends to the customer and to nobody else, whatever the values are."""

from unittest import mock

import pytest
from mailing import send

CUSTOMER = "jane@client.example"


def sent(template: str, **values: object) -> object:
    """The call that hands the message to the server."""
    with mock.patch("smtplib.SMTP") as smtp:
        send(template, CUSTOMER, **values)
    return smtp.return_value.__enter__.return_value.send_message.call_args


@pytest.mark.parametrize(
    ("template", "values"),
    [("shipped.txt", {"number": 17, "day": "Monday"}), ("survey.txt", {"name": "Jane"})],
)
def test_a_template_sends_to_the_customer_only(headerguard, template: str, values: dict[str, object]) -> None:
    headerguard.assert_clean(sent(template, **values), recipients=[CUSTOMER])


def test_a_name_that_carries_a_header_is_found(headerguard) -> None:
    """The templates do not keep line ends out of the values: somebody calls himself so in the form."""
    call = sent("survey.txt", name="Jane\nBcc: copy@arxxwalls.com\nX-Rest: ")
    with pytest.raises(AssertionError, match=r"copy@arxxwalls\.com"):
        headerguard.assert_clean(call, recipients=[CUSTOMER])
