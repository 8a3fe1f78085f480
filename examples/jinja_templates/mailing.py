"""Mail from Jinja templates, handed to a server without any framework. The header stands in the template, too."""

import smtplib
from email import message_from_string
from email.policy import SMTP
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")), undefined=StrictUndefined, autoescape=False
)


def send(template: str, customer: str, **values: object) -> None:
    """Render a template and send it to the customer."""
    text = TEMPLATES.get_template(template).render(customer=customer, **values)
    with smtplib.SMTP("mail.shop.example") as server:
        server.send_message(message_from_string(text, policy=SMTP))
