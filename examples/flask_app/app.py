"""A Flask application that sends an invitation."""

from flask import Flask, render_template, request
from flask_mail import Mail, Message

mail = Mail()


def create_app(**config: object) -> Flask:
    """Make the application."""
    app = Flask(__name__)
    app.config.update(MAIL_DEFAULT_SENDER=("Example Shop", "no-reply@shop.example"), MAIL_COPY_TO=None)
    app.config.update(config)
    mail.init_app(app)

    @app.post("/invite")
    def invite() -> str:
        """Invite a friend of a customer."""
        message = Message("An invitation", recipients=[request.form["friend"]], reply_to="help@shop.example")
        message.body = render_template("invitation.txt", name=request.form["name"])
        if app.config["MAIL_COPY_TO"]:
            message.bcc = [app.config["MAIL_COPY_TO"]]
        mail.send(message)
        return "sent"

    return app
