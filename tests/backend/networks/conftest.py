from tests.backend.classifier.conftest import model

__all__ = ["model"]
