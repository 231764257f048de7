"""Caches results that moto computes repeatedly while users wait."""

import functools
import logging
from typing import Any, cast

from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor


def install() -> None:
    """Speed up moto in this process; idempotent."""
    cast(Any, AmazonStateLanguageParser).parse = staticmethod(_parse_definition)
    # With more concurrent states than connections, it warns that it drops some. That is harmless here.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


_parse_and_evaluate = AmazonStateLanguageParser.parse


@functools.lru_cache(maxsize=16)
def _definition_tree(definition: str) -> Any:
    return _parse_and_evaluate(definition)[1]


def _parse_definition(definition: str) -> Any:
    """A state machine's text is parsed once instead of at every execution, which takes a tenth of a second."""
    tree = _definition_tree(definition)
    return Preprocessor().visit(tree), tree
