from tests.support.scoring_fixtures import client, s3

__all__ = ["client", "s3"]
