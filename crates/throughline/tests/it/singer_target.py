"""The standard target suite of the Singer SDK, run against our program.

The suite knows targets as Python classes. This one gathers what it is told, hands it to the program and
turns the program's codes into the exceptions that the suite expects.
"""

import json
import os
import subprocess
import sys

from singer_sdk import Target
from singer_sdk import typing as th
from singer_sdk.exceptions import MissingKeyPropertiesError, RecordsWithoutSchemaException
from singer_sdk.testing import get_target_test_class, target_tests
from singer_sdk.testing.suites import SingerTestSuite

PROGRAM = os.environ["TARGET_THROUGHLINE"]
CONFIG = {"project": os.environ["TARGET_PROJECT"]}


class Throughline(Target):
    """Passes lines to the program."""

    name = "target-throughline"
    config_jsonschema = th.PropertiesList(th.Property("project", th.StringType)).to_dict()

    def process_lines(self, file_input):
        """Gathers the lines."""
        self.lines = file_input.read()

    def process_endofpipe(self):
        """Runs the program on all lines at once."""
        path = os.path.join(os.getcwd(), "config.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(CONFIG, file)
        done = subprocess.run(
            [PROGRAM, "--config", path],
            input=self.lines,
            capture_output=True,
            text=True,
            check=False,
        )
        sys.stdout.write(done.stdout)
        sys.stderr.write(done.stderr)
        said = " ".join(done.stderr.split())
        if "comes before its SCHEMA" in said:
            raise RecordsWithoutSchemaException(said)
        if "which is part of its key" in said:
            raise MissingKeyPropertiesError(said)
        if done.returncode != 0:
            raise RuntimeError(said)


MORE = SingerTestSuite(
    kind="target", tests=[target_tests.TargetRecordMissingRequiredProperty]
)

TestThroughline = get_target_test_class(
    target_class=Throughline, config=CONFIG, custom_suites=[MORE]
)
