"""The local Domino on a port of loopback, with moto's S3 server behind it, and a client of both its wires."""

import csv
import io
import random
from contextlib import contextmanager
from threading import Thread

import boto3
import requests
from moto.server import ThreadedMotoServer
from werkzeug.serving import make_server

from sandbox.domino import Domino

TOKEN = "sandbox-token"
BUCKET = "bank"


@contextmanager
def bucket_server():
    """A client of an S3 server that has the bucket."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    s3 = boto3.client(
        "s3",
        "us-east-1",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    s3.create_bucket(Bucket=BUCKET)
    yield s3
    server.stop()


@contextmanager
def domino_client(s3, folder, mailbox):
    """A client of a Domino of its own."""
    domino = Domino(folder, s3.meta.endpoint_url, mailbox, TOKEN)
    server = make_server("127.0.0.1", 0, domino, threaded=True)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    client = Client(server.server_port)
    yield client
    client.session.close()
    server.shutdown()
    server.server_close()
    thread.join(5)
    domino.close()


class Client:
    """A client of Domino, with the valid token by default."""

    def __init__(self, port):
        self.root = f"http://127.0.0.1:{port}/domino"
        self.session = requests.Session()
        self.session.trust_env = False

    def v0(self, method, path, body=None, token=TOKEN):
        headers = {"Authorization": token} if token is not None else {}
        url = f"{self.root}/api/v0/models/{path}"
        return self.session.request(method, url, json=body, headers=headers, timeout=10)

    def v2(self, method, path, body=None, headers=None, base="model-monitor/v2/api"):
        headers = {"X-Domino-Api-Key": TOKEN} if headers is None else headers
        return self.session.request(
            method, f"{self.root}/{base}/{path}", json=body, headers=headers, timeout=10
        )

    def control(self, method, path, body=None):
        return self.session.request(method, f"{self.root}/_control/{path}", json=body, timeout=40)

    def settle(self, model_id):
        """The model as the control page shows it once everything is ingested."""
        assert self.control("GET", "idle?timeout_seconds=30").status_code == 200
        return self.control("GET", f"models/{model_id}").json()


def location(key):
    return f"https://{BUCKET}.s3.us-east-1.amazonaws.com/{key}"


def upload(s3, key, rows, columns=("id", "age", "job"), delimiter=","):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([columns, *rows])
    s3.put_object(Bucket=BUCKET, Key=key, Body=text.getvalue().encode())
    return location(key)


def people(seed, count=2000, age=40, jobs=("admin.", "student")):
    draw = random.Random(seed)
    return [(number, round(draw.gauss(age, 10), 1), draw.choice(jobs)) for number in range(count)]
