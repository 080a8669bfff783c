"""The page that people write says what the manifests and the demo do."""

import re
from pathlib import Path

from demo.scenario import Scenario
from demo.usecase.tables import blocks
from docs.tools.markdown import block_names
from jobs.resources.loader import load_job
from tests.demo.usecase.conftest import MakeRecord

REPOSITORY = Path(__file__).parents[3]
PAGE = (REPOSITORY / "docs" / "use-case-report.md").read_text(encoding="utf-8")


def test_the_page_has_every_block(make_record: MakeRecord) -> None:
    assert sorted(block_names(PAGE)) == sorted(blocks([make_record()], []))


def test_the_page_names_the_values_of_the_manifests() -> None:
    spec = load_job([REPOSITORY / "manifests"]).job.spec
    training = spec.train_spec.template.spec.containers[0].environment
    mining = spec.deploy_spec.hard_example_mining
    assert f"{training['epochs']} epochs, batches of {training['batch_size']}, Adam" in PAGE
    assert f"up to {training['learning_rate']}, `fine_tune={training['fine_tune']}`" in PAGE
    assert f"up to {training['replay']} samples of earlier rounds" in PAGE
    assert f"first {100 * spec.dataset.train_prob:.0f} % of each increment" in PAGE
    assert f"`{spec.train_spec.trigger.condition}`" in PAGE
    assert f"`{spec.deploy_spec.trigger.condition}`" in PAGE
    [parameter] = mining.parameters
    assert f"`{mining.name}({parameter.key}={parameter.value})`" in PAGE


def test_the_page_names_the_numbers_of_the_demo() -> None:
    scenario = Scenario()
    assert f"| initial training | {scenario.initial_training} | day |" in PAGE
    assert f"trained from scratch, {scenario.initial_epochs} epochs" in PAGE
    assert f"| dataset at the start | {scenario.dataset} | day |" in PAGE
    assert f"| stream | {scenario.stream_step} at a time | night |" in PAGE
    assert f"| labelled hard examples | {scenario.labels_per_round} a round | night |" in PAGE


def test_a_table_has_as_many_cells_in_each_row() -> None:
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        assert len({row.count("|") for row in table.splitlines()}) == 1, table
