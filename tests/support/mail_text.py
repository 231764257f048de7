"""What a mail says, without the line breaks that fit it into 72 columns."""


def text_of(mail):
    """The body on one line."""
    return " ".join(mail.body.split())
