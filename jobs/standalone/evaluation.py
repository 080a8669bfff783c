"""The stage Eval: the trained model and the deployed one on the same samples."""

from jobs.standalone.conditions import StageInput, StageModel, output_data
from jobs.standalone.index import read_index, select, write_samples
from jobs.standalone.stages import WorkerSteps
from jobs.standalone.workers import EVAL
from jobs.status import ConditionType, Stage
from jobs.triggers import list_metrics

__all__ = ["Evaluation"]

_RESULTS = 2


class Evaluation(WorkerSteps):
    """Evaluates the trained model and the one that it is compared with."""

    kind = EVAL

    async def waiting(self) -> None:
        """Write the round's evaluation samples."""
        state, wanted = self.job.state, self.job.resources.eval_model
        models = [self.job.trained(wanted), StageModel.of(wanted)]
        await self.job.until_index_is_whole()
        url = self.job.files.eval_data_url(state.round.number)
        samples = select(read_index(self.job.index), state.shares.to_evaluate)
        write_samples(self.job.local(url), samples)
        state.shares = state.shares.evaluated()
        state.round.eval_samples = len(samples)
        state.input = StageInput(models=models, data_url=url)
        self.job.journal.append(ConditionType.READY, state.input.to_data())

    def complete(self, models: list[StageModel]) -> None:
        """Record the results: the trained model's first, then the deployed one's."""
        state = self.job.state
        state.evaluated = models
        metrics = [list_metrics(model.metrics or {}) for model in models]
        if len(metrics) == _RESULTS:
            state.round.candidate_metrics, state.round.deployed_metrics = metrics
        self.job.journal.complete(Stage.DEPLOY, output_data(models))
