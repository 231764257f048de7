"""A stand-in for boto3's `sagemaker-runtime`, with a model of the test's own behind each endpoint."""

import csv
import io

from tests.support.stub_runtime import client_error, model_error


class Runtime:
    """Serves models: for each endpoint a function from a row's fields to P(yes), and the order of its labels."""

    def __init__(self, labels=("no", "yes"), **models):
        self.labels, self.models = labels, models
        self.rows = dict.fromkeys(models, 0)
        self.requests = dict.fromkeys(models, 0)

    def invoke_endpoint(self, EndpointName, ContentType, Accept, Body):
        if EndpointName not in self.models:
            raise client_error("ValidationError", message=f"Endpoint {EndpointName} not found.")
        rows = list(csv.reader(io.StringIO(Body.decode(), newline=""), strict=True))
        try:
            shares = [self.models[EndpointName](row) for row in rows]
        except LookupError:
            raise model_error(400, "I know no such row") from None
        self.rows[EndpointName] += len(rows)
        self.requests[EndpointName] += 1
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for share in shares:
            by_label = {"yes": share, "no": 1 - share}
            label = "yes" if share >= 0.5 else "no"
            writer.writerow(
                [label, max(by_label.values()), [by_label[name] for name in self.labels], list(self.labels)]
            )
        return {"Body": io.BytesIO(text.getvalue().encode())}
