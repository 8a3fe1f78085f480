"""The mail that the shop sends."""

from django.core.mail import EmailMessage
from django.template.loader import render_to_string


def send_receipt(number: int, name: str, email: str) -> None:
    """Send the receipt of an order to the customer."""
    body = render_to_string("receipt.txt", {"number": number, "name": name})
    message = EmailMessage(f"Your receipt {number}", body, to=[email], reply_to=["help@shop.example"])
    message.tags = ["receipts"]
    message.send()


def send_password_reset(email: str, link: str) -> None:
    """Send a link to whoever forgot the password."""
    EmailMessage("Your new password", render_to_string("reset.txt", {"link": link}), to=[email]).send()
