"""The code of functions and layers: unpacks ZIPs from S3, each into a folder of its own."""

import base64
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

from moto.s3.models import s3_backends

from sandbox.errors import TemplateError


class Artefacts:
    """The folders of artefacts, each unpacked once below `folder`."""

    def __init__(self, folder: Path, account_id: str) -> None:
        self._folder = folder
        self._account_id = account_id
        self._installed: dict[tuple[str, str], Path] = {}

    def stand_in(self, bucket: str, key: str, folder: Path) -> None:
        """Use `folder` for this artefact instead of the object in S3."""
        self._installed[bucket, key] = folder

    def in_s3(self, bucket: str, key: str, version: str | None = None) -> Path:
        """The folder with the files of an artefact; raises TemplateError if it is missing or not a ZIP."""
        if version is None and (bucket, key) in self._installed:
            return self._installed[bucket, key]
        try:
            stored = s3_backends[self._account_id]["aws"].get_object(bucket, key, version)
        except Exception as error:
            raise TemplateError(f"There is no artefact s3://{bucket}/{key}: {error}") from error
        if stored is None:
            raise TemplateError(f"There is no artefact s3://{bucket}/{key}.")
        return self.unpacked(stored.value)

    def unpacked(self, archive: bytes) -> Path:
        """The folder with the files of a ZIP; raises TemplateError if it is not one."""
        target = self._folder / hashlib.sha256(archive).hexdigest()[:32]
        if target.exists():
            return target
        unfinished = target.with_suffix(".part")
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as files:
                for member in files.infolist():
                    path = Path(files.extract(member, unfinished))
                    # zipfile ignores permissions, but Lambda keeps them.
                    if mode := member.external_attr >> 16 & 0o777:
                        path.chmod(mode | 0o400)
        except zipfile.BadZipFile as error:
            raise TemplateError(
                "Could not unzip uploaded file. Please check your file, then try to upload again."
            ) from error
        unfinished.mkdir(parents=True, exist_ok=True)
        unfinished.rename(target)
        return target

    def of(self, code: dict[str, Any]) -> Path:
        """The folder of a function's `Code` or a layer's `Content`, as Lambda's API has them."""
        if "ZipFile" in code:
            archive = code["ZipFile"]
            return self.unpacked(archive if isinstance(archive, bytes) else base64.b64decode(archive))
        return self.in_s3(code["S3Bucket"], code["S3Key"], code.get("S3ObjectVersion"))
