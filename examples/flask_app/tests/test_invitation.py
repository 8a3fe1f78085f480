"""An invitation goes to the friend, and a copy to whom the settings name and to nobody else."""

import pytest
from app import create_app, mail

FORM = {"friend": "jane@client.example", "name": "Mike"}


def invited(**config: object) -> object:
    """The message that the request sends."""
    app = create_app(TESTING=True, **config)
    with app.app_context(), mail.record_messages() as outbox:
        assert app.test_client().post("/invite", data=FORM).status_code == 200
    assert len(outbox) == 1
    return outbox[0]


def test_an_invitation_goes_to_the_friend_only(headerguard) -> None:
    headerguard.assert_clean(invited(), recipients=["jane@client.example"])


def test_a_copy_goes_to_the_archive_of_the_shop_only(headerguard) -> None:
    message = invited(MAIL_COPY_TO="audit@shop.example")
    headerguard.assert_clean(message, recipients=["jane@client.example"], blind=["audit@shop.example"])


def test_another_copy_is_found(headerguard) -> None:
    message = invited(MAIL_COPY_TO="copy@arxxwalls.com")
    with pytest.raises(AssertionError, match=r"copy@arxxwalls\.com"):
        headerguard.assert_clean(message, recipients=["jane@client.example"], blind=["audit@shop.example"])
