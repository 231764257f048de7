"""The rules of CreateTransformJob beyond the shape of its request."""

from typing import Any

from sandbox.sagemaker.batch.csv_filter import CsvFilter
from sandbox.sagemaker.wire.errors import ValidationException

LARGEST_PAYLOAD_MEGABYTES = 100
DEFAULT_PAYLOAD_MEGABYTES = 6
_MOST_INSTANCES = 100
_CSV = "text/csv"


def check_transform_request(request: dict[str, Any]) -> None:
    """Raises ValidationException if SageMaker refuses the request or the sandbox does not support it."""
    _check_offered(request)
    _check_payload(request)
    if request["TransformResources"]["InstanceCount"] > _MOST_INSTANCES:
        raise ValidationException(f"TransformResources: InstanceCount must not exceed {_MOST_INSTANCES}.")
    if request["TransformInput"].get("SplitType", "None") == "None" and "BatchStrategy" in request:
        raise ValidationException("BatchStrategy requires a SplitType other than None.")
    _check_processing(request)


def _check_offered(request: dict[str, Any]) -> None:
    data = request["TransformInput"]
    source = data["DataSource"]["S3DataSource"]
    if source["S3DataType"] != "S3Prefix":
        raise _not_offered(f"TransformInput: S3DataType {source['S3DataType']}")
    if data.get("SplitType", "None") not in ("None", "Line"):
        raise _not_offered(f"TransformInput: SplitType {data['SplitType']}")
    if data.get("CompressionType", "None") != "None":
        raise _not_offered(f"TransformInput: CompressionType {data['CompressionType']}")
    for uri in (source["S3Uri"], request["TransformOutput"]["S3OutputPath"]):
        if not uri.startswith("s3://"):
            raise _not_offered(f"{uri}: a URI that does not begin with s3://")
    for member in ("DataCaptureConfig", "ExperimentConfig"):
        if member in request:
            raise _not_offered(member)


def _check_payload(request: dict[str, Any]) -> None:
    megabytes = request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MEGABYTES)
    if megabytes == 0:
        raise _not_offered("MaxPayloadInMB 0 (HTTP chunked encoding)")
    if megabytes > LARGEST_PAYLOAD_MEGABYTES:
        raise ValidationException(f"MaxPayloadInMB cannot be greater than {LARGEST_PAYLOAD_MEGABYTES} MB.")
    if megabytes * request.get("MaxConcurrentTransforms", 0) > LARGEST_PAYLOAD_MEGABYTES:
        raise ValidationException(
            f"MaxConcurrentTransforms * MaxPayloadInMB cannot exceed {LARGEST_PAYLOAD_MEGABYTES} MB."
        )


def _check_processing(request: dict[str, Any]) -> None:
    processing = request.get("DataProcessing", {})
    filters = [
        CsvFilter(processing.get(member, "$"), f"DataProcessing: {member}")
        for member in ("InputFilter", "OutputFilter")
    ]
    if all(each.takes_all for each in filters) and processing.get("JoinSource", "None") == "None":
        return
    data, output = request["TransformInput"], request["TransformOutput"]
    if (data.get("ContentType"), output.get("Accept")) != (_CSV, _CSV):
        raise ValidationException(
            f"DataProcessing needs the same format of input and output; here ContentType and Accept {_CSV}."
        )
    if (data.get("SplitType"), output.get("AssembleWith")) != ("Line", "Line"):
        raise ValidationException("DataProcessing of text/csv needs SplitType Line and AssembleWith Line.")


def _not_offered(what: str) -> ValidationException:
    return ValidationException(f"{what} is not offered in the sandbox.")
