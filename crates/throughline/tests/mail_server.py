"""A real mail server for the tests: aiosmtpd on a free port of this machine.

    python mail_server.py

takes messages in the clear; with CERTIFICATE KEY USER PASSWORD behind it only after STARTTLS and a login. It
prints its port, then a line of JSON for each message that it took: the envelope, and what Python's own
e-mail package reads from it. A line on standard input with a number makes it refuse that many messages
for now (451). It ends when its standard input does.
"""

import email
import email.policy
import json
import socket
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Handler:
    refuses = 0

    async def handle_DATA(self, _server, _session, envelope):
        if Handler.refuses > 0:
            Handler.refuses -= 1
            return "451 later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: message.get_body(preferencelist=(kind,)).get_content()
        taken = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "fields": [name for name in message.keys()],
            "header_to": message["To"],
            "subject": message["Subject"],
            "id": message["Message-ID"],
            "text": part("plain").replace("\r\n", "\n"),
            "html": part("html").replace("\r\n", "\n"),
            "parts": [each.get_content_type() for each in message.walk()],
            "defects": [str(defect) for each in message.walk() for defect in each.defects],
        }
        print(json.dumps(taken), flush=True)
        return "250 taken"


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
secrets = {}
if len(sys.argv) > 1:
    certificate, key, user, password = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    def login(_server, _session, _envelope, _mechanism, data):
        right = (data.login.decode(), data.password.decode()) == (user, password)
        return AuthResult(success=right, handled=right)

    secrets = {"tls_context": context, "require_starttls": True, "auth_required": True, "authenticator": login}
controller = Controller(Handler(), hostname="127.0.0.1", port=port, **secrets)
controller.start()
print(port, flush=True)
for line in sys.stdin:
    Handler.refuses = int(line)
controller.stop()
