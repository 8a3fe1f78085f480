"""Settings of the shop: mail goes out by way of django-anymail."""

SECRET_KEY = "for the example alone"
INSTALLED_APPS = ["anymail", "shop"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
USE_TZ = True

DEFAULT_FROM_EMAIL = "Example Shop <no-reply@shop.example>"
EMAIL_BACKEND = "anymail.backends.mailgun.EmailBackend"
ANYMAIL = {"MAILGUN_API_KEY": "none", "SEND_DEFAULTS": {"tags": ["shop"]}}
