"""A stand-in for boto3's `sagemaker-runtime`: the one seam at which scoring is cut off from SageMaker."""

import csv
import io
import threading
import time

from botocore.exceptions import ClientError


def client_error(code, status=400, message="", **extra):
    """What boto3 raises for an answer with this code."""
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **extra,
    }
    return ClientError(response, "InvokeEndpoint")


def model_error(status, message):
    """What boto3 raises when the container answered with this status."""
    wrapped = f'Received client error ({status}) from primary with message "{message}".'
    return client_error("ModelError", 424, wrapped, OriginalStatusCode=status, OriginalMessage=message)


def probability_of(row):
    """P(yes) that the stub gives a row: it follows from the row alone, so that a mixed-up order shows."""
    return f"{(sum(map(ord, ''.join(row))) % 997) / 997:.6f}"


def shares_of(row, labels):
    """The probability of each of several labels, determined by the row's fields."""
    weights = [int(probability_of([*row, label]).replace(".", "")) + 1 for label in labels]
    return [f"{weight / sum(weights):.6f}" for weight in weights]


def number_of(row):
    """The number that a row gets where numbers are predicted, some of them negative."""
    return f"{1000 * float(probability_of(row)) - 300:.3f}"


class StubRuntime:
    """Answers as an ensembling container does, after `before(rows)`, which may raise or wait.

    Without labels it predicts numbers.
    """

    def __init__(self, before=lambda rows: None, labels=("no", "yes")):
        self.before, self.labels = before, list(labels)
        self.requests = []
        self.most_at_once = 0
        self._running = 0
        self._lock = threading.Lock()

    def invoke_endpoint(self, EndpointName, ContentType, Accept, Body):
        assert (ContentType, Accept) == ("text/csv", "text/csv")
        rows = list(csv.reader(io.StringIO(Body.decode(), newline=""), strict=True))
        with self._lock:
            self.requests.append((EndpointName, rows, len(Body)))
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
        try:
            self.before(rows)
            return {"Body": io.BytesIO(self.answer(rows).encode())}
        finally:
            with self._lock:
                self._running -= 1

    def answer(self, rows):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for row in rows:
            if len(self.labels) != 2:
                writer.writerow(self._other_answer(row))
                continue
            yes = probability_of(row)
            no = f"{1 - float(yes):.6f}"
            label = self.labels[float(yes) >= 0.5]
            writer.writerow([label, max(yes, no), f"[{no}, {yes}]", repr(self.labels)])
        return text.getvalue()

    def _other_answer(self, row):
        if not self.labels:
            return [number_of(row)]
        shares = shares_of(row, self.labels)
        label = self.labels[shares.index(max(shares))]
        return [label, max(shares), f"[{', '.join(shares)}]", repr(self.labels)]


def waits_at_random(rows):
    """Returns answers in another order than that of the requests."""
    time.sleep(int(probability_of(rows[0])[-1]) / 1000)
