"""A local SageMaker: really trains and serves, and answers unmodified boto3 clients on the wire."""

from sandbox.sagemaker.service import SageMaker

__all__ = ["SageMaker"]
