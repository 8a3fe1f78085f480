"""Watch the mail a system sends: who receives each message, who else is named in it, and is any of that new?"""

from headerguard.message import Envelope, Message
__all__=["Envelope","Message"]
