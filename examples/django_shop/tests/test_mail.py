"""Right person in the list, and nobody else."""

from django.core import mail
from shop.mail import send_password_reset, send_receipt


def test_a_receipt_goes_to_the_customer_only(headerguard) -> None:
    send_receipt(17, "Jane", "jane@client.example")
    assert "order 17" in mail.outbox[0].body
    headerguard.assert_clean(mail.outbox[0], recipients=["jane@client.example"])


def test_a_new_password_goes_to_the_customer_only(headerguard) -> None:
    send_password_reset("jane@client.example", "https://shop.example/reset/1")
    headerguard.assert_clean(mail.outbox[0], recipients=["jane@client.example"])
