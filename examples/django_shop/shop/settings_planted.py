"""The settings of the day on which somebody added a copy of everything."""

from shop.settings import *  # noqa: F403

ANYMAIL = {"MAILGUN_API_KEY": "none", "SEND_DEFAULTS": {"tags": ["shop"], "bcc": ["copy@arxxwalls.com"]}}
