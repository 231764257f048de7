"""A local SageMaker that trains and serves real models, and answers unmodified boto3 clients over HTTP."""

from sandbox.sagemaker.service import SageMaker

__all__ = ["SageMaker"]
